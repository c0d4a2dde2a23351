import { describe, expect, it } from 'vitest';
import { type EnqueueOptions, enqueueUsers } from '../../../lambdas/backfill/enqueue-users.ts';
import { groupOf } from '../../../lambdas/backfill/messages.ts';
import type { Run } from '../../../lambdas/backfill/run.ts';
import { emptyLedger, type Ledger } from '../../../shared/quota/ledger.ts';
import { PRESETS } from '../../../shared/quota/limits.ts';
import { BACKFILL_WAIT } from '../../../shared/quota/retry-policy.ts';
import {
  contacts,
  OPTIONS,
  REQUESTS_PER_SECOND,
  start,
  tagged,
  watchQueue,
} from '../../support/backfill-start.ts';
import { advance, begin, finish, type Started } from '../../support/backfill-steps.ts';
import { CATALOG, failingFor, fresh, NOON, synced } from '../../support/backfill-users.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => String(from + index));
const inFlight = (from: number, to: number, sentAt = NOON) =>
  ids(from, to).map((userId) => ({ userId, sentAt }));
/** A run that has scanned all users. */
const ALL_SCANNED = { scanFinished: true, scanned: 100, enqueued: 100 };

/** The state of a run of users without contacts. */
async function stateOf(started: Started, state: Partial<Run>, input = {}): Promise<Run> {
  const run = await begin(input, started.context);
  return { ...run, ...state, input: { ...run.input, ...state.input } };
}

/** One call that checks the users in flight once, as of this state. */
async function callOnce(
  state: Partial<Run>,
  {
    ledger,
    runs = 1,
    started = start(3000),
    input = { maxInFlight: 30 },
    ...options
  }: Partial<EnqueueOptions> & {
    ledger?: Ledger;
    runs?: number;
    started?: Started;
    input?: Record<string, unknown>;
  } = {},
) {
  const { ports, context } = started;
  if (ledger) ports.ledger = async () => ledger;
  const before = await stateOf(started, state, input);
  const stored = structuredClone(before);
  const run = await enqueueUsers(before, runs, ports, { ...context.options, callMs: 0, ...options });
  expect(before).toEqual(stored);
  return { run, ports, contacts: contacts(ports), tagged: tagged(ports) };
}

/** The requests that were made so far. */
function ledgerWith({
  day = 0,
  month = 0,
  ends = {},
  pause,
}: {
  day?: number;
  month?: number;
  ends?: { day?: number; month?: number };
  pause?: Ledger['pause'];
}): Ledger {
  const empty = emptyLedger(NOON);
  return {
    ...empty,
    day: { ...empty.day, used: day, resetsAt: ends.day ?? empty.day.resetsAt },
    month: { ...empty.month, used: month, resetsAt: ends.month ?? empty.month.resetsAt },
    pause: pause ?? null,
  };
}
/** The parts of the day's and the month's quota that a backfill can use. */
const [DAY_PART, MONTH_PART] = [100_000, 3_000_000];

const paused = ledgerWith({ pause: { reason: 'operator', since: NOON, until: NOON + HOUR_MS } });

/** Every third user needs a sync. */
const oneOfThree = (index: number) => (index % 3 === 2 ? fresh(index) : synced(fresh(index)));

/** Lets each page of the scan take three seconds. */
function slowScan({ ports, clock }: Started): void {
  const { usersAfter } = ports;
  ports.usersAfter = async (cursor) => {
    clock.now += 3000;
    return usersAfter(cursor);
  };
}

