import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeMessage } from '../../../lambdas/diff-user/change-message.ts';
import { INVOCATION_MS, UNCERTAIN_WRITE_MS } from '../../../shared/quota/retry-policy.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import {
  during,
  LATER,
  type Table,
  tagJob,
  usersUpTo,
  withContacts,
  wronglyTagged,
} from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

describe('a live change during a tag job', () => {
  it('waits until the job is done, and then wins', async () => {
    const { users, receive: receiveLive, retries, ids } = await withContacts(20);
    const live = record(userMessage('u5'));
    const client = during('tagContacts', async () => {
      users.edit('u5', { progress: { program: 'Strength', week: 12 } });
      expect(await receiveLive(live)).toEqual([live.messageId]);
    });
    await consumerOf(crm, users, { client }).receive(tagJob(ids));
    expect(retries).toMatchObject([{ error: { afterMs: 1000 } }]);
    await receiveLive(live);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('that came first wins: the job requeues its user', async () => {
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
    await together.receive(tagJob(ids));
    expect(together.requeued.map(({ userId }) => userId)).toEqual(['u5']);
    await receive(...together.requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('that removes the crm map makes the job requeue its user, and leaves no stale tag', async () => {
    const { users, receive, ids } = await withContacts(20);
    const client = during('tagContacts', async () => {
      users.edit('u5', { crm: undefined, progress: { program: 'Strength', week: 12 } });
      await receive(record(userMessage('u5')));
    });
    const together = consumerOf(crm, users, { client });
    await together.receive(tagJob(ids));
    expect(together.requeued.map(({ userId }) => userId)).toEqual(['u5']);
    await receive(...together.requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it.each(['before', 'after'] as const)(
    'that deletes the user %s the request takes effect leaves only the deleted tag',
    async (when) => {
      const { users, receive, ids, retries } = await withContacts(20);
      let gone: User | undefined;
      const client = during(
        'tagContacts',
        async () => {
          gone = users.user('u5');
          users.rows.delete('u5');
        },
        when,
      );
      await consumerOf(crm, users, { client }).receive(tagJob(ids));
      const at = new Date(NOW).toISOString();
      const deletion = changeMessage(mapping, { before: gone, after: undefined, at }, NOW);
      const late = deletion && record(deletion);
      if (!late) throw new Error('A deletion needs a message');
      expect(await receive(late)).toEqual([late.messageId]);
      expect(retries).toMatchObject([{ error: { afterMs: INVOCATION_MS + UNCERTAIN_WRITE_MS } }]);
      const later = NOW + INVOCATION_MS + UNCERTAIN_WRITE_MS + 1;
      await consumerOf(crm, users, { now: () => later }).receive(late);
      const contact = (await crm.contacts()).find(({ id }) => id === gone?.crm?.contactId);
      expect(contact?.tags).toEqual(['Account Deleted']);
    },
  );
});

it('the tags end up matching the table, whatever changes during a tag job and wherever the job dies', async () => {
  let run = 0;
  const change = fc.record({
    user: fc.nat({ max: 11 }),
    week: fc.integer({ min: 1, max: 12 }),
    what: fc.constantFrom('edit', 'delete', 'resync', 'nothing'),
    at: fc.nat({ max: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 6 }),
      fc.nat({ max: 45 }),
      fc.boolean(),
      async (liveChanges, diesAt, afterEffect) => {
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
          for (const { user, week, what, at } of liveChanges) {
            const userId = ids[user] ?? '';
            if (at !== calls || !users.rows.has(userId)) continue;
            touched.add(userId);
            if (what === 'edit') users.edit(userId, { progress: { program: 'Strength', week } });
            if (what === 'resync') users.edit(userId, { crm: undefined });
            if (what !== 'delete') continue;
            const deletion = {
              before: users.user(userId),
              after: undefined,
              at: new Date(NOW).toISOString(),
            };
            users.rows.delete(userId);
            const message = changeMessage(mapping, deletion, NOW);
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
        await backfill.receive(tagJob(ids));
        calls = Number.POSITIVE_INFINITY;

        // All messages come back when the lease of the dead environment is over: late, in any order, more than once.
        const later = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS + 1 });
        await later.receive(tagJob(ids, 3));
        for (const userId of ids) await later.receive(record(userMessage(userId)));
        await later.receive(tagJob(ids, 200));
        await later.receive(...later.requeued.map((message) => record(message)), ...deletions);
        expect(await wronglyTagged(users)).toEqual([]);
        const { duplicateContacts, foreignWrites } = await crm.admin.stats();
        expect({ duplicateContacts, foreignWrites }).toEqual({ duplicateContacts: 0, foreignWrites: [] });
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
