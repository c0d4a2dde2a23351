import { describe, expect, it } from 'vitest';
import type { Run } from '../../../lambdas/backfill/run.ts';
import { checkUsersInFlight, dropFailingUsers } from '../../../lambdas/backfill/users-in-flight.ts';
import { BACKFILL_WAIT } from '../../../shared/quota/retry-policy.ts';
import type { Postponement } from '../../../shared/store/postponed-store.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { start } from '../../support/backfill-start.ts';
import { begin } from '../../support/backfill-steps.ts';
import { CATALOG, failingFor, fresh, NOON, synced } from '../../support/backfill-users.ts';

const MINUTE_MS = 60_000;
const NOW = NOON + 60 * MINUTE_MS;
const SENT_AT = NOW - 10_000;
const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => String(from + index));
const iso = (ms: number) => new Date(ms).toISOString();

const newRun = async (state: Partial<Run> = {}): Promise<Run> => ({
  ...(await begin({}, start(1).context)),
  lastProgressAt: NOW - 1,
  ...state,
});

describe('the users in flight', () => {
  /** Checks the users of a run against the table. @returns the ids that each read asked for. */
  async function check(run: Run, userAt: (index: number) => User | undefined, used = mapping) {
    const { ports } = start(1);
    const reads: (readonly string[])[] = [];
    ports.users = async (userIds) => {
      reads.push(userIds);
      return userIds.flatMap((userId) => userAt(Number(userId)) ?? []);
    };
    await checkUsersInFlight(run, ports, { mapping: used, catalog: CATALOG, now: NOW });
    return reads;
  }
  const withCrm = (user: User, crm: Partial<CrmState>): User => ({ ...user, crm: { ...user.crm, ...crm } });
  const upToDateAt = (index: number) => synced(fresh(index), NOW);
  const upToDate = upToDateAt(0);
  const untagged = withCrm(upToDate, { tagIds: undefined });
  const rejectedAt = (at: number) =>
    withCrm(fresh(0), { rejection: { reason: 'refused-by-crm', errorId: 'e', at: iso(at) } });
  const inFlight = { sent: [{ userId: '0', sentAt: SENT_AT }] };
  const finished = { sent: [], lastDoneAt: NOW, lastProgressAt: NOW };
  const nothing = { done: 0, rejected: {}, pendingTags: { userIds: [], bytes: 0, since: NOON } };
  const unchanged = { ...nothing, ...inFlight, lastDoneAt: 0, lastProgressAt: NOW - 1 };

  it.each([
    ['who is up to date is done', upToDate, { ...nothing, ...finished, done: 1 }],
    ['who was deleted is done', undefined, { ...nothing, ...finished, done: 1 }],
    ['without a contact is still in flight', fresh(0), unchanged],
    ['whose fields differ is still in flight', { ...upToDate, firstName: 'Ann' }, unchanged],
    [
      'of whom only tags differ waits for a tag job',
      untagged,
      { ...nothing, ...finished, pendingTags: { userIds: ['0'], bytes: 1, since: NOW } },
    ],
    [
      'whose email is no longer usable is rejected',
      { ...fresh(0), email: 'nobody' },
      { ...nothing, ...finished, rejected: { 'no-usable-email': 1 } },
    ],
    [
      'whom the CRM has refused since is rejected',
      rejectedAt(SENT_AT),
      { ...nothing, ...finished, rejected: { 'refused-by-crm': 1 } },
    ],
    [
      'whom the CRM has refused since, by a clock that is a second late, is rejected',
      rejectedAt(SENT_AT - 1000),
      { ...nothing, ...finished, rejected: { 'refused-by-crm': 1 } },
    ],
    ['whom the CRM refused before is still in flight', rejectedAt(SENT_AT - 1001), unchanged],
  ])('a user %s', async (_, user, expected) => {
    const run = await newRun(inFlight);
    await check(run, () => user as User | undefined);
    expect(run).toMatchObject(expected);
    expect(run.rejected).toEqual(expected.rejected);
  });

  it('are rejected if the mapping throws for them, by the name of the error', async () => {
    const run = await newRun(inFlight);
    await check(run, fresh, failingFor('0'));
    expect(run).toMatchObject({ ...finished, rejected: { 'mapping-fails (TypeError)': 1 } });
  });

  it('are not read when there are none', async () => {
    const run = await newRun();
    expect(await check(run, fresh)).toEqual([]);
    expect(run.sent).toEqual([]);
  });

  it('are counted with those of earlier checks', async () => {
    const run = await newRun({
      sent: ids(0, 3).map((userId) => ({ userId, sentAt: SENT_AT })),
      done: 5,
      rejected: { 'refused-by-crm': 2 },
    });
    await check(run, (index) => [upToDate, { ...rejectedAt(NOW), userId: '1' }][index] ?? fresh(index));
    expect(run).toMatchObject({ done: 6, rejected: { 'refused-by-crm': 3 }, sent: [{ userId: '2' }] });
  });

  it('wait for a tag job since the first of them did', async () => {
    const run = await newRun({
      ...inFlight,
      pendingTags: { userIds: ['7'], bytes: 1, since: NOON },
    });
    await check(run, () => untagged);
    expect(run.pendingTags).toEqual({ userIds: ['7', '0'], bytes: 2, since: NOON });
  });

  it('stay in flight while a full tag job waits', async () => {
    const pendingTags = { userIds: ids(1, 2001), bytes: 6893, since: NOON };
    const run = await newRun({ ...inFlight, pendingTags: structuredClone(pendingTags) });
    await check(run, () => untagged);
    expect(run).toMatchObject({ ...inFlight, pendingTags, lastProgressAt: NOW - 1 });
  });

  describe('of a tag job', () => {
    const jobOf = (userIds: string[]) => ({ userIds, sentAt: SENT_AT, lastProgressAt: SENT_AT, group: 'g' });
    const tagIds = upToDate.crm?.tagIds;

    it('are done when they are up to date, and then the job is over', async () => {
      const run = await newRun({ tagJob: jobOf(ids(0, 250)) });
      const reads = await check(run, upToDateAt);
      expect(reads).toHaveLength(3);
      expect(run).toMatchObject({ tagJob: null, done: 250, lastDoneAt: NOW });
    });

    it('are read a hundred at a time, and the others when those are done', async () => {
      const run = await newRun({ tagJob: jobOf(ids(0, 250)) });
      const reads = await check(run, (index) =>
        index === 3 ? withCrm(upToDateAt(3), { tagIds: undefined }) : upToDateAt(index),
      );
      expect(reads).toEqual([ids(0, 100)]);
      expect(run.tagJob).toEqual({ ...jobOf(['3', ...ids(100, 250)]), lastProgressAt: NOW });
      expect(run).toMatchObject({ done: 99, pendingTags: { userIds: [] } });
    });

    it('are no progress as long as none is done', async () => {
      const run = await newRun({ tagJob: jobOf(['0', '1']) });
      await check(run, (index) => withCrm(upToDateAt(index), { tagIds: undefined }));
      expect(run.tagJob).toEqual(jobOf(['0', '1']));
      expect(run).toMatchObject({ done: 0, lastProgressAt: NOW - 1 });
    });

    const other = [...(tagIds ?? []), 17];
    it.each([
      ['after the job are done', { tagIds: other, syncedAt: iso(SENT_AT + 1) }, 1],
      ['before the job are not done', { tagIds: other, syncedAt: iso(SENT_AT) }, 0],
      ['at an unknown time are not done', { tagIds: other }, 0],
      ['uncertainly are not done', { tagIds: other, uncertainTagIds: [17], syncedAt: iso(NOW) }, 0],
      ['never are not done', { tagIds: undefined, syncedAt: iso(NOW) }, 0],
    ])('who need other tags by now and were tagged %s', async (_, crm, done) => {
      const run = await newRun({ tagJob: jobOf(['0']) });
      await check(run, () => withCrm(upToDate, crm));
      expect(run.done).toBe(done);
      expect(run.tagJob === null).toBe(done === 1);
    });

    it('whose fields differ by now are in flight on their own once they are tagged', async () => {
      const run = await newRun({ tagJob: jobOf(['0']) });
      await check(run, () => withCrm({ ...upToDate, firstName: 'Ann' }, { syncedAt: iso(NOW) }));
      expect(run).toMatchObject({ done: 0, tagJob: null, sent: [{ userId: '0', sentAt: SENT_AT }] });
    });

    it('do not count as done for the tags of an earlier job when they are sent on their own', async () => {
      const run = await newRun(inFlight);
      await check(run, () => withCrm(upToDate, { tagIds: other, syncedAt: iso(NOW) }));
      expect(run).toMatchObject({ done: 0, pendingTags: { userIds: ['0'] } });
    });
  });
});