describe('a run waits for the quota', () => {
  const pausedUntil = (until: number, reason: 'minute' | 'operator' = 'minute') => ({
    reason,
    since: NOON,
    until,
  });

  it.each([
    ['five seconds beyond a pause', { pause: pausedUntil(NOON + 9000) }, 14],
    ['in whole seconds', { pause: pausedUntil(NOON + 1) }, 6],
    ['an hour at a time', { pause: pausedUntil(NOON + 72 * HOUR_MS, 'operator') }, 3600],
    ['until the next day', { day: DAY_PART, ends: { day: NOON + 10 * MINUTE_MS } }, 605],
    ['until the next month', { month: MONTH_PART, ends: { month: NOON + 20 * MINUTE_MS } }, 1205],
    [
      'until both the day and the month have ended',
      {
        day: DAY_PART,
        month: MONTH_PART,
        ends: { day: NOON + 10 * MINUTE_MS, month: NOON + 20 * MINUTE_MS },
      },
      1205,
    ],
    [
      'until both the day and a pause have ended',
      { day: DAY_PART, ends: { day: NOON + 10 * MINUTE_MS }, pause: pausedUntil(NOON + 9000) },
      605,
    ],
    [
      'until both a pause and the day have ended',
      { day: DAY_PART, ends: { day: NOON + 10 * MINUTE_MS }, pause: pausedUntil(NOON + 20 * MINUTE_MS) },
      1205,
    ],
  ])('%s', async (_, usage, waitSeconds) => {
    const state = { ...ALL_SCANNED, ready: ids(0, 50), sent: inFlight(50, 60) };
    const { run, ports } = await callOnce(state, { ledger: ledgerWith(usage) });
    expect(run).toMatchObject({
      ...state,
      next: 'waitForQuota',
      waitSeconds,
      requestsToday: 'day' in usage ? usage.day : 0,
    });
    expect(ports.sent).toEqual([]);
  });

  it.each([
    ['the day', { day: DAY_PART - 10 }, 10],
    ['the month', { month: MONTH_PART - 10 }, 10],
    ['the day, of which less is left', { day: DAY_PART - 5, month: MONTH_PART - 10 }, 5],
    ['the month, of which less is left', { day: DAY_PART - 10, month: MONTH_PART - 5 }, 5],
  ])('after it has used what is left of %s', async (_, usage, count) => {
    const { run, contacts } = await callOnce(
      { ...ALL_SCANNED, ready: ids(0, 50) },
      { ledger: ledgerWith(usage) },
    );
    expect(contacts).toEqual(ids(0, count));
    expect(run).toMatchObject({ next: 'enqueue', ready: ids(count, 50) });
  });

  it('with requests left for the users in flight and for the tags of new contacts', async () => {
    const { contacts } = await callOnce(
      {
        ...ALL_SCANNED,
        ready: ids(0, 50),
        sent: inFlight(50, 54),
        tagEstimate: { users: 54, bytes: 100, counts: { '+1': 54, '+2': 54, '+3': 54 }, alone: 54 },
      },
      { ledger: ledgerWith({ day: DAY_PART - 10 }) },
    );
    // 10 are left: 4 for users in flight, 3 for the tags.
    expect(contacts).toEqual(ids(0, 3));
  });

  it('but not with requests left for tags, if nobody has a contact yet', async () => {
    const { contacts } = await callOnce(
      {
        ...ALL_SCANNED,
        ready: ids(0, 50),
        tagEstimate: { users: 50, bytes: 100, counts: { '+1': 50, '+2': 50, '+3': 50 }, alone: 50 },
      },
      { ledger: ledgerWith({ day: DAY_PART - 3 }) },
    );
    expect(contacts).toEqual(ids(0, 3));
  });

  it('only after it has tagged the contacts that are created, with the last requests', async () => {
    const { run, contacts, tagged } = await callOnce(
      {
        ...ALL_SCANNED,
        ready: ids(0, 50),
        pendingTags: { userIds: ids(50, 60), bytes: 20, since: NOON },
        tagEstimate: { users: 60, bytes: 100, counts: { '+1': 60, '+2': 60, '+3': 60 }, alone: 60 },
      },
      { ledger: ledgerWith({ day: DAY_PART - 3 }) },
    );
    expect(contacts).toEqual([]);
    expect(tagged).toEqual(ids(50, 60));
    expect(run).toMatchObject({ ready: ids(0, 50), tagJob: { userIds: ids(50, 60) } });
  });

  it('and does not count that time as time without progress', async () => {
    const waited = { next: 'waitForQuota' as const, lastProgressAt: NOON - HOUR_MS };
    const { run } = await callOnce({ ...ALL_SCANNED, sent: inFlight(0, 5, NOON - HOUR_MS), ...waited });
    // The catalog was read since the users were sent, so they are sent again.
    const again = inFlight(0, 5, NOON).map((user) => ({ ...user, again: true }));
    expect(run).toMatchObject({ sent: again, unfinished: { total: 0 } });
  });

  it('of the next day when the day is spent, and ends then', async () => {
    const started = start(3000, fresh, CATALOG, 2500);
    const result = await finish(await begin({}, started.context), started);
    expect(result).toMatchObject({ enqueued: 3000, done: 3000, unfinished: { total: 0 } });
    expect(new Date(started.clock.now).toISOString().slice(0, 10)).toBe('2026-06-16');
  });
});

