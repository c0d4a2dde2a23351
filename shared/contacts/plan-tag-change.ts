import { type Catalog, managedTagIds, tagId } from '../infusionsoft/catalog/catalog.ts';
import { resolveFields, usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { Invocation } from '../invocation.ts';
import { desiredState, isSyncable } from '../sync/desired-state.ts';
import { planFields, planTags, type TagPlan } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState, User } from '../user/user.ts';
import { checkpointOf } from './checkpoint.ts';
import { isLeased } from './lease.ts';

/** A user whose tags are to change, and nothing else. */
export interface PlannedTags {
  kind: 'planned';
  userId: string;
  contactId: number;
  /** Of the item that was read. */
  revision: number | undefined;
  /** What is to be stored before the first request. */
  checkpoint: CrmState;
  /** Ids of the tags that the contact should hold. */
  desired: number[];
  plan: TagPlan;
}

/**
 * What is to be done about a user's tags: `nothing`; `leased` while somebody else works on the user; `no-contact` before there is one;
 * `alone` when more than its tags have to change; or a plan.
 */
export type Look = PlannedTags | { kind: 'nothing' | 'leased' | 'no-contact' | 'alone'; userId: string };

export interface PlanTagChangeDependencies {
  mapping: Mapping;
  /** The running one. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Decides for one user; pure. */
export function planTagChange(
  user: User,
  names: Catalog,
  { mapping, invocation, now }: PlanTagChangeDependencies,
): Look {
  const { userId, crm = {} } = user;
  const { contactId, rejection, tagIds, uncertainTagIds = [], fingerprint = {}, revision } = crm;
  const wanted = desiredState(mapping, user, now());
  // Who cannot be in the CRM is told so by a message of its own, which each change has.
  if (!isSyncable(wanted)) return { kind: 'nothing', userId };
  if (isLeased(crm, invocation(), now())) return { kind: 'leased', userId };
  if (!contactId) return { kind: rejection ? 'nothing' : 'no-contact', userId };

  const fitting = resolveFields(wanted, names, mapping);
  const fields = planFields(fitting.fields, fingerprint, usableFields(mapping, names));
  if (Object.keys(fields.write).length + fields.clear.length > 0) return { kind: 'alone', userId };

  const desired = fitting.tags.map((name) => tagId(names, name));
  const plan = planTags(desired, { applied: tagIds ?? [], uncertain: uncertainTagIds }, managedTagIds(names));
  const isRight = plan.remove.length + plan.add.length === 0;
  if (isRight && tagIds !== undefined && uncertainTagIds.length === 0) return { kind: 'nothing', userId };
  const checkpoint = checkpointOf(crm, fitting, names, mapping) ?? crm;
  return { kind: 'planned', userId, contactId, revision, checkpoint, desired, plan };
}