describe('the users who keep failing', () => {
  const REASON = 'The CRM failed (500)';
  const NOT_DONE = 'Not done within 15 minutes';
  const IDLE_SINCE = NOW - BACKFILL_WAIT.idleMs - 1;
  const failedAt = (at: number): Postponement => ({ reason: REASON, at: iso(at) });
  const sent = [{ userId: 'ann', sentAt: SENT_AT }];
  const jobOf = (userIds: string[], lastProgressAt = SENT_AT) => ({
    userIds,
    sentAt: SENT_AT,
    lastProgressAt,
    group: 'job',
  });

  /** Stops waiting for users. @returns the names of those, with reasons, and the groups that were read. */
  async function drop(run: Run, postponed: Record<string, Postponement>, allSent = true) {
    const reads: (readonly string[])[] = [];
    const read = async (groups: readonly string[]) => {
      reads.push(groups);
      return new Map(Object.entries(postponed).filter(([group]) => groups.includes(group)));
    };
    await dropFailingUsers(run, allSent, { postponed: { read } }, NOW);
    const dropped = Object.fromEntries(run.unfinished.users.map(({ userId, reason }) => [userId, reason]));
    expect(run.unfinished.total).toBe(run.unfinished.users.length);
    return { dropped, reads };
  }

  it.each([
    ['who has just failed is dropped', { sent }, failedAt(NOW), REASON],
    ['who has not failed is waited for', { sent }, undefined, undefined],
    ['who failed long ago is waited for', { sent }, failedAt(NOW - BACKFILL_WAIT.failureMs), undefined],
    ['who failed less long ago is dropped', { sent }, failedAt(NOW - BACKFILL_WAIT.failureMs + 1), REASON],
    [
      'who was sent five seconds ago is waited for',
      { sent: [{ userId: 'ann', sentAt: NOW - 5000 }] },
      failedAt(NOW),
      undefined,
    ],
    [
      'who was sent a little earlier is dropped',
      { sent: [{ userId: 'ann', sentAt: NOW - 5001 }] },
      failedAt(NOW),
      REASON,
    ],
    [
      'is waited for when nobody was done for fifteen minutes',
      { sent, lastProgressAt: NOW - BACKFILL_WAIT.idleMs },
      undefined,
      undefined,
    ],
    ['is dropped when nobody was done for longer', { sent, lastProgressAt: IDLE_SINCE }, undefined, NOT_DONE],
    [
      'is dropped with the reason, if there is one, when nobody was done for longer',
      { sent, lastProgressAt: IDLE_SINCE },
      failedAt(NOW),
      REASON,
    ],
    [
      'is waited for when nobody was done for longer, since a tag job is before it in the queue',
      { sent, lastProgressAt: IDLE_SINCE, tagJob: jobOf(['bob'], NOW) },
      undefined,
      undefined,
    ],
    [
      'who has failed is dropped also during a tag job',
      { sent, tagJob: jobOf(['bob'], NOW) },
      failedAt(NOW),
      REASON,
    ],
  ])('a user %s', async (_, state, postponement, reason) => {
    const run = await newRun(state);
    const { dropped } = await drop(run, postponement ? { ann: postponement } : {});
    expect(dropped['ann']).toBe(reason);
    expect(run.sent).toEqual(reason === undefined ? state.sent : []);
    const { lastProgressAt = NOW - 1 } = state as Partial<Run>;
    expect(run.lastProgressAt).toBe(lastProgressAt === IDLE_SINCE ? NOW : lastProgressAt);
  });

  it.each([
    ['after it was sent are done', SENT_AT + 1, true],
    ['after it was sent are not done', SENT_AT, false],
  ])('is dropped, with users still to be sent, only if others %s', async (_, lastDoneAt, isDropped) => {
    const run = await newRun({ sent, lastDoneAt });
    const { dropped } = await drop(run, { ann: failedAt(NOW) }, false);
    expect(dropped).toEqual(isDropped ? { ann: REASON } : {});
  });

  it('are not looked up while all are fast', async () => {
    const run = await newRun({ sent: [{ userId: 'ann', sentAt: NOW }], tagJob: jobOf(['bob'], NOW - 5000) });
    expect(await drop(run, { ann: failedAt(NOW), bob: failedAt(NOW) })).toEqual({ dropped: {}, reads: [] });
  });

  it('are looked up by their message groups', async () => {
    const odd = 'ü'.repeat(200);
    const run = await newRun({ sent: [{ userId: odd, sentAt: SENT_AT }] });
    const { reads } = await drop(run, {});
    expect(reads).toEqual([[expect.stringMatching(/^[0-9a-f]{64}$/)]]);
  });

  describe('of a tag job', () => {
    it('are dropped, and the job goes on with the others', async () => {
      const run = await newRun({ tagJob: jobOf(['ann', 'bob']) });
      const { dropped, reads } = await drop(run, { ann: failedAt(NOW) });
      expect(dropped).toEqual({ ann: REASON });
      expect(run.tagJob).toEqual(jobOf(['bob']));
      expect(reads).toEqual([['ann', 'bob', 'job']]);
    });

    it('end the job when no others are left', async () => {
      const run = await newRun({ tagJob: jobOf(['ann']) });
      await drop(run, { ann: failedAt(NOW) });
      expect(run.tagJob).toBeNull();
    });

    it.each([
      ['a minute', NOW - MINUTE_MS, {}],
      ['longer', NOW - MINUTE_MS - 1, { ann: 'of its own', bob: REASON }],
    ])(
      'are dropped with the reason of the job if none was done for %s',
      async (_, lastProgressAt, expected) => {
        const run = await newRun({ tagJob: jobOf(['ann', 'bob'], lastProgressAt) });
        const ofAnn = lastProgressAt < NOW - MINUTE_MS ? { ann: { reason: 'of its own', at: iso(NOW) } } : {};
        const { dropped } = await drop(run, { job: failedAt(NOW), ...ofAnn });
        expect(dropped).toEqual(expected);
      },
    );

    it('are waited for, with users still to be sent, if nobody was done since', async () => {
      const run = await newRun({ tagJob: jobOf(['ann']), lastDoneAt: SENT_AT });
      expect((await drop(run, { ann: failedAt(NOW) }, false)).dropped).toEqual({});
      run.lastDoneAt = SENT_AT + 1;
      expect((await drop(run, { ann: failedAt(NOW) }, false)).dropped).toEqual({ ann: REASON });
    });

    it('are dropped when nobody was done for fifteen minutes', async () => {
      const run = await newRun({ sent, tagJob: jobOf(['bob', 'cleo']), lastProgressAt: IDLE_SINCE });
      expect((await drop(run, {})).dropped).toEqual({ bob: NOT_DONE, cleo: NOT_DONE });
      expect(run).toMatchObject({ sent, tagJob: null, lastProgressAt: NOW });
    });

    it('are looked up a hundred at a time, and all of them when nobody was done for fifteen minutes', async () => {
      const run = await newRun({ tagJob: jobOf(ids(0, 250)) });
      expect((await drop(run, {})).reads).toEqual([[...ids(0, 100), 'job']]);
      run.lastProgressAt = IDLE_SINCE;
      run.unfinished = { total: 0, users: [] };
      const reads: (readonly string[])[] = [];
      const read = async (groups: readonly string[]) => {
        reads.push(groups);
        return new Map();
      };
      await dropFailingUsers(run, true, { postponed: { read } }, NOW);
      expect(reads).toEqual([[...ids(0, 250), 'job']]);
      expect(run).toMatchObject({ tagJob: null, unfinished: { total: 250 } });
      expect(run.unfinished.users).toHaveLength(100);
    });
  });
});