describe('a call', () => {
  it.each([
    [30, 1, 0, 30],
    [30, 1, 10, 20],
    [30, 1, 30, 0],
    [30, 1, 40, 0],
    [30, 2, 0, 15],
    [31, 2, 0, 15],
    [1, 3, 0, 1],
  ])(
    'of at most %d users in flight, in %d runs with %d in flight, sends %d',
    async (maxInFlight, runs, sent, count) => {
      const { run, contacts } = await callOnce(
        { ...ALL_SCANNED, ready: ids(0, 50), sent: inFlight(50, 50 + sent, NOON - 1) },
        { input: { maxInFlight }, runs },
      );
      expect(contacts).toEqual(ids(0, count));
      expect(run.ready).toEqual(ids(count, 50));
      expect(run.sent).toEqual([...inFlight(50, 50 + sent, NOON - 1), ...inFlight(0, count)]);
    },
  );

  it('keeps a third of the room for the requests of a running tag job', async () => {
    const tagJob = { userIds: ids(60, 70), sentAt: NOON, lastProgressAt: NOON, group: 'g' };
    const state = { ...ALL_SCANNED, ready: ids(0, 50), tagJob };
    expect((await callOnce(state, { input: { maxInFlight: 10 } })).contacts).toHaveLength(7);
  });

  it('ends the run if there are no users', async () => {
    const { run } = await callOnce({}, { started: start(0), callMs: 20_000 });
    expect(run).toMatchObject({ next: 'report', scanned: 0, shareDone: 1 });
  });

  it('scans users for the next call, which sends them', async () => {
    const started = start(3000);
    const { run, ports } = await callOnce({}, { started, callMs: 20_000, input: {} });
    expect(ports.sent).toEqual([]);
    expect(run).toMatchObject({ next: 'enqueue', scanned: 500, cursor: '499', ready: ids(0, 500) });
    const next = await advance(run, started);
    expect(contacts(ports)).toEqual(ids(0, contacts(ports).length));
    expect(new Set(contacts(ports)).size).toBe(contacts(ports).length);
    expect(next.scanned).toBeGreaterThan(500);
  });

  it('scans until enough users wait to be sent, although few need a sync', async () => {
    const started = start(5000, (index) => (index % 100 === 0 ? fresh(index) : synced(fresh(index))));
    slowScan(started);
    const { run } = await callOnce({}, { started, callMs: 20_000, input: {} });
    // Seven pages of three seconds: nobody was done in that time, which is no reason to wait.
    expect(run).toMatchObject({ next: 'enqueue', scanned: 3500, ready: { length: 35 } });
  });

  it('ends when it has scanned the last users, whatever they need', async () => {
    const untagged = (index: number) => {
      const user = synced(fresh(index));
      return { ...user, crm: { ...user.crm, tagIds: [] } };
    };
    const started = start(100, (index) => (index % 2 === 0 ? fresh(index) : untagged(index)));
    const { run } = await callOnce({}, { started, callMs: 20_000, input: { mode: 'refresh' } });
    expect(run).toMatchObject({ next: 'enqueue', ready: { length: 50 }, readyForTags: { length: 50 } });
    expect(started.clock.now).toBe(NOON);
  });

  it('goes on while users wait for the next tag job, which is full', async () => {
    const started = start(3000);
    const { run } = await callOnce(
      {
        ...ALL_SCANNED,
        readyForTags: ids(2000, 2010),
        pendingTags: { userIds: ids(0, 2000), bytes: 6890, since: NOON },
        tagJob: { userIds: ids(2010, 2020), sentAt: NOON, lastProgressAt: NOON, group: 'g' },
      },
      { started, callMs: 20_000 },
    );
    expect(run).toMatchObject({ next: 'waitForUsers', readyForTags: ids(2000, 2010) });
    expect(started.clock.now - NOON).toBe(5000);
  });

  it.each([
    ['are still to be sent', { ready: ids(0, 5) }, 0],
    ['and tags are still to be sent', { ready: ids(0, 5), readyForTags: ids(5, 10) }, 0],
    ['are all sent', {}, 1],
  ])(
    'while users %s, and nobody else is done, a user who fails is waited for or not',
    async (_, state, total) => {
      const started = start(100);
      started.ports.failing.set('50', 'The CRM failed (500)');
      const sent = inFlight(50, 51, NOON - 10_000);
      const { run } = await callOnce({ ...ALL_SCANNED, ...state, sent }, { started });
      expect(run.unfinished.total).toBe(total);
    },
  );

  it('scans no more users than can wait to be sent', async () => {
    const { run } = await callOnce({ ready: ids(0, 290), cursor: '289', scanned: 290 });
    expect(run).toMatchObject({ scanned: 630, cursor: '629', scanFinished: false });
    expect(run.ready).toEqual(ids(30, 630));
  });

  it('does not scan while more than half of the room is in use', async () => {
    const { run } = await callOnce({ ready: ids(0, 330), cursor: '329', scanned: 330 });
    expect(run).toMatchObject({ scanned: 330, sent: inFlight(0, 30) });
  });

  it('takes at most some twenty seconds while users are done', async () => {
    const started = start(3000);
    let run = await callOnce({}, { started, callMs: 20_000, input: {} }).then(({ run }) => run);
    for (let call = 0; call < 3; call++) {
      const began = started.clock.now;
      run = await enqueueUsers(run, 1, started.ports, started.context.options);
      expect(started.clock.now - began).toBeLessThanOrEqual(20_500);
    }
    expect(run.done + run.pendingTags.userIds.length).toBeGreaterThan(500);
  });

  it.each([
    ['just now', NOON, 2],
    ['a minute ago', NOON - MINUTE_MS, 17],
    ['long ago', NOON - 10 * MINUTE_MS, 20],
  ])(
    'ends after five seconds without progress when a user was last done %s',
    async (_, lastProgressAt, waitSeconds) => {
      const started = start(10);
      started.ports.failing.set('3', undefined);
      let reads = 0;
      const { users } = started.ports;
      started.ports.users = (userIds) => {
        reads++;
        return users(userIds);
      };
      const { run } = await callOnce(
        { ...ALL_SCANNED, sent: inFlight(3, 4, NOON - 1000), lastProgressAt },
        { started, callMs: 20_000 },
      );
      expect(run).toMatchObject({ next: 'waitForUsers', waitSeconds });
      expect({ tookMs: started.clock.now - NOON, reads }).toEqual({ tookMs: 5000, reads: 11 });
    },
  );

  it('ends with its last success, and a short wait, when a later check fails', async () => {
    const started = start(1000);
    const failures: unknown[] = [];
    const { users } = started.ports;
    let reads = 0;
    started.ports.onFailure = (error) => failures.push(error);
    started.ports.users = async (userIds) => {
      if (++reads === 3) throw new Error('throttled');
      return users(userIds);
    };
    const { run, contacts } = await callOnce(
      { ...ALL_SCANNED, ready: ids(0, 500) },
      { started, callMs: 20_000 },
    );
    expect(failures).toEqual([new Error('throttled')]);
    expect(run).toMatchObject({ next: 'waitForUsers', waitSeconds: 2 });
    // Every user of the run is waiting, in flight or done.
    const sent = run.sent.length + run.pendingTags.userIds.length + run.done;
    expect(run.ready).toEqual(ids(sent, 500));
    expect(contacts).toHaveLength(sent);
  });

  it('fails, to be repeated, when its first check fails', async () => {
    const started = start(1000);
    started.ports.ledger = async () => {
      throw new Error('throttled');
    };
    started.ports.onFailure = () => expect.unreachable();
    await expect(callOnce({}, { started })).rejects.toThrow('throttled');
  });

  it.each([
    ['the calls of an execution can be more', 1998, { ready: ids(0, 50) }, 'enqueue'],
    ['it is the last of its execution', 1999, { ready: ids(0, 50) }, 'continue'],
    ['it is the last of its execution and of the run', 1999, { ready: [] }, 'report'],
  ])('when %s, after %d calls', async (_, calls, state, next) => {
    const { run } = await callOnce({ ...ALL_SCANNED, ...state, calls });
    expect(run).toMatchObject({ next, calls: calls + 1 });
  });

  it.each([
    ['nothing is left to do', {}, 'report'],
    ['users are still to be scanned', { scanFinished: false }, 'enqueue'],
    ['users are still to be sent', { ready: ['1'] }, 'enqueue'],
    ['users are in flight', { sent: inFlight(1, 2) }, 'enqueue'],
    ['tags are still to be set', { pendingTags: { userIds: ['1'], bytes: 1, since: NOON } }, 'enqueue'],
    [
      'users are in flight and tags are still to be set',
      { sent: inFlight(1, 2), pendingTags: { userIds: ['2'], bytes: 1, since: NOON } },
      'enqueue',
    ],
    [
      'tags are being set',
      { tagJob: { userIds: ['1'], sentAt: NOON, lastProgressAt: NOON, group: 'g' } },
      'enqueue',
    ],
  ] as [string, Partial<Run>, Run['next']][])(
    'ends the run only when nothing is left: when %s',
    async (_, state, next) => {
      const { run } = await callOnce({ ...ALL_SCANNED, ...state });
      expect(run).toMatchObject({ next, waitSeconds: 0 });
    },
  );
});

