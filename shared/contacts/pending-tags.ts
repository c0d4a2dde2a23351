import type { RequestJournal } from '../infusionsoft/http/request-journal.ts';
import type { Invocation } from '../invocation.ts';
import type { UserTable } from '../store/user-table.ts';
import { RetryableError } from '../sync/errors.ts';
import type { TagPlan } from '../sync/plan.ts';
import { groupByTag } from '../sync/tag-cost.ts';
import type { CrmState } from '../user/user.ts';
import { withLease, withoutLease } from './lease.ts';
import type { PlannedTagChange } from './plan-tag-change.ts';
import type { TagOutcome, TagRequests } from './tag-requests.ts';

/** A leased user whose tags are changed together with those of other users. */
export interface PendingTags {
  userId: string;
  contactId: number;
  /** As stored with the lease. */
  crm: CrmState;
  /** Ids of the tags that the contact should have. */
  desired: readonly number[];
  plan: TagPlan;
  /** Tags of the plan whose request succeeded. */
  done: Set<number>;
  /** Whether the user needs a message of its own. */
  needsRequeue: boolean;
  /** Requests that named the contact, as in the {@link RequestJournal}. */
  requests: string[];
}

/** Leases a user. @returns undefined when the item has changed since it was read. */
export async function leaseUser(
  { userId, contactId, checkpoint, desired, plan, revision }: PlannedTagChange,
  { users, invocation }: { users: Pick<UserTable, 'writeCrm'>; invocation: () => Invocation },
): Promise<PendingTags | undefined> {
  if ((await users.writeCrm(userId, withLease(checkpoint, invocation()), revision)) !== 'stored')
    return undefined;
  const crm = { ...checkpoint, revision: (revision ?? 0) + 1 };
  return { userId, contactId, crm, desired, plan, done: new Set(), needsRequeue: false, requests: [] };
}

/** Makes, in parallel, the requests for either the removals or the additions of all plans. @returns every outcome. */
export async function changeTags(
  pending: readonly PendingTags[],
  which: keyof TagPlan,
  { tagRequests, journal }: { tagRequests: TagRequests; journal: Pick<RequestJournal, 'during' | 'lines'> },
): Promise<TagOutcome[]> {
  const changes = [...groupByTag(pending, which)].map(([tagId, group]) =>
    journal.during(async () => {
      const outcomes = await tagRequests[which](
        tagId,
        group.map(({ contactId }) => contactId),
      );
      for (const each of group) {
        const outcome = outcomes.get(each.contactId);
        if (outcome === 'done') each.done.add(tagId);
        if (outcome === 'requeue') each.needsRequeue = true;
        each.requests.push(...journal.lines());
      }
      return [...outcomes.values()];
    }),
  );
  return (await Promise.all(changes)).flat();
}

/** Whether all removals succeeded: no tag is added before the tags that it replaces are removed. */
export const isRemoved = ({ plan, done, needsRequeue }: PendingTags): boolean =>
  !needsRequeue && plan.remove.every((id) => done.has(id));

export const isDone = (pending: PendingTags): boolean =>
  isRemoved(pending) && pending.plan.add.every((id) => pending.done.has(id));

/** Ends the lease and stores what was done and what is uncertain. */
export async function releaseUser(
  pending: PendingTags,
  { users, now }: { users: Pick<UserTable, 'read' | 'writeCrm'>; now: () => number },
): Promise<void> {
  const { userId, crm, desired, plan, done } = pending;
  const uncertain = [...plan.remove, ...plan.add].filter((id) => !done.has(id));
  const certain = desired.filter((id) => !uncertain.includes(id));
  const { uncertainTagIds: _, rejection, serverErrors, ...rest } = withoutLease(crm);
  const state: CrmState = {
    ...rest,
    tagIds: certain.sort((a, b) => a - b),
    ...(uncertain.length > 0
      ? { uncertainTagIds: uncertain, rejection, serverErrors }
      : { syncedAt: new Date(now()).toISOString() }),
  };
  const written = await users.writeCrm(userId, state, crm.revision);
  // A user that was deleted in the meantime needs nothing here: the deletion's message waits for the end of the lease and then cleans up.
  if (written === 'conflict') {
    pending.needsRequeue = true;
    await markTagsUncertain(userId, [...plan.remove, ...plan.add], users);
  }
}

/**
 * Another writer changed the item despite the lease, so these tags are stored as uncertain, and no longer as applied: the next sync would
 * not apply a tag that the item names as applied.
 *
 * @throws RetryableError when others keep changing the item.
 */
async function markTagsUncertain(
  userId: string,
  tagIds: readonly number[],
  users: Pick<UserTable, 'read' | 'writeCrm'>,
): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const crm = (await users.read(userId))?.user.crm;
    if (!crm?.contactId) return;
    const applied = crm.tagIds?.filter((id) => !tagIds.includes(id));
    const uncertainTagIds = [...new Set([...(crm.uncertainTagIds ?? []), ...tagIds])];
    const state = { ...crm, ...(applied && { tagIds: applied }), uncertainTagIds };
    if ((await users.writeCrm(userId, state, crm.revision)) !== 'conflict') return;
  }
  throw new RetryableError('Other writers keep changing the item of the user');
}

const MAX_ATTEMPTS = 5;
