import fc from 'fast-check';
import { expect, it } from 'vitest';
import { UNCERTAIN } from '../../../shared/sync/plan.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { type ConsumerOptions, consumerOf, record } from '../../support/consumer-under-test.ts';
import { crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import { tagJob } from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

/** So many users in the same state that one request for each tag is cheaper than one or two for each user. */
const USERS = 30;
const RUNS = 100;
const template: User = {
  userId: '',
  firstName: 'Ann',
  subscription: { status: 'active' },
  progress: { program: 'Strength', week: 3 },
  lastActiveAt: '2026-06-15T09:00:00Z',
};
const idOf = (index: number) => `u${index}`;

/** Notes the requests about tags and fields, by contact, instead of making them. */
function noting() {
  const requests = new Map<number, Set<string>>();
  const note = (contactId: number, what: string, tagIds: readonly number[]) => {
    const noted = requests.get(contactId) ?? new Set();
    requests.set(contactId, noted);
    for (const tagId of tagIds) noted.add(`${what} ${tagId}`);
  };
  const applied = (ids: readonly number[]) => new Map(ids.map((id) => [id, 'SUCCESS' as const]));
  const client: NonNullable<ConsumerOptions['client']> = {
    ...crm.client,
    updateContact: async (id) => {
      note(id, 'fields', [0]);
      return { id };
    },
    removeTags: async (id, tagIds) => note(id, 'remove', tagIds),
    applyTags: async (id, tagIds) => {
      note(id, 'add', tagIds);
      return applied(tagIds);
    },
    untagContacts: async (tagId, ids) => {
      for (const id of ids) note(id, 'remove', [tagId]);
    },
    tagContacts: async (tagId, ids) => {
      for (const id of ids) note(id, 'add', [tagId]);
      return applied(ids);
    },
  };
  return { client, requests };
}

const changes = fc.record(
  {
    subscription: fc.record({ status: fc.constantFrom('trial', 'active', 'cancelled', 'expired') }),
    progress: fc.record({ program: fc.constant('Strength'), week: fc.integer({ min: 1, max: 12 }) }),
    lastActiveAt: fc.constantFrom('2026-06-15T09:00:00Z', '2026-05-25T09:00:00Z', '2026-01-01T09:00:00Z'),
  },
  { requiredKeys: [] },
);
const index = fc.nat({ max: 19 });
/** How the stored state differs from that of a user in sync. */
const states = fc.record(
  {
    missing: fc.array(index, { maxLength: 3 }),
    more: fc.array(index, { maxLength: 3 }),
    uncertain: fc.array(index, { maxLength: 3 }),
    /** The contact was created, and its tags were left to a tag job. */
    isUntagged: fc.boolean(),
    /** One state of eight. */
    isFieldUncertain: fc.nat({ max: 7 }).map((number) => number === 0),
  },
  { requiredKeys: [] },
);

it('a tag job makes the same requests for a user, and stores the same state, as the own sync of the user', async () => {
  const users = memoryUserTable(
    ...Array.from({ length: USERS }, (_, each) => ({
      ...template,
      userId: idOf(each),
      email: `${idOf(each)}@example.com`,
    })),
  );
  const all = [...users.rows.keys()];
  await consumerOf(crm, users).receive(...all.map((userId) => record(userMessage(userId))));
  const inSync = structuredClone(users.rows);
  const managed = Object.values((await crm.catalog.current()).tags);
  const tagAt = (position: number) => managed[position % managed.length] ?? 0;

  await fc.assert(
    fc.asyncProperty(changes, states, async (edit, state) => {
      const stateOf = (crmState: CrmState): CrmState => {
        const { tagIds = [], fingerprint = {} } = crmState;
        const missing = new Set(state.missing?.map(tagAt));
        const known = [...new Set([...tagIds, ...(state.more ?? []).map(tagAt)])].filter(
          (id) => !missing.has(id),
        );
        const { tagIds: _, ...rest } = crmState;
        return {
          ...rest,
          ...(!state.isUntagged && { tagIds: known }),
          ...(state.uncertain && { uncertainTagIds: [...new Set(state.uncertain.map(tagAt))] }),
          ...(state.isFieldUncertain && { fingerprint: { ...fingerprint, given_name: UNCERTAIN } }),
        };
      };
      const restore = () => {
        for (const [userId, row] of structuredClone(inSync))
          users.rows.set(userId, { ...row, ...edit, crm: stateOf(row['crm'] as CrmState) });
      };
      const stored = () =>
        new Map(
          all.map((userId) => {
            const { revision: _, attemptId: __, syncedAt: ___, ...rest } = users.user(userId).crm ?? {};
            return [userId, rest];
          }),
        );

      restore();
      const own = noting();
      await consumerOf(crm, users, { client: own.client }).receive(
        ...all.map((userId) => record(userMessage(userId))),
      );
      const ownState = stored();

      restore();
      const before = stored();
      const together = noting();
      const job = consumerOf(crm, users, { client: together.client });
      expect(await job.receive(tagJob(all))).toEqual([]);
      const needsMore = [...own.requests.values()].some((noted) => noted.has('fields 0'));
      if (needsMore) {
        expect(job.requeued.map(({ userId }) => userId).sort()).toEqual(all.toSorted());
        expect(together.requests.size).toBe(0);
        expect(stored()).toEqual(before);
      } else {
        expect(job.requeued).toEqual([]);
        expect(together.requests).toEqual(own.requests);
        expect(stored()).toEqual(ownState);
      }
    }),
    { numRuns: RUNS, examples: [[{}, { uncertain: [5, 12] }]] },
  );
});
