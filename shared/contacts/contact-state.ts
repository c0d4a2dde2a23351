import { type Catalog, managedTagIds, tagIds as tagIdsOf } from '../infusionsoft/catalog/catalog.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import { hashAddress, isConsentDone } from '../sync/consent.ts';
import type { DesiredState } from '../sync/desired-state.ts';
import { isEmptyPlan, planFields, UNCERTAIN } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';
import { emailHash, type Target } from './resolve.ts';

// How the `crm` map of a user changes in a sync. Pure.

/** Whether the last sync has left work, whatever the app's values are. */
export const isUnfinished = ({ untrusted, conflict, missingSince, formerContactIds }: CrmState): boolean =>
  Boolean(untrusted || conflict || missingSince || formerContactIds);

/** Whether no request is needed. */
export function isInSync(crm: CrmState, desired: DesiredState, catalog: Catalog, mapping: Mapping): boolean {
  const { contactId, tagIds, uncertainTagIds, fingerprint = {} } = crm;
  if (contactId === undefined || tagIds === undefined || uncertainTagIds?.length || isUnfinished(crm))
    return false;
  if (!hasConsent(crm, desired)) return false;
  const desiredTagIds = tagIdsOf(catalog, desired.tags);
  const hasTags = tagIds.length === desiredTagIds.length && desiredTagIds.every((id) => tagIds.includes(id));
  return hasTags && isEmptyPlan(planFields(desired.fields, fingerprint, usableFields(mapping, catalog)));
}

/** Whether the app's value of the consent is carried out. */
export const hasConsent = (
  { consent: record }: Pick<CrmState, 'consent'>,
  { consent: app, fields: { EMAIL1: email } }: DesiredState,
): boolean => isConsentDone({ app, address: email === undefined ? undefined : hashAddress(email), record });

/**
 * The state of a user whose contact is gone, or belongs to another user. The keys of the fingerprint name fields that may have been
 * written.
 */
export function withoutContact(crm: CrmState): CrmState {
  const kept = omit(crm, 'contactId', 'tagIds', 'uncertainTagIds', 'untrusted');
  return { ...kept, fingerprint: uncertain(crm.fingerprint) };
}

/** Adds contacts that the user has to leave. */
export function withFormer(crm: CrmState, contactIds: readonly number[]): CrmState {
  const formerContactIds = [...new Set([...(crm.formerContactIds ?? []), ...contactIds])];
  return formerContactIds.length > 0 ? { ...crm, formerContactIds } : crm;
}

/** Forgets the earlier emails, once no contact can have them. */
export const withNewestEmail = (crm: CrmState): CrmState =>
  crm.emails && !crm.formerContactIds ? { ...crm, emails: crm.emails.slice(-1) } : crm;

/** The state before the contact is written. @param now epoch milliseconds. */
export function startingState(crm: CrmState, target: Target, email: string, now: number): CrmState {
  const { contactId, formerContactIds = [], attempt, fingerprint } = crm;
  const stored = contactId === undefined ? [] : [contactId];
  if (target.kind === 'update') {
    if (target.contactId === contactId) return crm;
    const former = [...new Set([...formerContactIds, ...stored])].filter((id) => id !== target.contactId);
    return {
      ...omit(crm, 'tagIds', 'uncertainTagIds', 'untrusted', 'formerContactIds', 'attempt'),
      contactId: target.contactId,
      fingerprint: contactId === undefined ? uncertain(fingerprint) : {},
      ...(former.length > 0 && { formerContactIds: former }),
    };
  }
  return {
    ...withFormer(withoutContact(crm), stored),
    attempt: { at: attempt?.at ?? new Date(now).toISOString(), email: emailHash(email) },
    ...(target.kind === 'create' && { separated: true }),
  };
}

const uncertain = (fingerprint: CrmState['fingerprint'] = {}): Record<string, string> =>
  Object.fromEntries(Object.keys(fingerprint).map((key) => [key, UNCERTAIN]));

/**
 * Sets the uncertain tags after a write. Managed tags in the answer that are not known count as uncertain, in case the sync is cut off
 * before it removes them; the answer is newer than all requests with an unknown outcome. If the answer shows no tags, a contact that is new
 * to the user may have any managed tag.
 */
export function tagsAfterWrite(
  crm: CrmState,
  observed: readonly number[] | undefined,
  { isUncertain, isNewToUser }: { isUncertain: boolean; isNewToUser: boolean },
  catalog: Catalog,
): CrmState {
  if (observed) {
    const managed = managedTagIds(catalog);
    const seen = observed.filter((id) => managed.has(id) && !crm.tagIds?.includes(id));
    const uncertain = new Set([...(isUncertain ? [] : (crm.uncertainTagIds ?? [])), ...seen]);
    return uncertain.size > 0 ? { ...crm, uncertainTagIds: [...uncertain] } : omit(crm, 'uncertainTagIds');
  }
  return isNewToUser ? { ...crm, uncertainTagIds: [...managedTagIds(catalog)] } : crm;
}

/** Records the managed tags that the contact may have, for the tag job that completes them. */
export function withTagsLater(crm: CrmState, observed: readonly number[] = [], catalog: Catalog): CrmState {
  const managed = managedTagIds(catalog);
  const { tagIds = [], uncertainTagIds = [] } = crm;
  const possible = new Set([...tagIds, ...uncertainTagIds, ...observed].filter((id) => managed.has(id)));
  const rest = omit(crm, 'tagIds', 'uncertainTagIds');
  return possible.size > 0 ? { ...rest, uncertainTagIds: [...possible] } : rest;
}

/** The state without some attributes. */
export function omit<Key extends keyof CrmState>(crm: CrmState, ...keys: Key[]): Omit<CrmState, Key> {
  const rest = { ...crm };
  for (const key of keys) delete rest[key];
  return rest;
}
