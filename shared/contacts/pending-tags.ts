import type { RequestJournal } from '../infusionsoft/http/request-journal.ts';
import type { Invocation } from '../invocation.ts';
import type { UserTable } from '../store/user-table.ts';
import type { TagPlan } from '../sync/plan.ts';
import { groupByTag } from '../sync/tag-cost.ts';
import type { CrmState } from '../user/user.ts';
import { leased, released } from './lease.ts';
import type { PlannedTags } from './plan-tag-change.ts';
import type { TagOutcome, TagRequests } from './tag-requests.ts';

/** A user who is leased while its tags are changed together with others'. */
export interface PendingTags {
  userId: string;
  contactId: number;
  /** As stored with the lease. */
  crm: CrmState;
  desired: readonly number[];
  plan: TagPlan;
  /** Tags of the plan of which the request was answered with success. */
  done: Set<number>;
  /** Has to be looked at by itself. */
  alone: boolean;
  /** Requests that named its contact. */
  requests: string[];
}

export interface PendingTagsDependencies {
  users: UserTable;
  tags: TagRequests;
  journal: RequestJournal;
  /** The running one. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Leases a user. @returns undefined when its item has moved on. */
export async function begin(
  { userId, contactId, checkpoint, desired, plan, revision }: PlannedTags,
  { users, invocation }: PendingTagsDependencies,
): Promise<PendingTags | undefined> {
  if ((await users.writeCrm(userId, leased(checkpoint, invocation()), revision)) !== 'stored')
    return undefined;
  const crm = { ...checkpoint, revision: (revision ?? 0) + 1 };
  return { userId, contactId, crm, desired, plan, done: new Set(), alone: false, requests: [] };
}

/** Makes the requests for one half of all plans, side by side. @returns every outcome. */
export async function change(
  works: readonly PendingTags[],
  which: keyof TagPlan,
  { tags, journal }: PendingTagsDependencies,
): Promise<TagOutcome[]> {
  const changed = [...groupByTag(works, which)].map(([tagId, group]) =>
    journal.during(async () => {
      const outcomes = await tags[which](
        tagId,
        group.map(({ contactId }) => contactId),
      );
      for (const work of group) {
        const outcome = outcomes.get(work.contactId);
        if (outcome === 'done') work.done.add(tagId);
        if (outcome === 'alone') work.alone = true;
        work.requests.push(...journal.lines());
      }
      return [...outcomes.values()];
    }),
  );
  return (await Promise.all(changed)).flat();
}

/** Whether others may go on: no tag is put on before those in its place are off. */
export const isTakenOff = ({ plan, done, alone }: PendingTags): boolean =>
  !alone && plan.remove.every((id) => done.has(id));

export const isDone = (work: PendingTags): boolean =>
  isTakenOff(work) && work.plan.add.every((id) => work.done.has(id));

/** Ends the lease: stores what was done, and of what it is not certain. */
export async function end(work: PendingTags, { users, now }: PendingTagsDependencies): Promise<void> {
  const { userId, crm, desired, plan, done } = work;
  const uncertain = [...plan.remove, ...plan.add].filter((id) => !done.has(id));
  const held = desired.filter((id) => !uncertain.includes(id));
  const { uncertainTagIds: _, rejection, ...rest } = released(crm);
  const state: CrmState = {
    ...rest,
    tagIds: held.sort((a, b) => a - b),
    ...(uncertain.length > 0
      ? { uncertainTagIds: uncertain, rejection }
      : { syncedAt: new Date(now()).toISOString() }),
  };
  const written = await users.writeCrm(userId, state, crm.revision);
  // Of a user who was deleted meanwhile, the message about that waits until the lease is over, and then cleans up.
  if (written === 'conflict') {
    work.alone = true;
    await markTagsUncertain(userId, [...plan.remove, ...plan.add], users);
  }
}

/** Somebody has written over the lease, by hand perhaps: what the contact holds of these tags is not certain. */
async function markTagsUncertain(userId: string, tagIds: readonly number[], users: UserTable): Promise<void> {
  const crm = (await users.read(userId))?.user.crm;
  if (!crm?.contactId) return;
  const uncertainTagIds = [...new Set([...(crm.uncertainTagIds ?? []), ...tagIds])];
  await users.writeCrm(userId, { ...crm, uncertainTagIds }, crm.revision);
}