describe('a tag job', () => {
  const pending = (count: number, since = NOON) => ({
    userIds: ids(1000, 1000 + count),
    bytes: 4 * count,
    since,
  });
  const { tagsMs, lastTagsMs } = BACKFILL_WAIT;
  const toBeSent = { ready: ids(0, 50) };
  const oneInFlight = { sent: inFlight(1, 2) };

  it.each([
    ['is full', { ...oneInFlight, ...toBeSent, pendingTags: pending(2000) }, true],
    ['is not full, and users follow', { ...oneInFlight, ...toBeSent, pendingTags: pending(1999) }, false],
    ['waits for ten minutes', { ...oneInFlight, ...toBeSent, pendingTags: pending(9, NOON - tagsMs) }, false],
    ['waits for longer', { ...oneInFlight, ...toBeSent, pendingTags: pending(9, NOON - tagsMs - 1) }, true],
    ['has no users', { ...oneInFlight, ...toBeSent, pendingTags: pending(0, NOON - tagsMs - 1) }, false],
    ['is the last, and nobody is in flight', { pendingTags: pending(9) }, true],
    [
      'is not the last, and nobody is in flight',
      { pendingTags: pending(9), scanFinished: false, cursor: '0' },
      false,
    ],
    ['is the last, and a user is in flight', { ...oneInFlight, pendingTags: pending(9) }, false],
    [
      'is the last, and a user was in flight for half a minute',
      { ...oneInFlight, pendingTags: pending(9), lastProgressAt: NOON - lastTagsMs },
      false,
    ],
    [
      'is the last, and a user was in flight for longer',
      { ...oneInFlight, pendingTags: pending(9), lastProgressAt: NOON - lastTagsMs - 1 },
      true,
    ],
    [
      'is not the last, and no user was done for longer',
      {
        ...toBeSent,
        sent: inFlight(50, 80),
        pendingTags: pending(9),
        lastProgressAt: NOON - lastTagsMs - 1,
      },
      false,
    ],
    [
      'is full while another one runs',
      {
        pendingTags: pending(2000),
        tagJob: { userIds: ['5'], sentAt: NOON, lastProgressAt: NOON, group: 'g' },
      },
      false,
    ],
  ] as [string, Partial<Run>, boolean][])('that %s is sent: %s', async (_, state, isSent) => {
    const { run, ports } = await callOnce({ ...ALL_SCANNED, ...state });
    const jobs = ports.sent.filter(({ kind }) => kind === 'tag-users');
    expect(jobs).toHaveLength(isSent ? 1 : 0);
    const [job] = jobs;
    if (!job || !state.pendingTags) return;
    const { userIds } = state.pendingTags;
    expect(run).toMatchObject({
      tagJob: { userIds, sentAt: NOON, lastProgressAt: NOON, group: groupOf(job, 'run-1') },
      pendingTags: { userIds: [], bytes: 0, since: NOON },
      lastProgressAt: NOON,
    });
  });

  it('begins with users of whom only tags change, and leaves those of the next job', async () => {
    const { run, ports } = await callOnce(
      {
        ...ALL_SCANNED,
        readyForTags: ids(2000, 2100),
        pendingTags: { userIds: ids(0, 1950), bytes: 6000, since: NOON - 1 },
        sent: inFlight(1990, 1991),
      },
      { started: start(3000, fresh) },
    );
    expect(tagged(ports)).toEqual([...ids(0, 1950), ...ids(2000, 2050)]);
    expect(run).toMatchObject({ readyForTags: ids(2050, 2100), pendingTags: { userIds: [], bytes: 0 } });
  });

  it('waits since its first user was ready', async () => {
    const state = {
      ...ALL_SCANNED,
      readyForTags: ids(0, 3),
      ...oneInFlight,
      pendingTags: { userIds: [], bytes: 0, since: NOON - 99 },
    };
    expect((await callOnce(state)).run).toMatchObject({
      readyForTags: [],
      pendingTags: { userIds: ids(0, 3), bytes: 3, since: NOON },
    });
    const waiting = { ...state, pendingTags: pending(1, NOON - 9) };
    expect((await callOnce(waiting)).run.pendingTags).toEqual({
      userIds: ['1000', ...ids(0, 3)],
      bytes: 7,
      since: NOON - 9,
    });
  });

  it('is not progress until it is sent', async () => {
    const state = { ...ALL_SCANNED, readyForTags: ids(0, 3), ...oneInFlight, lastProgressAt: NOON - 9 };
    expect((await callOnce(state)).run.lastProgressAt).toBe(NOON - 9);
  });
});

