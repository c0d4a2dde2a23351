import { isUnfinished } from '../../shared/contacts/contact-state.ts';
import { type Catalog, managedTagIds, tagId } from '../../shared/infusionsoft/catalog/catalog.ts';
import { resolveFields, usableFields } from '../../shared/infusionsoft/catalog/resolve-fields.ts';
import { consentRequests, hashAddress, isWithdrawalOpen } from '../../shared/sync/consent.ts';
import { desiredState, hasNoEmailYet, isSyncable } from '../../shared/sync/desired-state.ts';
import { isEmptyPlan, planFields, planTags } from '../../shared/sync/plan.ts';
import { singleRequests, type TagChange } from '../../shared/sync/tag-cost.ts';
import { type Mapping, managedFields } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { BackfillInput } from './input.ts';

/**
 * What a backfill does with a user. `nothing`: the user is up to date, has no email yet, or is not selected by the mode; `invalid`: the
 * user cannot be in the CRM, or the mapping fails for it; `sync`: a message is sent.
 */
export type UserPlan =
  | { kind: 'nothing' }
  | { kind: 'invalid'; reason: string }
  | ({ kind: 'sync' } & PlannedSync);

/** What the consumer will do for a user. */
interface PlannedSync {
  creates: boolean;
  updates: boolean;
  /** Whether tags are added or removed. */
  changesTags: boolean;
  /** Requests for the contact, and for its tags unless a tag job changes them. */
  requests: number;
  /**
   * The tags that a tag job changes, by id or, before ids are known, by name. Undefined if the message about the user changes its tags.
   */
  tags: TagChange<number | string> | undefined;
}

const NOTHING: UserPlan = { kind: 'nothing' };

export interface SyncContext {
  mapping: Mapping;
  /** Ids of tags, or undefined before the very first sync: then every tag counts as missing. */
  catalog: Catalog | undefined;
  /** Epoch milliseconds. */
  now: number;
}

export interface PlanContext extends SyncContext {
  mode: BackfillInput['mode'];
}

/** Plans a user if the mode selects it. Pure. Never throws: see {@link planSync}. */
export function planUser(user: User, context: PlanContext): UserPlan {
  const { mapping, mode, now } = context;
  const { contactId, tagIds } = user.crm ?? {};
  const isSelected = {
    // An earlier run may have ended after it created a contact and before it tagged it.
    contacts: () => !contactId || tagIds === undefined,
    tags: () => contactId !== undefined && !tagIds?.length,
    refresh: () => mapping.isActive(user, now),
  }[mode];
  return unlessMappingFails(() => (isSelected() ? planOf(user, context) : NOTHING));
}

/**
 * Plans the sync of a user, whatever the mode: the same plan that the consumer makes, so a user who is up to date costs no message and no
 * request. Tags are left to a tag job if nothing else changes, or if the contact is new. Pure.
 *
 * Never throws: a user for whom the mapping fails is invalid, since otherwise each run would stop at this user. The reason has the name of
 * the error.
 */
export const planSync = (user: User, context: SyncContext): UserPlan =>
  unlessMappingFails(() => planOf(user, context));

function unlessMappingFails(plan: () => UserPlan): UserPlan {
  try {
    return plan();
  } catch (error) {
    // The message of the error may quote the user's data.
    const name = error instanceof Error ? error.name : typeof error;
    return { kind: 'invalid', reason: `mapping-fails (${name})` };
  }
}

function planOf(user: User, { mapping, catalog, now }: SyncContext): UserPlan {
  const { contactId, tagIds, uncertainTagIds, fingerprint = {} } = user.crm ?? {};
  const wanted = desiredState(mapping, user, now);
  const desired = catalog ? resolveFields(wanted, catalog, mapping, user.crm) : wanted;
  const { EMAIL1: email } = desired.fields;
  const consent = { app: desired.consent, address: email && hashAddress(email), record: user.crm?.consent };
  if (!isSyncable(desired) && isWithdrawalOpen(consent.app, consent.record))
    return { kind: 'sync', creates: false, updates: true, changesTags: false, requests: 2, tags: undefined };
  if (hasNoEmailYet(desired)) return NOTHING;
  if (!isSyncable(desired)) return { kind: 'invalid', reason: 'no-usable-email' };

  const { remove, add } = catalog
    ? planTags(
        desired.tags.map((name) => tagId(catalog, name)),
        { applied: tagIds ?? [], uncertain: uncertainTagIds },
        managedTagIds(catalog),
      )
    : { remove: [], add: desired.tags };
  const tags = { remove, add };
  const changesTags = singleRequests(tags) > 0;
  if (!contactId) {
    const requests = 1 + consentRequests(consent, true);
    return { kind: 'sync', creates: true, updates: false, changesTags, requests, tags };
  }
  const managed = catalog ? usableFields(mapping, catalog) : managedFields(mapping);
  const fields = planFields(desired.fields, fingerprint, managed);
  const isWritten = !isEmptyPlan(fields);
  const forConsent = consentRequests(consent, isWritten);
  if (isWritten || forConsent > 0) {
    const requests = Number(isWritten) + forConsent + singleRequests(tags);
    return { kind: 'sync', creates: false, updates: true, changesTags, requests, tags: undefined };
  }
  if (isUnfinished(user.crm ?? {}))
    return { kind: 'sync', creates: false, updates: true, changesTags, requests: 1, tags: undefined };
  if (!changesTags) return NOTHING;
  return { kind: 'sync', creates: false, updates: false, changesTags, requests: 0, tags };
}
