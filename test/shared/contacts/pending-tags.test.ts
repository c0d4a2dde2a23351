import { describe, expect, it } from 'vitest';
import {
  changeTags,
  isDone,
  isRemoved,
  leaseUser,
  type PendingTags,
  releaseUser,
} from '../../../shared/contacts/pending-tags.ts';
import type { PlannedTagChange } from '../../../shared/contacts/plan-tag-change.ts';
import type { TagRequests } from '../../../shared/contacts/tag-requests.ts';
import { invocationOf, memoryUserTable } from '../../support/crm-under-test.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const now = () => NOON;
const invocation = () => invocationOf('a', 1, NOON);
const PLAN = { remove: [3], add: [2, 1] };

async function leased(crm: Record<string, unknown> = { contactId: 7, tagIds: [3, 4], revision: 5 }) {
  const users = memoryUserTable({ userId: 'ann', crm });
  const planned: PlannedTagChange = {
    kind: 'planned',
    userId: 'ann',
    contactId: 7,
    revision: 5,
    checkpoint: { contactId: 7, tagIds: [4], uncertainTagIds: [1, 2, 3] },
    desired: [4, 2, 1],
    plan: PLAN,
  };
  const pending = await leaseUser(planned, { users: users.table, invocation });
  return { users, pending };
}
const pendingAnn = async () => {
  const { users, pending } = await leased();
  if (!pending) throw new Error('The user could not be leased');
  return { users, pending };
};

describe('a user whose tags are changed with those of others', () => {
  it('is leased with the checkpoint, unless the item has changed', async () => {
    const { users, pending } = await leased();
    expect(users.user('ann').crm).toMatchObject({
      tagIds: [4],
      uncertainTagIds: [1, 2, 3],
      lease: { environment: 'a' },
    });
    expect(pending).toMatchObject({ crm: { revision: 6 }, needsRequeue: false, requests: [] });
    expect((await leased({ contactId: 7, revision: 6 })).pending).toBeUndefined();
  });

  it('has each change noted by its outcome, and the requests that named the contact', async () => {
    const { pending } = await pendingAnn();
    const outcomes = { 1: 'done', 2: 'requeue', 3: 'done' } as const;
    const answer = async (tagId: number, [contactId = 0]: readonly number[]) =>
      new Map([[contactId, outcomes[tagId as 1]]]);
    const tagRequests: TagRequests = { remove: answer, add: answer };
    const journal = { during: <Result>(work: () => Result) => work(), lines: () => ['POST /tags'] };
    expect(await changeTags([pending], 'remove', { tagRequests, journal })).toEqual(['done']);
    expect([isRemoved(pending), isDone(pending)]).toEqual([true, false]);
    expect(await changeTags([pending], 'add', { tagRequests, journal })).toEqual(['requeue', 'done']);
    expect(pending).toMatchObject({
      needsRequeue: true,
      requests: ['POST /tags', 'POST /tags', 'POST /tags'],
    });
    expect([...pending.done]).toEqual([3, 1]);
    expect([isRemoved(pending), isDone(pending)]).toEqual([false, false]);
  });

  it.each<[string, number[], boolean, boolean]>([
    ['nothing', [], false, false],
    ['the removals', [3], true, false],
    ['one addition', [3, 1], true, false],
    ['all', [3, 2, 1], true, true],
  ])('is ready by what was done: %s', async (_, done, removed, all) => {
    const { pending } = await pendingAnn();
    const each: PendingTags = { ...pending, done: new Set(done) };
    expect([isRemoved(each), isDone(each)]).toEqual([removed, all]);
  });

  it('is released as synced when all is done', async () => {
    const { users, pending } = await pendingAnn();
    for (const id of [1, 2, 3]) pending.done.add(id);
    await releaseUser(pending, { users: users.table, now });
    const { attemptId: _, ...state } = users.user('ann').crm ?? {};
    expect(state).toEqual({
      contactId: 7,
      tagIds: [1, 2, 4],
      syncedAt: new Date(NOON).toISOString(),
      revision: 7,
    });
  });

  it('is released with uncertain tags when some requests failed', async () => {
    const { users, pending } = await pendingAnn();
    pending.done.add(2);
    await releaseUser(pending, { users: users.table, now });
    expect(users.user('ann').crm).toMatchObject({ tagIds: [2, 4], uncertainTagIds: [3, 1] });
    expect(users.user('ann').crm).not.toHaveProperty('syncedAt');
    expect(users.user('ann').crm).not.toHaveProperty('lease');
    expect(pending.needsRequeue).toBe(false);
  });

  it.each<[string, Record<string, unknown>, number[]]>([
    ['has all tags of the plan uncertain', { contactId: 8, revision: 9, uncertainTagIds: [9] }, [9, 3, 2, 1]],
    ['has them uncertain where none was', { contactId: 8, revision: 9 }, [3, 2, 1]],
  ])('whose item has changed despite the lease gets a message, and %s', async (_, crm, uncertainTagIds) => {
    const { users, pending } = await pendingAnn();
    users.edit('ann', { crm });
    await releaseUser(pending, { users: users.table, now });
    expect(pending.needsRequeue).toBe(true);
    expect(users.user('ann').crm).toMatchObject({ contactId: 8, uncertainTagIds });
  });

  it('whose item names a tag of the plan as applied, and has changed twice, has it uncertain only', async () => {
    const { users, pending } = await pendingAnn();
    users.edit('ann', { crm: { contactId: 8, revision: 9, tagIds: [1, 4] } });
    let reads = 0;
    const table = {
      ...users.table,
      read: async (userId: string) => {
        const found = await users.table.read(userId);
        if (reads++ === 0) users.edit('ann', { crm: { contactId: 8, revision: 10, tagIds: [1, 4] } });
        return found;
      },
    };
    await releaseUser(pending, { users: table, now });
    expect(users.user('ann').crm).toMatchObject({ tagIds: [4], uncertainTagIds: [3, 2, 1] });
  });

  it('whose crm map was removed meanwhile gets a message only', async () => {
    const { users, pending } = await pendingAnn();
    users.edit('ann', { crm: undefined });
    await releaseUser(pending, { users: users.table, now });
    expect(pending.needsRequeue).toBe(true);
    expect(users.user('ann').crm).toBeUndefined();
  });

  it('who was deleted meanwhile needs nothing', async () => {
    const { users, pending } = await pendingAnn();
    users.rows.delete('ann');
    await releaseUser(pending, { users: users.table, now });
    expect(pending.needsRequeue).toBe(false);
  });
});