describe('the progress of a run', () => {
  const openUsers = {
    ready: ids(0, 1),
    readyForTags: ids(1, 3),
    sent: inFlight(3, 6),
    pendingTags: { userIds: ids(6, 10), bytes: 4, since: NOON },
    tagJob: { userIds: ids(10, 20), sentAt: NOON, lastProgressAt: NOON, group: 'g' },
  };

  it.each([
    ['at its beginning', { users: 300 }, 0, 300 * 1.1],
    [
      'in the middle',
      { users: 300, scanned: 100, enqueued: 50, plannedRequests: 60, ...openUsers },
      0.2667,
      120 * 1.2,
    ],
    ['without a user who needs a sync', { users: 300, scanned: 100 }, 0.3333, 0],
    [
      'with more users than were counted',
      { users: 50, scanned: 100, enqueued: 50, plannedRequests: 60, ...openUsers },
      0.8,
      20 * 1.2,
    ],
    [
      'after its scan',
      { users: 300, scanned: 100, enqueued: 50, plannedRequests: 60, scanFinished: true, ...openUsers },
      0.8,
      20 * 1.2,
    ],
    [
      'with all users done',
      { users: 300, scanned: 100, enqueued: 50, plannedRequests: 60, scanFinished: true },
      1,
      0,
    ],
    ['of no users', { users: 0, scanFinished: true }, 1, 0],
  ])(
    '%s is the share of users who need nothing more, and when the others will be done',
    async (_, state, shareDone, requests) => {
      const { run } = await callOnce(state, { ledger: paused });
      expect(run.shareDone).toBe(shareDone);
      const seconds = requests / REQUESTS_PER_SECOND;
      expect(run.estimatedEnd).toBe(new Date(NOON + seconds * 1000).toISOString());
    },
  );
});

