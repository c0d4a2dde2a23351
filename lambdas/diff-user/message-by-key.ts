import { isWithdrawalOpen } from '../../shared/sync/consent.ts';
import { type UserMessage, userMessage } from '../../shared/sync/message.ts';
import { endOfLease, isStateReplaced, knownContacts, lostState } from './change-message.ts';
import { type Image, readState } from './read-change.ts';

/** The parts of a stream record that can be read even if the user's data is invalid. */
export interface KeyedRecord {
  eventName: string | undefined;
  keys: Image | undefined;
  oldImage: Image | undefined;
  newImage: Image | undefined;
  /** When the change was made, in ISO 8601. */
  at: string;
}

/**
 * A message that names the user and no difference, for a record that cannot be compared. That is enough: the consumer reads the item
 * and computes the difference itself.
 *
 * @returns undefined if the key has no `userId`.
 */
export function messageByKey({
  eventName,
  keys,
  oldImage,
  newImage,
  at,
}: KeyedRecord): UserMessage | undefined {
  const userId = keys?.['userId']?.S;
  if (!userId) return undefined;
  const changedAt = Date.parse(at);
  const before = readState(userId, oldImage);
  if (eventName === 'REMOVE')
    return userMessage(userId, {
      cause: 'deleted',
      changedAt,
      ...knownContacts(before),
      ...endOfLease(before),
      ...(isWithdrawalOpen(undefined, before?.consent) && { withdrawn: true }),
    });
  return isStateReplaced(before, readState(userId, newImage))
    ? userMessage(userId, { cause: 'resync', changedAt, ...lostState(before) })
    : userMessage(userId, { cause: 'changed', changedAt });
}
