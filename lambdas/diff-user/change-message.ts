import equal from 'fast-deep-equal';
import { UNCERTAIN_WRITE_MS } from '../../shared/quota/retry-policy.ts';
import { isWithdrawalOpen } from '../../shared/sync/consent.ts';
import { desiredState, desiredTags } from '../../shared/sync/desired-state.ts';
import { CONSENT, diff, isEmpty } from '../../shared/sync/diff.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { CrmState, User } from '../../shared/user/user.ts';

/** A change of one item of the user table. At least one of the two images is defined. */
export interface UserChange {
  before: User | undefined;
  after: User | undefined;
  /** When the change was made, in ISO 8601. */
  at: string;
}

/**
 * The message about a change of a user, or undefined if the change does not affect the CRM, such as the sync's own write-back.
 *
 * @param now epoch milliseconds. Both images are evaluated at the same time, so a tag that depends on time is not a difference.
 */
export function changeMessage(
  mapping: Mapping,
  { before, after, at }: UserChange,
  now: number,
): UserMessage | undefined {
  const user = after ?? before;
  if (!user) return undefined;
  const base = { version: 1, kind: 'user', userId: user.userId, changedAt: at } as const;
  const consent = mapping.marketingConsent?.given(user);
  const allFieldsAndTags = () => {
    const { fields, tags } = desiredState(mapping, user, now);
    const names = [...Object.keys(fields), ...(consent === undefined ? [] : [CONSENT])];
    return { fields: names, tagsAdded: [...tags], tagsRemoved: [] };
  };
  const withdrawal = withdrawalIn(mapping, before, after);

  if (!after)
    return {
      ...base,
      fields: [],
      tagsAdded: [mapping.deletedTag.name],
      tagsRemoved: desiredTags(mapping, user, now),
      cause: 'deleted',
      ...knownContacts(before?.crm),
      ...endOfLease(before?.crm),
      ...withdrawal,
    };
  // An item that comes with a `crm` map is a copy of one that was deleted.
  if (!before) return { ...base, ...allFieldsAndTags(), cause: after.crm ? 'resync' : 'created' };
  if (isStateReplaced(before.crm, after.crm) || isWrittenWhole(before, after))
    return {
      ...base,
      ...allFieldsAndTags(),
      cause: 'resync',
      ...lostState(before.crm, consent),
      ...withdrawal,
    };
  const difference = diff(mapping, before, after, now);
  return isEmpty(difference) ? undefined : { ...base, ...difference, cause: 'changed', ...withdrawal };
}

/** Whether the change withdraws a consent, or ends the item while a withdrawal has not reached the CRM. */
function withdrawalIn(
  { marketingConsent }: Mapping,
  before: User | undefined,
  after: User | undefined,
): Pick<UserMessage, 'withdrawn'> {
  const consentOf = (user: User | undefined) => user && marketingConsent?.given(user);
  const isWithdrawn = after
    ? consentOf(before) === true && consentOf(after) === false
    : isWithdrawalOpen(consentOf(before), before?.crm?.consent);
  return isWithdrawn ? { withdrawn: true } : {};
}

/**
 * Whether something other than the sync has written the `crm` map: it was removed, to sync the user again, or the app has written the whole
 * item with an older map. Each write of the sync increases the revision by one.
 */
export function isStateReplaced(before: CrmState | undefined, after: CrmState | undefined): boolean {
  const [from, to] = [before?.revision ?? 0, after?.revision ?? 0];
  if (to === from + 1 || (!before && !after)) return false;
  if (!before || !after) return true;
  const isSameWrite =
    before.attemptId === after.attemptId && equal(knownContacts(before), knownContacts(after));
  return to !== from || !isSameWrite;
}

/** Whether the app has written the whole item with another `crm` map: a write of the sync changes only the map. */
function isWrittenWhole({ crm: crmBefore, ...before }: User, { crm: crmAfter, ...after }: User): boolean {
  return crmBefore?.revision !== crmAfter?.revision && !equal(before, after);
}

/**
 * What a `crm` map said that was removed or replaced. An older map does not record an opt-in that was made later.
 *
 * @param consent the app's value.
 */
export const lostState = (
  crm: CrmState = {},
  consent?: boolean,
): Pick<
  UserMessage,
  'contactId' | 'formerContactIds' | 'attemptedAt' | 'optedIn' | 'withdrawn' | 'notBefore'
> => ({
  ...knownContacts(crm),
  ...endOfLease(crm),
  ...(crm.consent && crm.consent.step !== 'withdrawn' && { optedIn: true }),
  ...(isWithdrawalOpen(consent, crm.consent) && { withdrawn: true }),
});

/** What the `crm` map said about the contact, for a consumer that can no longer read it. */
export function knownContacts({
  contactId,
  formerContactIds,
  attempt,
}: CrmState = {}): Pick<UserMessage, 'contactId' | 'formerContactIds' | 'attemptedAt'> {
  return {
    ...(contactId && { contactId }),
    ...(formerContactIds && { formerContactIds }),
    ...(attempt && { attemptedAt: attempt.at }),
  };
}

/** Until its lease ends, another invocation may still write to the contact, and its last request may take effect a minute later. */
export const endOfLease = ({ contactId, attempt, lease }: CrmState = {}): Pick<UserMessage, 'notBefore'> =>
  lease && (contactId || attempt)
    ? { notBefore: new Date(Date.parse(lease.until) + UNCERTAIN_WRITE_MS).toISOString() }
    : {};