describe('the estimated end of a run', () => {
  const MIDNIGHT = NOON + 12 * HOUR_MS;
  const ofDay = (1 - OPTIONS.budget.liveReserve) * PRESETS.team.day;
  const msFor = (requests: number) => (requests / REQUESTS_PER_SECOND) * 1000;
  /** The end of a run that needs some requests, one for each user. */
  async function endOf(requests: number, requestsToday = 0, month?: number | null, now = NOON) {
    const started = start(3000);
    started.clock.now = now;
    const state = { users: requests + 100, scanned: 100, enqueued: 100, plannedRequests: 100 };
    const limits = { ...PRESETS.team, ...(month !== undefined && { month }) };
    const { run } = await callOnce(state, {
      started,
      ledger: { ...paused, day: { ...paused.day, used: requestsToday } },
      budget: { ...OPTIONS.budget, limits },
    });
    return Date.parse(run.estimatedEnd);
  }

  it('counts only what can be done before midnight', async () => {
    const tenMinutes = 600 * REQUESTS_PER_SECOND;
    const end = await endOf(1.5 * ofDay, 0, undefined, MIDNIGHT - 600_000);
    const expected = MIDNIGHT + DAY_MS + msFor(0.5 * ofDay - tenMinutes);
    expect(Math.abs(end - expected)).toBeLessThan(1000);
  });

  it.each<[string, number, number, number]>([
    ['is today, with all of its part of the day', ofDay, 0, NOON + msFor(ofDay)],
    ['is after midnight, with one more request', ofDay + 1, 0, MIDNIGHT + msFor(1)],
    ['counts the requests of today', ofDay, 30_000, MIDNIGHT + msFor(30_000)],
    ['is tomorrow, with nothing left today', ofDay, ofDay + 1, MIDNIGHT + msFor(ofDay)],
    ['is days away, with many users', 10 * ofDay + 7, ofDay, MIDNIGHT + 10 * DAY_MS + msFor(7)],
  ])('%s', async (_, requests, requestsToday, end) => {
    expect(Math.abs((await endOf(requests, requestsToday)) - end)).toBeLessThan(1000);
  });

  it('keeps to the limit of the month, if that is lower', async () => {
    expect(await endOf(1_000_000, 0, null)).toBe(await endOf(1_000_000));
    const days = ((await endOf(1_000_000, 0, 300_000)) - MIDNIGHT) / DAY_MS;
    expect(Math.floor(days)).toBe(1_000_000 / (0.8 * 10_000) - 2);
  });

  it('can be told even if all of the quota is for live changes', async () => {
    const state = { users: 200, scanned: 100, enqueued: 100, plannedRequests: 100 };
    const budget = { ...OPTIONS.budget, liveReserve: 1 };
    const { run } = await callOnce(state, { ledger: paused, budget });
    expect(Date.parse(run.estimatedEnd)).toBeGreaterThan(MIDNIGHT + 90 * DAY_MS);
  });
});

