import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import { fingerprintOf } from '../sync/plan.ts';
import type { CrmState, User } from '../user/user.ts';
import type { Claims } from './claims.ts';
import { type AffectedUser, ConflictError } from './conflict.ts';
import type { FindContactsDependencies } from './find-contacts.ts';
import { findOwnedContacts, hasEmail, hasFirstEmail } from './find-owned-contacts.ts';
import { giveToShownUser, type OtherUserDependencies, settleWithOther } from './other-user.ts';
import {
  type OwnedContact,
  type OwnershipDependencies,
  ownContact,
  type StoredContact,
} from './ownership.ts';

/**
 * The contact to write. `update`: by its id; `isClaimed` says whether the claim confirms it already, `isForeign` whether nothing is known
 * about its values, because it shows another user or another first email, or is not the stored contact. `upsert`: by the email, since no
 * user has it. `create`: a new contact even though another user's contact shows the email.
 */
export type Target =
  | { kind: 'update'; contactId: number; isClaimed: boolean; isForeign: boolean }
  | { kind: 'upsert' }
  | { kind: 'create' };

export interface Resolution {
  target: Target;
  /** Another living user has the stored contact now. */
  isLost: boolean;
  /** Other contacts of the user. */
  duplicates: readonly number[];
}

export interface ResolveDependencies
  extends OwnershipDependencies,
    FindContactsDependencies,
    OtherUserDependencies {
  client: OwnershipDependencies['client'] & FindContactsDependencies['client'];
  claims: OwnershipDependencies['claims'] & OtherUserDependencies['claims'] & Pick<Claims, 'claimEmail'>;
  /** Whether the claims of all users are recorded. */
  areClaimsComplete: () => boolean;
}

export interface ResolveOptions {
  /** The CRM does not know the stored contact: it was deleted or merged. */
  isGone: boolean;
  /** Look the contact up in any case. */
  alwaysLookUp: boolean;
  /** The change that the messages are about, in epoch milliseconds. */
  changedAt: number;
}

/**
 * Finds the contact of a user. A contact is the user's if the item names it and the claim confirms it, or if a search shows it, its answer
 * matches what was asked for, and no other living user has it. docs/decisions/0003-claims.md has the reasons.
 *
 * Costs no request for a user who keeps the contact and the email, and for one who never had a contact. It is one search after a change of
 * the email, a 404, a rejection or a conflict, and while the claims are not complete.
 *
 * @throws ConflictError when another living user has the email or the contact; RetryableError and RejectedError as the client does.
 */
export async function resolve(
  user: User,
  email: string,
  catalog: Catalog,
  { isGone, alwaysLookUp, changedAt }: ResolveOptions,
  dependencies: ResolveDependencies,
): Promise<Resolution> {
  const { userId, crm = {} } = user;
  const { claims, notify, areClaimsComplete } = dependencies;
  const { own, lostTo } = await ownContact(userId, crm, isGone, dependencies);
  const isLost = lostTo !== undefined;
  // Until now, this user may have written to the contact that another user has.
  if (lostTo) await notify([{ userId: lostTo.userId, cause: 'resync' }]);
  const resolved = (target: Target): Resolution => ({ target, isLost, duplicates: [] });
  // A contact that only a message named is claimed again, since the claim could have been retired by now.
  const isConfirmed = (stored: StoredContact) => stored.isClaimed && !crm.untrusted;
  const keep = (stored: StoredContact): Resolution =>
    resolved({ kind: 'update', isForeign: false, ...stored, isClaimed: isConfirmed(stored) });

  const hash = emailHash(email);
  const isUnchanged = own?.contactId === crm.contactId && crm.fingerprint?.['EMAIL1'] === hash;
  if (own && isUnchanged && !crm.conflict && !crm.untrusted) return keep(own);

  const claim = await claims.claimEmail(email, userId);
  if (claim.kind === 'contested') throw new ConflictError(claim.other, 'has the same email', { isLost });
  const isRepeated = crm.attempt?.email === hash && !crm.separated;
  const isNew = !hasHistory(crm) && claim.kind === 'new' && areClaimsComplete();
  if (!own && !isGone && !isLost && !alwaysLookUp && (isNew || isRepeated))
    return resolved({ kind: 'upsert' });

  const unchangedId = isUnchanged ? own?.contactId : undefined;
  const owned = await findOwnedContacts(user, email, catalog, { isGone, unchangedId }, dependencies);
  await notify(overwrittenBy(userId, owned));
  const stored = owned.find(({ contact }) => contact.id === own?.contactId);
  const isGiven = stored !== undefined && (await giveToShownUser(stored, user, email, dependencies));
  const ofUser = owned.filter(({ owner }) => owner.kind === 'own');
  // A contact with the email as a second one can be another person's, whose first email would be lost. A user with a contact keeps that.
  const free = owned.filter(
    ({ owner, contact }) => owner.kind === 'free' && (!own || isGone || hasFirstEmail(contact, email)),
  );
  const candidates = [...(stored && !isGiven ? [stored] : []), ...ofUser, ...free];
  // Prefer a contact that shows the email: if another one got it, two contacts would show it.
  const showsEmail = (each: OwnedContact) =>
    isGone || each === stored ? hasEmail(each.contact, email) : hasFirstEmail(each.contact, email);
  const available = candidates.find(showsEmail) ?? candidates[0];
  if (available) {
    const { contact, named } = available;
    const contactId = contact.id;
    // Another first email on the stored contact comes from a merge, as other values may.
    const isMerged = available === stored && !hasFirstEmail(contact, email);
    const isForeign = isMerged || (named !== undefined && (named !== userId || contactId !== crm.contactId));
    const isClaimed = contactId === own?.contactId && isConfirmed(own);
    const duplicates = ofUser.map(({ contact: { id } }) => id).filter((id) => id !== contactId);
    const target: Target = { kind: 'update', contactId, isClaimed, isForeign };
    return { target, isLost: isLost || isGiven, duplicates };
  }
  if (isGiven) return { target: { kind: 'create' }, isLost: true, duplicates: [] };
  const [first] = owned;
  if (first?.owner.kind !== 'other') return own ? keep(own) : resolved({ kind: 'upsert' });
  await settleWithOther(
    user,
    email,
    first,
    first.owner.user,
    { hasOwn: own !== undefined, isLost, changedAt },
    dependencies,
  );
  return own ? keep(own) : resolved({ kind: 'create' });
}

/** Users over whose contact a create-or-update of a user has written: it took effect late, when they had taken the email. */
const overwrittenBy = (userId: string, owned: readonly OwnedContact[]): AffectedUser[] =>
  owned.flatMap(({ owner, named }) =>
    owner.kind === 'other' && named === userId ? [{ userId: owner.user.userId, cause: 'resync' }] : [],
  );

/** A hash of an email, as the fingerprint has it. */
export const emailHash = (email: string): string => fingerprintOf({ EMAIL1: email })['EMAIL1'] ?? '';

/** Whether the user has had a contact, or an attempt to get one. */
const hasHistory = ({ contactId, formerContactIds, attempt, rejection, conflict }: CrmState): boolean =>
  contactId !== undefined ||
  formerContactIds !== undefined ||
  attempt !== undefined ||
  conflict !== undefined ||
  (rejection !== undefined && rejection.reason !== 'no-usable-email');
