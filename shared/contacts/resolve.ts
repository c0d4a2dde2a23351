import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { desiredStateOfOther, isSyncable } from '../sync/desired-state.ts';
import { fingerprintOf } from '../sync/plan.ts';
import type { CrmState, User } from '../user/user.ts';
import type { Claims } from './claims.ts';
import { type AffectedUser, ConflictError, hasWaited } from './conflict.ts';
import { type FindContactsDependencies, findContacts } from './find-contacts.ts';
import {
  type OwnedContact,
  type OwnershipDependencies,
  ownContact,
  ownerOf,
  readOrMissing,
  type StoredContact,
} from './ownership.ts';

/**
 * The contact to write. `update`: by its id; `isClaimed` says whether the claim confirms it already, `isForeign` whether it shows the id of
 * another user, or of this user although it is not the stored contact, so that nothing is known about its values. `upsert`: by the email,
 * since no user has it. `create`: a new contact even though another user's contact shows the email.
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

export interface ResolveDependencies extends OwnershipDependencies, FindContactsDependencies {
  client: OwnershipDependencies['client'] & FindContactsDependencies['client'];
  claims: OwnershipDependencies['claims'] & Pick<Claims, 'claimEmail' | 'yieldEmail' | 'giveContact'>;
  /** Whether the claims of all users are recorded. */
  areClaimsComplete: () => boolean;
  /** Sends messages that sync other users. Called before a step that only they can complete: this sync may be cut off after any step. */
  notify: (users: readonly AffectedUser[]) => Promise<void>;
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

  const listed = await findContacts(userId, email, crm.attempt?.at, catalog, dependencies);
  const unlisted = own && isUnchanged ? await findUnlisted(own.contactId, email, listed, dependencies) : [];
  const found = [...unlisted, ...listed];
  const byEmail = await Promise.all(found.map(ownerOf(userId, catalog, isGone, dependencies)));
  const former = crm.emails?.filter((each) => each.toLowerCase() !== email.toLowerCase());
  const owned = isGone ? [...byEmail, ...(await findMerged(userId, former, catalog, dependencies))] : byEmail;
  const overwritten = overwrittenBy(userId, owned);
  await notify(overwritten);
  const stored = owned.find(({ contact }) => contact.id === own?.contactId);
  const isGiven = stored !== undefined && (await giveToRightful(stored, user, email, dependencies));
  const ofUser = owned.filter(({ owner }) => owner.kind === 'own');
  const candidates = [
    ...(stored && !isGiven ? [stored] : []),
    ...ofUser,
    ...owned.filter(({ owner }) => owner.kind === 'free'),
  ];
  // If a contact without the email got it, although another one has it already, two contacts would have it. A merge keeps the email of the
  // contact that is gone as another one.
  const hasIt = (each: OwnedContact) =>
    isGone || each === stored
      ? fieldsWith(each.contact, email).length > 0
      : hasFirstEmail(each.contact, email);
  const available = candidates.find(hasIt) ?? candidates[0];
  if (available) {
    const { contact, named } = available;
    const contactId = contact.id;
    const isForeign = named !== undefined && (named !== userId || contactId !== crm.contactId);
    const isClaimed = contactId === own?.contactId && isConfirmed(own);
    const duplicates = ofUser.map(({ contact: { id } }) => id).filter((id) => id !== contactId);
    const target: Target = { kind: 'update', contactId, isClaimed, isForeign };
    return { target, isLost: isLost || isGiven, duplicates };
  }
  if (isGiven) return { target: { kind: 'create' }, isLost: true, duplicates: [] };

  const [first] = owned;
  if (first?.owner.kind !== 'other') return own ? keep(own) : resolved({ kind: 'upsert' });
  const other = first.owner.user;
  const desiredByOther = desiredStateOfOther(dependencies.mapping, other, dependencies.now());
  if (desiredByOther?.fields.EMAIL1?.toLowerCase() === email.toLowerCase()) {
    // The other user has the contact, and gets the claim on the email, too. Otherwise each of the two would wait for the other, who may
    // have given up.
    await notify([{ userId: other.userId, cause: 'changed' }]);
    await claims.yieldEmail(email, userId, other.userId);
    throw new ConflictError(other, 'has the same email', { isLost });
  }
  const isFirst = hasFirstEmail(first.contact, email);
  const isOver = hasWaited(user, other, changedAt, dependencies.now());
  if (own) {
    // The other user may be about to change the email, or to leave the contact, which this user then takes over.
    const canChange = desiredByOther && isSyncable(desiredByOther) && !other.crm?.rejection;
    if (isFirst && canChange && !isOver && !(await waitsFor(other, userId, claims)))
      throw new ConflictError(other, 'has a contact with the same email', { isLost, isOutdated: true });
    // Without a usable email, a sync of the other user changes nothing, and would be rejected once more.
    if (!desiredByOther || isSyncable(desiredByOther))
      await notify([{ userId: other.userId, cause: 'changed' }]);
    return keep(own);
  }
  // People merged two contacts, or typed the email into the other user's contact: this user gets a contact of its own, but only once. If it
  // is the first email of the contact, the other user may be about to change it, so this user waits.
  const isSeparating = crm.separated === true && crm.attempt !== undefined;
  if (!isSeparating && (crm.separated || (isFirst && !isOver)))
    throw new ConflictError(other, 'has the contact with this email', { isLost, isOutdated: true });
  if (!overwritten.some(({ userId: each }) => each === other.userId))
    await notify([{ userId: other.userId, cause: 'resync' }]);
  return resolved({ kind: 'create' });
}

