import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeMessage } from '../../../lambdas/diff-user/change-message.ts';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { Retryable } from '../../../shared/sync/errors.ts';
import type { TagUsersMessage } from '../../../shared/sync/message.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { userMessage } from '../../shared/sync/user-message.ts';
import { type ConsumerOptions, consumerOf, NOW, record } from './consumer.ts';
import { memoryUserTable, startCrm } from './crm.ts';

const STATUSES = ['trial', 'active', 'cancelled', 'expired'] as const;
const userAt = (index: number): User => ({
  userId: `u${index}`,
  email: `u${index}@example.com`,
  subscription: { status: STATUSES[index % 4] },
  progress: { program: 'Strength', week: 1 + (index % 12) },
  lastActiveAt: '2026-06-15T09:00:00Z',
});
const usersUpTo = (count: number): User[] => Array.from({ length: count }, (_, index) => userAt(index));
const LATER = { cause: 'backfill', tagsLater: true } as const;

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
  await crm.admin.declareOwnership();
});
afterEach(() => crm.stop());

let groups = 0;
const tagUsers = (userIds: readonly string[], deliveries = 1) => {
  groups++;
  const message: TagUsersMessage = {
    version: 1,
    kind: 'tag-users',
    userIds: [...userIds],
    changedAt: new Date(NOW).toISOString(),
    correlationId: 'run-1',
  };
  const each = record(message, `tags:${groups}`);
  each.attributes.ApproximateReceiveCount = String(deliveries);
  return each;
};

/** Users with contacts and without tags, as a backfill leaves them before their tags. */
async function withContacts(count: number, options: ConsumerOptions = {}) {
  const users = memoryUserTable(...usersUpTo(count));
  const consumer = consumerOf(crm, users, options);
  for (const { userId } of usersUpTo(count)) await consumer.receive(record(userMessage(userId, LATER)));
  return { users, ...consumer, ids: usersUpTo(count).map(({ userId }) => userId) };
}
type Table = ReturnType<typeof memoryUserTable>;

/** Users whose contacts do not hold the tags that they should. */
async function wronglyTagged(users: Table): Promise<string[]> {
  const contacts = new Map((await crm.contacts()).map((contact) => [contact.id, contact]));
  return [...users.rows.keys()].filter((userId) => {
    const user = users.user(userId);
    const held = contacts
      .get(user.crm?.contactId ?? 0)
      ?.tags.toSorted()
      .join();
    return held !== desiredState(mapping, user, NOW).tags.toSorted().join();
  });
}

/** Does something during a request of a kind, once. */
function during(
  name: 'tagContacts' | 'untagContacts',
  happening: () => Promise<unknown>,
  when: 'before' | 'after' = 'before',
): InfusionsoftClient {
  let happened = false;
  const wrapped = async (tagId: number, ids: readonly number[]) => {
    const first = !happened;
    happened = true;
    if (first && when === 'before') await happening();
    const answer = await (crm.client[name] as (...all: unknown[]) => Promise<unknown>)(tagId, ids);
    if (first && when === 'after') await happening();
    return answer;
  };
  return { ...crm.client, [name]: wrapped } as InfusionsoftClient;
}