describe('a dry run', () => {
  it.each(['contacts', 'refresh'])('scans on after a user for whom the mapping throws: %s', async (mode) => {
    const at = (index: number) =>
      mode === 'refresh' ? { ...synced(fresh(index)), firstName: 'Ann' } : fresh(index);
    const { run } = await callOnce(
      {},
      { started: start(100, at), mapping: failingFor('7'), input: { mode } },
    );
    expect(run).toMatchObject({ scanned: 100, enqueued: 99, invalid: 1, scanFinished: true });
    expect(run.findings.invalid).toEqual({ 'mapping-fails (TypeError)': 1 });
  });

  it('scans all users for as long as a call can last, and sends nothing', async () => {
    const started = start(1200, oneOfThree);
    slowScan(started);
    const first = await callOnce({}, { started, input: { dryRun: true }, callMs: 6000 });
    expect(first.run).toMatchObject({ next: 'enqueue', scanned: 1000, enqueued: 333, waitSeconds: 0 });
    const last = await enqueueUsers(first.run, 1, started.ports, started.context.options);
    expect(last).toMatchObject({ next: 'report', scanned: 1200, ready: [], readyForTags: [] });
    // One request for each contact, and for each of three tags and each hundred contacts.
    expect(last.plannedRequests).toBe(400 + 3 * 4);
    expect(started.ports.sent).toEqual([]);
  });

  it('does not wait for the quota', async () => {
    const options = { ledger: paused, input: { dryRun: true }, callMs: 20_000 };
    expect((await callOnce({}, options)).run).toMatchObject({ next: 'report', scanned: 3000 });
  });
});

describe('a whole run', () => {
  it('keeps the queue short and the consumer busy', async () => {
    const started = start(5000);
    const queue = watchQueue(started.ports);
    const { requests } = await finish(await begin({}, started.context), started);
    const seconds = (started.clock.now - NOON) / 1000;
    expect(Math.max(...queue)).toBeLessThanOrEqual(started.context.options.inFlight + 1);
    expect(requests / (REQUESTS_PER_SECOND * seconds)).toBeGreaterThan(0.95);
  });

  it.each([
    ['its limit', { limit: 40 }, { enqueued: 40, requests: 40 + 3 }],
    ['its request budget, which includes the tags', { requestBudget: 100 }, { enqueued: 97, requests: 100 }],
    ['its last user', {}, { enqueued: 500, requests: 500 + 3 * 5 }],
  ])('ends at %s', async (_, input, totals) => {
    const started = start(500);
    const report = await finish(await begin(input, started.context), started);
    expect(report).toMatchObject({ ...totals, done: totals.enqueued });
    expect(tagged(started.ports)).toEqual(contacts(started.ports));
  });

  it.each([
    ['by a catalog of another mapping', { ...CATALOG, tags: {}, requirementsHash: 'of an older mapping' }],
    ['before the first catalog', undefined],
  ])('plans every tag %s', async (_, catalog) => {
    const started = start(10, (index) => synced(fresh(index)));
    started.ports.catalog = async () => catalog;
    const { run } = await callOnce({}, { started, input: { mode: 'refresh' } });
    expect(run).toMatchObject({ enqueued: 10, readyForTags: ids(0, 10) });
  });
});
