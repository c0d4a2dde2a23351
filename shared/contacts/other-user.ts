import { desiredStateOfOther, isSyncable } from '../sync/desired-state.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { User } from '../user/user.ts';
import type { Claims } from './claims.ts';
import { type AffectedUser, ConflictError, hasWaited } from './conflict.ts';
import { hasFirstEmail } from './find-owned-contacts.ts';
import type { OwnedContact } from './ownership.ts';

// What a sync does about another living user who has the contact or the email.

export interface OtherUserDependencies {
  claims: Pick<Claims, 'findUser' | 'yieldEmail' | 'giveContact'>;
  mapping: Mapping;
  /** Sends messages that sync other users. Called before a step that only they can complete: this sync may be cut off after any step. */
  notify: (users: readonly AffectedUser[]) => Promise<void>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Gives the stored contact to the other user whose id it shows: the person who merged two contacts chose the values of that user.
 *
 * @returns whether it was given.
 * @throws ConflictError when this user has had a contact of its own after an earlier merge.
 */
export async function giveToShownUser(
  { contact, owner }: OwnedContact,
  { userId, crm = {} }: User,
  email: string,
  { claims, notify, mapping, now }: OtherUserDependencies,
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
 * Decides who waits if the other user has the contact with this user's email. Returns if this user need not wait: then it keeps its contact,
 * or gets a new one, and the other user is notified.
 *
 * @param options `hasOwn`: this user has another contact. `isLost`: it had one that another user has now. `changedAt`: the change that the
 * messages are about, in epoch milliseconds.
 * @throws ConflictError if this user has to wait.
 */
export async function settleWithOther(
  user: User,
  email: string,
  { contact, named }: OwnedContact,
  other: User,
  { hasOwn, isLost, changedAt }: { hasOwn: boolean; isLost: boolean; changedAt: number },
  { claims, mapping, notify, now }: OtherUserDependencies,
): Promise<void> {
  const { userId, crm = {} } = user;
  const desiredByOther = desiredStateOfOther(mapping, other, now());
  if (desiredByOther?.fields.EMAIL1?.toLowerCase() === email.toLowerCase()) {
    // The other user has the contact, and gets the claim on the email, too. Otherwise each of the two would wait for the other, who may
    // have given up.
    await notify([{ userId: other.userId, cause: 'changed' }]);
    await claims.yieldEmail(email, userId, other.userId);
    throw new ConflictError(other, 'has the same email', { isLost });
  }
  const isFirst = hasFirstEmail(contact, email);
  const isOver = hasWaited(user, other, changedAt, now());
  if (hasOwn) {
    // The other user may be about to change the email, or to leave the contact, which this user then takes over.
    const canChange = desiredByOther && isSyncable(desiredByOther) && !other.crm?.rejection;
    if (isFirst && canChange && !isOver && !(await waitsFor(other, userId, claims)))
      throw new ConflictError(other, 'has a contact with the same email', { isLost, isOutdated: true });
    // Without a usable email, a sync of the other user changes nothing, and would be rejected once more.
    if (!desiredByOther || isSyncable(desiredByOther))
      await notify([{ userId: other.userId, cause: 'changed' }]);
    return;
  }
  // People merged two contacts, or typed the email into the other user's contact: this user gets a contact of its own, but only once. If it
  // is the first email of the contact, the other user may be about to change it, so this user waits.
  const isSeparating = crm.separated === true && crm.attempt !== undefined;
  if (!isSeparating && (crm.separated || (isFirst && !isOver)))
    throw new ConflictError(other, 'has the contact with this email', { isLost, isOutdated: true });
  // A user over whose contact this one has written is notified already.
  if (named !== userId) await notify([{ userId: other.userId, cause: 'resync' }]);
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
