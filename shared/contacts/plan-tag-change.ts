import { type Catalog, managedTagIds, tagId } from '../infusionsoft/catalog/catalog.ts';
import { resolveFields, usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { Invocation } from '../invocation.ts';
import { desiredState, isSyncable } from '../sync/desired-state.ts';
import { isEmptyPlan, planFields, planTags, type TagPlan } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState, User } from '../user/user.ts';
import { checkpointOf } from './checkpoint.ts';
import { hasConsent, isInSync } from './contact-state.ts';
import { isLeased } from './lease.ts';

/** A user whose tags alone have to change. */
export interface PlannedTagChange {
  kind: 'planned';
  userId: string;
  contactId: number;
  /** Revision of the item that was read. */
  revision: number | undefined;
  /** The state to store before the first request. */
  checkpoint: CrmState;
  /** Ids of the tags that the contact should have. */
  desired: number[];
  plan: TagPlan;
}

/**
 * What a tag job does with a user: nothing for a user who is `in-sync` (or whom the CRM cannot accept), a planned change, or a message
 * about that user alone for the others. `leased`: another invocation is working on the user. `fields-differ`: not only the tags have to
 * change. `rejected`: the CRM refused the user before, and may refuse a request for many users because of this one. `contact-unconfirmed`:
 * no claim says that the contact is the user's, or a conflict, a merge or a 404 leaves it open.
 */
export type TagDecision =
  | PlannedTagChange
  | {
      kind: 'in-sync' | 'leased' | 'no-contact' | 'fields-differ' | 'rejected' | 'contact-unconfirmed';
      userId: string;
    };

export interface PlanTagChangeDependencies {
  mapping: Mapping;
  /** The running invocation. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Decides what a tag job does with a user, without a request. */
export function planTagChange(
  user: User,
  catalog: Catalog,
  { mapping, invocation, now }: PlanTagChangeDependencies,
): TagDecision {
  const { userId, crm = {} } = user;
  const { contactId, rejection, tagIds, uncertainTagIds = [], fingerprint = {}, revision } = crm;
  const unresolved = desiredState(mapping, user, now());
  // A user whom the CRM cannot accept is rejected when the message about the user's change is processed.
  if (!isSyncable(unresolved)) return { kind: 'in-sync', userId };
  if (isLeased(crm, invocation(), now())) return { kind: 'leased', userId };
  if (crm.untrusted || crm.formerContactIds || crm.conflict || crm.missingSince)
    return { kind: 'contact-unconfirmed', userId };
  if (!contactId) return { kind: rejection ? 'in-sync' : 'no-contact', userId };

  const resolved = resolveFields(unresolved, catalog, mapping, crm);
  if (isInSync(crm, resolved, catalog, mapping)) return { kind: 'in-sync', userId };
  const fields = planFields(resolved.fields, fingerprint, usableFields(mapping, catalog));
  if (!isEmptyPlan(fields) || !hasConsent(crm, resolved)) return { kind: 'fields-differ', userId };
  if (rejection) return { kind: 'rejected', userId };

  const desired = resolved.tags.map((name) => tagId(catalog, name));
  const plan = planTags(
    desired,
    { applied: tagIds ?? [], uncertain: uncertainTagIds },
    managedTagIds(catalog),
  );
  const checkpoint = checkpointOf(crm, resolved, catalog, mapping);
  return { kind: 'planned', userId, contactId, revision, checkpoint, desired, plan };
}