describe('new users of a backfill', () => {
  it('cost one request each, and one for each tag of a hundred', async () => {
    const users = memoryUserTable(...usersUpTo(48));
    const { receive, outcomes, changes } = consumerOf(crm, users);
    const ids = [...users.rows.keys()];
    const cost = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId, LATER)));
      expect(await receive(tagUsers(ids))).toEqual([]);
    });
    // Everybody is an active app user; four statuses and twelve weeks.
    expect(cost).toEqual({ 'PUT /contacts': 48, 'POST /tags/{id}/contacts': 18 });
    expect(await wronglyTagged(users)).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 'synced')).toHaveLength(96);
    expect(changes.filter((change) => change === 'created')).toHaveLength(48);
    expect(changes.filter((change) => change === 'tagged')).toHaveLength(48);
    for (const userId of ids) {
      const { crm: state } = users.user(userId);
      expect(state?.tagIds).toHaveLength(4);
      expect(state).not.toHaveProperty('leaseUntil');
      expect(state).not.toHaveProperty('perhapsTagIds');
    }
    const again = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId)));
      await receive(tagUsers(ids));
    });
    expect(again).toEqual({});
  });

  it('are read and written a few at a time, so that others of the batch do not miss their turn meanwhile', async () => {
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
    expect(await receive(tagUsers(ids))).toEqual([]);
    expect(await wronglyTagged(users)).toEqual([]);
    expect([reading, mostWriting]).toEqual([4, 4]);
  });

  it('lose managed tags that their contacts held before, and keep those that people put on', async () => {
    await crm.preload(
      ...usersUpTo(20).map(({ email = '' }) => ({
        values: { 'email_addresses.EMAIL1': email },
        tags: ['VIP', 'Subscription: Expired', 'Account Deleted'],
      })),
    );
    const { users, receive, ids } = await withContacts(20);
    const cost = await crm.requestsOf(() => receive(tagUsers(ids)));
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

  it('are waited for as long as their contacts are being created, and then told one by one', async () => {
    const { users, receive, postponed, again, ids } = await withContacts(20);
    users.rows.set('late', { ...userAt(99), userId: 'late' });
    expect(await receive(tagUsers([...ids, 'late']))).toHaveLength(1);
    expect(postponed).toMatchObject([{ error: { afterMs: 3000 } }]);
    expect(await receive(tagUsers([...ids, 'late'], 200))).toEqual([]);
    expect(again).toMatchObject([{ userId: 'late', cause: 'backfill', correlationId: 'run-1' }]);
    await receive(...again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('who cannot be in the CRM, or have gone, are waited for by nobody', async () => {
    const { users, receive, ids } = await withContacts(20);
    users.rows.set('bad', { ...userAt(98), userId: 'bad', email: 'x' });
    expect(await receive(tagUsers([...ids, 'bad', 'gone']))).toEqual([]);
  });

  it('who were rejected before get their tags with the contact: no message about many waits for them', async () => {
    const users = memoryUserTable({ ...userAt(1), email: 'x' });
    const { receive, rejected } = consumerOf(crm, users);
    const letter = record(userMessage('u1', LATER));
    await receive(letter);
    expect(rejected).toHaveLength(1);
    await receive(tagUsers(['u1']));
    users.edit('u1', { email: 'u1@example.com' });
    await receive(letter);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('of whom there are few are told one by one, which costs fewer requests', async () => {
    const { users, receive, again, ids } = await withContacts(3);
    const cost = await crm.requestsOf(async () => {
      await receive(tagUsers(ids));
      await receive(...again.map((message) => record(message)));
    });
    expect(cost).toEqual({ 'POST /contacts/{id}/tags': 3 });
    expect(await wronglyTagged(users)).toEqual([]);
  });
});

describe('users whose tags change with time', () => {
  it('swap them together: old ones off, new ones on', async () => {
    const { users, receive, ids } = await withContacts(60);
    await receive(tagUsers(ids));
    for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-05-25T09:00:00Z' });
    const cost = await crm.requestsOf(() => receive(tagUsers(ids)));
    expect(cost).toEqual({ 'DELETE /tags/{id}/contacts': 1, 'POST /tags/{id}/contacts': 1 });
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('keep to themselves whose fields have changed too', async () => {
    const { users, receive, again, ids } = await withContacts(20);
    users.edit('u3', { firstName: 'Edited' });
    await receive(tagUsers(ids));
    expect(again.map(({ userId }) => userId)).toEqual(['u3']);
  });
});

describe('a live change while tags are put on together', () => {
  it('waits until that is done, and then wins', async () => {
    const { users, receive: receiveLive, postponed, ids } = await withContacts(20);
    const live = record(userMessage('u5'));
    const client = during('tagContacts', async () => {
      users.edit('u5', { progress: { program: 'Strength', week: 12 } });
      expect(await receiveLive(live)).toEqual([live.messageId]);
    });
    await consumerOf(crm, users, { client }).receive(tagUsers(ids));
    expect(postponed).toMatchObject([{ error: { afterMs: 1000 } }]);
    await receiveLive(live);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('that came first has its way: its user is looked at again', async () => {
    const { users, receive, ids } = await withContacts(20);
    const { readMany } = users.table;
    users.table.readMany = async (asked) => {
      const found = await readMany(asked);
      if (!asked.includes('u5')) return found;
      users.edit('u5', { progress: { program: 'Strength', week: 12 } });
      await receive(record(userMessage('u5')));
      return found;
    };
    const together = consumerOf(crm, users);
    await together.receive(tagUsers(ids));
    expect(together.again.map(({ userId }) => userId)).toEqual(['u5']);
    await receive(...together.again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('that takes the crm map away is looked at again, and leaves no stale tag', async () => {
    const { users, receive, ids } = await withContacts(20);
    const client = during('tagContacts', async () => {
      users.edit('u5', { crm: undefined, progress: { program: 'Strength', week: 12 } });
      await receive(record(userMessage('u5')));
    });
    const together = consumerOf(crm, users, { client });
    await together.receive(tagUsers(ids));
    expect(together.again.map(({ userId }) => userId)).toEqual(['u5']);
    await receive(...together.again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it.each(['before', 'after'] as const)(
    'that deletes the user, %s the request has its effect, leaves no tag of its own',
    async (when) => {
      const { users, receive, ids, postponed } = await withContacts(20);
      let gone: User | undefined;
      const client = during(
        'tagContacts',
        async () => {
          gone = users.user('u5');
          users.rows.delete('u5');
        },
        when,
      );
      await consumerOf(crm, users, { client }).receive(tagUsers(ids));
      const at = new Date(NOW).toISOString();
      const deletion = changeMessage(mapping, { before: gone, after: undefined, at }, NOW);
      const late = deletion && record(deletion);
      if (!late) throw new Error('A deletion calls for a message');
      expect(await receive(late)).toEqual([late.messageId]);
      expect(postponed).toMatchObject([{ error: { afterMs: 120_000 } }]);
      await consumerOf(crm, users, { now: () => NOW + 120_001 }).receive(late);
      const contact = (await crm.contacts()).find(({ id }) => id === gone?.crm?.contactId);
      expect(contact?.tags).toEqual(['Account Deleted']);
    },
  );
});

describe('what goes wrong', () => {
  it('a lost answer is asked for again, and the tags are right', async () => {
    const { users, ids } = await withContacts(20);
    let lost = false;
    const client: InfusionsoftClient = {
      ...crm.client,
      async tagContacts(tagId, contactIds) {
        const results = await crm.client.tagContacts(tagId, contactIds);
        if (lost) return results;
        lost = true;
        throw new Retryable('lost');
      },
    };
    const { receive, again } = consumerOf(crm, users, { client });
    expect(await receive(tagUsers(ids))).toHaveLength(1);
    for (const userId of ids) expect(users.user(userId).crm).not.toHaveProperty('leaseUntil');
    expect(await receive(tagUsers(ids, 2))).toEqual([]);
    await receive(...again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('an environment that died leaves a lease, and nothing stale when it is over', async () => {
    const { users, receive, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > ids.length) throw new Error('killed');
      return writeCrm(...all);
    };
    expect(await receive(tagUsers(ids))).toHaveLength(1);
    users.table.writeCrm = writeCrm;
    users.edit('u5', { progress: { program: 'Strength', week: 12 } });
    expect(await receive(record(userMessage('u5')))).toHaveLength(1);
    expect(await receive(tagUsers(ids, 2))).toHaveLength(1);
    const later = consumerOf(crm, users, { now: () => NOW + 120_001 });
    await later.receive(record(userMessage('u5')), tagUsers(ids, 3));
    await later.receive(...later.again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('an item that cannot be written holds up nobody else', async () => {
    const { users, receive, outcomes, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let isLeased = false;
    users.table.writeCrm = async (userId, ...rest) => {
      if (userId === 'u5' && isLeased) throw new Error('throttled');
      isLeased ||= userId === 'u5';
      return writeCrm(userId, ...rest);
    };
    outcomes.length = 0;
    expect(await receive(tagUsers(ids))).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'synced')).toHaveLength(19);
    expect(ids.filter((userId) => users.user(userId).crm?.leaseUntil)).toEqual(['u5']);
    users.table.writeCrm = writeCrm;
    const later = consumerOf(crm, users, { now: () => NOW + 120_001 });
    await later.receive(tagUsers(ids, 2));
    await later.receive(...later.again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('a request that names too many is halved, and its size is kept in mind', async () => {
    const { users, ids } = await withContacts(130);
    const { receive } = consumerOf(crm, users, { tagBatch: 130 });
    // The account takes a hundred: two tags are on more contacts than that, and each is tried once as a whole.
    const cost = await crm.requestsOf(() => receive(tagUsers(ids)));
    expect(cost['POST /tags/{id}/contacts']).toBe(2 * 3 + 4 + 12);
    expect(await wronglyTagged(users)).toEqual([]);
    for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-05-25T09:00:00Z' });
    const next = await crm.requestsOf(() => receive(tagUsers(ids)));
    expect(next).toEqual({ 'DELETE /tags/{id}/contacts': 2, 'POST /tags/{id}/contacts': 2 });
  });

  it('a contact that was deleted by hand is created anew by a message of its own', async () => {
    const { users, receive, again, ids } = await withContacts(20);
    await crm.admin.removeContact(users.user('u5').crm?.contactId ?? 0);
    await receive(tagUsers(ids));
    expect(again.map(({ userId }) => userId)).toEqual(['u5']);
    await receive(...again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('a tag that was deleted by hand is made anew', async () => {
    const { users, receive, ids } = await withContacts(20);
    await crm.admin.removeTag('App User');
    const message = tagUsers(ids);
    expect(await receive(message)).toEqual([message.messageId]);
    expect(await receive(tagUsers(ids, 2))).toEqual([]);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('a spent quota of backfills makes it wait like any other of their messages', async () => {
    const { users, ids } = await withContacts(20);
    const quota = {
      open: async () => ({ pause: undefined, backfillPausedUntil: NOW + 60_000 }),
      close: async () => {},
    };
    const { receive, postponed } = consumerOf(crm, users, { quota });
    expect(await crm.requestsOf(() => receive(tagUsers(ids)))).toEqual({});
    expect(postponed).toMatchObject([{ error: { afterMs: 60_000 } }]);
  });
});

it('whatever happens meanwhile, and wherever it stops: the tags end as the table says, and nobody else’s are touched', async () => {
  let run = 0;
  const happening = fc.record({
    user: fc.nat({ max: 11 }),
    week: fc.integer({ min: 1, max: 12 }),
    what: fc.constantFrom('edit', 'delete', 'resync', 'nothing'),
    at: fc.nat({ max: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { maxLength: 6 }),
      fc.nat({ max: 45 }),
      fc.boolean(),
      async (happenings, diesAt, afterEffect) => {
        run++;
        const users = memoryUserTable(
          ...usersUpTo(12).map((user) => ({
            ...user,
            userId: `${run}-${user.userId}`,
            email: `${run}${user.email}`,
          })),
        );
        const ids = [...users.rows.keys()];
        const deletions: ReturnType<typeof record>[] = [];
        const touched = new Set<string>();
        let calls = 0;
        const tick = () => {
          calls++;
          for (const { user, week, what, at } of happenings) {
            const userId = ids[user] ?? '';
            if (at !== calls || !users.rows.has(userId)) continue;
            touched.add(userId);
            if (what === 'edit') users.edit(userId, { progress: { program: 'Strength', week } });
            if (what === 'resync') users.edit(userId, { crm: undefined });
            if (what !== 'delete') continue;
            const change = { before: users.user(userId), after: undefined, at: new Date(NOW).toISOString() };
            users.rows.delete(userId);
            const message = changeMessage(mapping, change, NOW);
            if (message) deletions.push(record(message));
          }
          if (calls === diesAt) throw new Error('killed');
        };
        const { table } = users;
        const dying = {
          ...users,
          table: {
            ...table,
            writeCrm: (async (...all) => {
              if (!afterEffect) tick();
              const written = await table.writeCrm(...all);
              if (afterEffect) tick();
              return written;
            }) as typeof table.writeCrm,
          },
        };
        const backfill = consumerOf(crm, dying as Table);
        for (const userId of ids) await backfill.receive(record(userMessage(userId, LATER)));
        await backfill.receive(tagUsers(ids));
        calls = Number.POSITIVE_INFINITY;

        // Everything comes back when the lease of the dead is over: late, in any order, more than once.
        const later = consumerOf(crm, users, { now: () => NOW + 120_001 });
        await later.receive(tagUsers(ids, 3));
        for (const userId of ids) await later.receive(record(userMessage(userId)));
        await later.receive(tagUsers(ids, 200));
        await later.receive(...later.again.map((message) => record(message)), ...deletions);
        expect(await wronglyTagged(users)).toEqual([]);
        const { duplicateContacts, foreignWrites } = await crm.admin.stats();
        expect({ duplicateContacts, foreignWrites }).toEqual({ duplicateContacts: 0, foreignWrites: [] });
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
