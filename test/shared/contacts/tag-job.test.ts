import { describe, expect, it } from 'vitest';
import { runTagJob } from '../../../shared/contacts/tag-job.ts';
import type { TagOutcome, TagRequests } from '../../../shared/contacts/tag-requests.ts';
import { requestJournal } from '../../../shared/infusionsoft/http/request-journal.ts';
import { LEASE_RETRY, OUT_OF_TIME_MS, TAG_JOB_LEASING_MS } from '../../../shared/quota/retry-policy.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import type { TagUsersMessage, UserMessage } from '../../../shared/sync/message.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { CATALOG, fresh, NOON, synced } from '../../support/backfill-users.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { invocationOf, memoryUserTable } from '../../support/crm-under-test.ts';
import { LATER, tagJob, userAt, usersUpTo, withContacts, wronglyTagged } from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

describe('new users of a backfill', () => {
  startCrmForEachTest();

  it('cost one request each, and one for each tag of a hundred users', async () => {
    const users = memoryUserTable(...usersUpTo(48));
    const { receive, outcomes, changes } = consumerOf(crm, users);
    const ids = [...users.rows.keys()];
    const cost = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId, LATER)));
      expect(await receive(tagJob(ids))).toEqual([]);
    });
    // All users share two tags; the others are four statuses and twelve weeks.
    expect(cost).toEqual({ 'PUT /contacts': 48, 'POST /tags/{id}/contacts': 18 });
    expect(await wronglyTagged(users)).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 'synced')).toHaveLength(96);
    expect(changes.filter((change) => change === 'created')).toHaveLength(48);
    expect(changes.filter((change) => change === 'tagged')).toHaveLength(48);
    for (const userId of ids) {
      const { crm: state } = users.user(userId);
      expect(state?.tagIds).toHaveLength(4);
      expect(state).not.toHaveProperty('lease');
      expect(state).not.toHaveProperty('uncertainTagIds');
    }
    const again = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId)));
      await receive(tagJob(ids));
    });
    expect(again).toEqual({});
  });

  it('are read and written a few at a time, so that other users of the batch do not miss their request slots', async () => {
    const { users, receive, ids } = await withContacts(48);
    const { readMany, writeCrm } = users.table;
    let reading = 0;
    let writing = 0;
    let mostWriting = 0;
    users.table.readMany = async (asked) => {
      reading = Math.max(reading, asked.length);
      return readMany(asked);
    };
    users.table.writeCrm = async (...write) => {
      writing++;
      mostWriting = Math.max(mostWriting, writing);
      await new Promise((done) => setImmediate(done));
      writing--;
      return writeCrm(...write);
    };
    expect(await receive(tagJob(ids))).toEqual([]);
    expect(await wronglyTagged(users)).toEqual([]);
    expect([reading, mostWriting]).toEqual([4, 8]);
  });

  it('lose managed tags that their contacts had before, and keep tags that were added by hand', async () => {
    await crm.preload(
      ...usersUpTo(20).map(({ email = '' }) => ({
        values: { 'email_addresses.EMAIL1': email },
        tags: ['VIP', 'Subscription: Expired', 'Account Deleted'],
      })),
    );
    const { users, receive, ids } = await withContacts(20);
    const cost = await crm.requestsOf(() => receive(tagJob(ids)));
    expect(cost['DELETE /tags/{id}/contacts']).toBe(2);
    const contacts = await crm.contacts();
    expect(contacts.every(({ tags }) => tags.includes('VIP'))).toBe(true);
    for (const contact of contacts) contact.tags.splice(contact.tags.indexOf('VIP'), 1);
    for (const userId of ids) {
      const user = users.user(userId);
      const contact = contacts.find(({ id }) => id === user.crm?.contactId);
      expect(contact?.tags.toSorted()).toEqual(desiredState(mapping, user, NOW).tags.toSorted());
    }
  });

  it('without a contact get a message of their own', async () => {
    const { users, receive, requeued, ids } = await withContacts(20);
    users.rows.set('late', { ...userAt(99), userId: 'late' });
    expect(await receive(tagJob([...ids, 'late']))).toEqual([]);
    expect(requeued).toMatchObject([{ userId: 'late', cause: 'backfill', correlationId: 'run-1' }]);
    await receive(...requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('are tagged with a limited number of requests at the same time, so that live changes can pass', async () => {
    let atWork = 0;
    let most = 0;
    const tagContacts: typeof crm.client.tagContacts = async (tagId, ids) => {
      most = Math.max(most, ++atWork);
      const results = await crm.client.tagContacts(tagId, ids);
      atWork--;
      return results;
    };
    const { users, receive, ids } = await withContacts(48, {
      client: { ...crm.client, tagContacts },
      maxConcurrentTagRequests: 3,
    });
    expect(await receive(tagJob(ids))).toEqual([]);
    expect(most).toBe(3);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('who were deleted or cannot be in the CRM are skipped', async () => {
    const { users, receive, ids } = await withContacts(20);
    users.rows.set('bad', { ...userAt(98), userId: 'bad', email: 'x' });
    expect(await receive(tagJob([...ids, 'bad', 'gone']))).toEqual([]);
  });

  it('who were rejected before get their tags from their own message', async () => {
    const users = memoryUserTable({ ...userAt(1), email: 'x' });
    const { receive, rejected } = consumerOf(crm, users);
    const letter = record(userMessage('u1', LATER));
    await receive(letter);
    expect(rejected).toHaveLength(1);
    await receive(tagJob(['u1']));
    users.edit('u1', { email: 'u1@example.com' });
    await receive(letter);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('are tagged one by one when that costs fewer requests', async () => {
    const { users, receive, requeued, ids } = await withContacts(3);
    const cost = await crm.requestsOf(async () => {
      await receive(tagJob(ids));
      await receive(...requeued.map((message) => record(message)));
    });
    expect(cost).toEqual({ 'POST /contacts/{id}/tags': 3 });
    expect(await wronglyTagged(users)).toEqual([]);
  });
});

describe('users whose tags change with time', () => {
  startCrmForEachTest();

  it('are changed together: one request removes the old tag, one adds the new one', async () => {
    const { users, receive, ids } = await withContacts(60);
    await receive(tagJob(ids));
    for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-05-25T09:00:00Z' });
    const cost = await crm.requestsOf(() => receive(tagJob(ids)));
    expect(cost).toEqual({ 'DELETE /tags/{id}/contacts': 1, 'POST /tags/{id}/contacts': 1 });
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('get a message of their own when their fields have changed too', async () => {
    const { users, receive, requeued, ids } = await withContacts(20);
    users.edit('u3', { firstName: 'Edited' });
    await receive(tagJob(ids));
    expect(requeued.map(({ userId }) => userId)).toEqual(['u3']);
  });
});

const TAG_IDS = synced(fresh(1)).crm?.tagIds ?? [];
const [MISSING = 0] = TAG_IDS;
const [STALE = 0] = Object.values(CATALOG.tags).filter((id) => !TAG_IDS.includes(id));
const at = (ms: number) => new Date(NOON + ms).toISOString();
const LEASE = { environment: 'b', invocation: 1, until: at(1000) };

/** A user, by default one who lacks a tag and has one too many. The contact has the number of the user. */
function userWith(index: number, crm: CrmState = {}): User {
  const user = synced(fresh(index));
  return { ...user, crm: { ...user.crm, contactId: index, tagIds: [...TAG_IDS.slice(1), STALE], ...crm } };
}

interface Job {
  /** What becomes of a request for a contact. */
  outcome?: (which: 'remove' | 'add', contactId: number) => TagOutcome;
  /** Runs before each write of an item. */
  beforeWrite?: (userId: string, crm: CrmState) => void;
  /** How long a write of an item lasts. */
  msOfWrite?: number;
  unconfirmed?: string[];
  requeueError?: Error;
  tagBatch?: number;
}

/** Runs a tag job with requests that only have an outcome. */
async function runJob(
  items: User[],
  {
    outcome = () => 'done',
    beforeWrite = () => {},
    msOfWrite = 1,
    unconfirmed = [],
    requeueError,
    tagBatch = 100,
  }: Job = {},
) {
  const users = memoryUserTable(...items.map((item) => ({ ...item })));
  const clock = { now: NOON };
  const requests: [string, number, readonly number[]][] = [];
  const requeued: UserMessage[][] = [];
  const reads: number[] = [];
  const refreshes: number[] = [];
  const tagged: string[] = [];
  const request =
    (which: 'remove' | 'add'): TagRequests['add'] =>
    async (tagId, contactIds) => {
      requests.push([which, tagId, contactIds]);
      return new Map(contactIds.map((id) => [id, outcome(which, id)]));
    };
  const message: TagUsersMessage = {
    version: 1,
    kind: 'tag-users',
    userIds: items.map(({ userId }) => userId),
    changedAt: at(-5000),
    correlationId: 'run',
  };
  const job = runTagJob(
    message,
    {
      mapping,
      users: {
        ...users.table,
        readMany: (userIds) => {
          reads.push(userIds.length);
          return users.table.readMany(userIds);
        },
        writeCrm: async (userId, crm, over) => {
          beforeWrite(userId, crm);
          clock.now += msOfWrite;
          return users.table.writeCrm(userId, crm, over);
        },
      },
      claims: {
        confirm: async (contacts) =>
          new Set(contacts.map(({ userId }) => userId).filter((userId) => !unconfirmed.includes(userId))),
      },
      catalogSource: {
        current: async () => CATALOG,
        newerThan: async (since) => {
          refreshes.push(since);
          return CATALOG;
        },
      },
      tagRequests: { remove: request('remove'), add: request('add') },
      journal: requestJournal(),
      requeue: async (messages) => {
        if (requeueError) throw requeueError;
        requeued.push([...messages]);
      },
      tagBatch,
      invocation: () => invocationOf('a', 1, NOON),
      now: () => clock.now,
    },
    ({ userId }) => void tagged.push(userId),
  );
  const error = await job.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  const requeuedIds = requeued.map((messages) => messages.map(({ userId }) => userId));
  return { users, error, requests, requeued, requeuedIds, reads, refreshes, tagged };
}

describe('a tag job', () => {
  it('removes a tag of all users before it adds another to all', async () => {
    const { users, error, requests, requeued, tagged } = await runJob([userWith(1), userWith(2)]);
    expect(error).toBeUndefined();
    expect(requests).toEqual([
      ['remove', STALE, [1, 2]],
      ['add', MISSING, [1, 2]],
    ]);
    expect([tagged, requeued]).toEqual([['1', '2'], []]);
    for (const userId of ['1', '2']) {
      expect(users.user(userId).crm).toMatchObject({ tagIds: TAG_IDS });
      expect(users.user(userId).crm).not.toHaveProperty('lease');
    }
  });

  it('does nothing for users who are in sync', async () => {
    const result = await runJob([synced(fresh(1)), synced(fresh(2))]);
    expect(result).toMatchObject({ error: undefined, requests: [], requeued: [], refreshes: [], tagged: [] });
  });

  it('reads each user once, a few at a time', async () => {
    const items = Array.from({ length: 8 }, (_, index) => synced(fresh(index + 1)));
    expect((await runJob(items)).reads).toEqual([4, 4]);
  });

  it('adds no tag to a user who may still have the one that it replaces, and comes again', async () => {
    const down = new RetryableError('down', { afterMs: 7 });
    const outcome: Job['outcome'] = (which, id) => (which === 'remove' && id === 1 ? down : 'done');
    const result = await runJob([userWith(1), userWith(2)], { outcome });
    expect(result).toMatchObject({ error: down, tagged: ['2'], requeued: [] });
    expect(result.requests[1]).toEqual(['add', MISSING, [2]]);
    expect(result.users.user('1').crm?.uncertainTagIds).toEqual([STALE, MISSING]);
  });

  it('sends a user whose change was refused a message of its own', async () => {
    const outcome: Job['outcome'] = (which, id) => (which === 'add' && id === 1 ? 'requeue' : 'done');
    const result = await runJob([userWith(1), userWith(2)], { outcome });
    expect(result).toMatchObject({ error: undefined, tagged: ['2'], refreshes: [] });
    expect(result.requeued).toMatchObject([
      [{ userId: '1', cause: 'backfill', changedAt: at(-5000), correlationId: 'run' }],
    ]);
  });

  it('reads the catalog anew and comes again when the CRM does not know a tag', async () => {
    const result = await runJob([userWith(1)], { outcome: () => 'no-tag' });
    expect(result).toMatchObject({ refreshes: [NOON], requeued: [], tagged: [] });
    expect(result.error).toBeInstanceOf(RetryableError);
    expect(result.error).toMatchObject({ afterMs: undefined });
  });

  it('sends users who are leased messages of their own if they are half of all', async () => {
    const items = [userWith(1), userWith(2, { lease: LEASE })];
    expect(await runJob(items)).toMatchObject({ error: undefined, tagged: ['1'], requeuedIds: [['2']] });
  });

  it('waits if more than half of the users are leased', async () => {
    const items = [userWith(1), userWith(2, { lease: LEASE }), userWith(3, { lease: LEASE })];
    expect(await runJob(items)).toMatchObject({
      error: { afterMs: LEASE_RETRY.tagJobMs },
      requests: [],
      requeued: [],
    });
  });

  it('sends a user whose contact no claim confirms a message of its own, without a request', async () => {
    const result = await runJob([userWith(1), userWith(2)], { unconfirmed: ['1'] });
    expect(result).toMatchObject({ error: undefined, tagged: ['2'], requeuedIds: [['1']] });
    expect(result.requests.flatMap(([, , contactIds]) => contactIds)).not.toContain(1);
  });

  it('leaves users for whom there is no time to the next delivery, without a message of their own', async () => {
    const result = await runJob([userWith(1), userWith(2)], { msOfWrite: TAG_JOB_LEASING_MS });
    expect(result).toMatchObject({ error: { afterMs: OUT_OF_TIME_MS }, tagged: ['1'], requeued: [] });
    expect(result.error).toBeInstanceOf(RetryableError);
  });

  it('goes on after a write that failed, and fails with that error', async () => {
    const throttled = new Error('throttled');
    const result = await runJob([userWith(1), userWith(2)], {
      beforeWrite: (userId, { lease }) => {
        if (userId === '1' && !lease) throw throttled;
      },
    });
    expect(result).toMatchObject({ error: throttled, tagged: ['2'], requeued: [] });
  });

  it('fails with the error of the queue, after the tags of the other users are changed', async () => {
    const requeueError = new Error('SQS is down');
    const items = [userWith(1), userWith(2, { lease: LEASE })];
    expect(await runJob(items, { requeueError })).toMatchObject({ error: requeueError, tagged: ['1'] });
  });

  it.each([
    ['together', 100, [[1, 2]], []],
    ['one by one where a request takes one contact', 1, [], [['1', '2']]],
  ])(
    'changes the tags of users in the way that costs fewer requests: %s',
    async (_, tagBatch, named, requeuedIds) => {
      const items = [userWith(1, { tagIds: TAG_IDS.slice(2) }), userWith(2, { tagIds: TAG_IDS.slice(2) })];
      const result = await runJob(items, { tagBatch });
      expect(result.error).toBeUndefined();
      expect([...new Set(result.requests.map(([, , contactIds]) => contactIds.join()))]).toEqual(
        named.map((ids) => ids.join()),
      );
      expect(result.requeuedIds).toEqual(requeuedIds);
    },
  );
});