/** The stored contact, if it has the email and the search does not show that yet. Costs a request if the search does not show it. */
async function findUnlisted(
  contactId: number,
  email: string,
  listed: readonly Contact[],
  { client }: Pick<ResolveDependencies, 'client'>,
): Promise<Contact[]> {
  if (listed.some(({ id }) => id === contactId)) return [];
  const contact = await readOrMissing(client, contactId);
  return contact && hasFirstEmail(contact, email) ? [contact] : [];
}

/** Users over whose contact a create-or-update of a user has written: it took effect late, when they had taken the email. */
const overwrittenBy = (userId: string, owned: readonly OwnedContact[]): AffectedUser[] =>
  owned.flatMap(({ owner, named }) =>
    owner.kind === 'other' && named === userId ? [{ userId: owner.user.userId, cause: 'resync' }] : [],
  );

/**
 * Gives the stored contact to the other user whose id it shows: the person who merged two contacts chose the values of that user.
 *
 * @returns whether it was given.
 * @throws ConflictError when this user has had a contact of its own after an earlier merge.
 */
async function giveToRightful(
  { contact, owner }: OwnedContact,
  { userId, crm = {} }: User,
  email: string,
  { claims, notify, mapping, now }: ResolveDependencies,
): Promise<boolean> {
  const desired = owner.kind === 'other' && desiredStateOfOther(mapping, owner.user, now());
  if (owner.kind !== 'other' || !desired || !isSyncable(desired)) return false;
  // The other user has not been merged if a create got no answer: it took effect here, late.
  if (owner.user.crm?.attempt) return false;
  await notify([{ userId: owner.user.userId, cause: 'resync', contactId: contact.id }]);
  await claims.giveContact(contact.id, userId, owner.user.userId);
  // A new contact would have the same email until the other user's sync has changed that of this one.
  if (!crm.attempt && (crm.separated || hasFirstEmail(contact, email)))
    throw new ConflictError(owner.user, 'has the contact after a merge', { isLost: true });
  return true;
}

/**
 * Finds the contact into which a user's contact was merged, by emails that it had. Another person may have such an email by now, so only a
 * contact that shows the user's id counts. Costs one request for each email.
 */
export async function findMerged(
  userId: string,
  emails: readonly string[] = [],
  catalog: Catalog,
  dependencies: Pick<ResolveDependencies, 'claims' | 'mapping' | 'client'>,
): Promise<OwnedContact[]> {
  const found = await Promise.all(emails.map((email) => dependencies.client.findContactsByEmail(email)));
  const owned = await Promise.all(found.flat().map(ownerOf(userId, catalog, true, dependencies)));
  return owned.filter(({ named }) => named === userId);
}

/** Whether a user waits for another one, directly or because of others: users swap emails, or pass them on in a circle. */
async function waitsFor(
  { crm }: User,
  userId: string,
  claims: Pick<Claims, 'findUser'>,
  known: readonly string[] = [],
): Promise<boolean> {
  const otherUserId = crm?.conflict?.otherUserId;
  if (otherUserId === undefined || known.includes(otherUserId)) return false;
  if (otherUserId === userId) return true;
  const other = await claims.findUser(otherUserId);
  return other !== undefined && waitsFor(other, userId, claims, [...known, otherUserId]);
}

/** The fields of a contact that show an email. */
const fieldsWith = ({ email_addresses }: Contact, email: string): unknown[] =>
  (email_addresses ?? [])
    .filter((each) => each.email?.toLowerCase() === email.toLowerCase())
    .map(({ field }) => field);

const hasFirstEmail = (contact: Contact, email: string): boolean =>
  fieldsWith(contact, email).includes('EMAIL1');

/** A hash of an email, as the fingerprint has it. */
export const emailHash = (email: string): string => fingerprintOf({ EMAIL1: email })['EMAIL1'] ?? '';

/** Whether the user has had a contact, or an attempt to get one. */
const hasHistory = ({ contactId, formerContactIds, attempt, rejection, conflict }: CrmState): boolean =>
  contactId !== undefined ||
  formerContactIds !== undefined ||
  attempt !== undefined ||
  conflict !== undefined ||
  (rejection !== undefined && rejection.reason !== 'no-usable-email');
