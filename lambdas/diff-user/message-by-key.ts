import { isWithdrawalOpen } from '../../shared/sync/consent.ts';
import { type UserMessage, userMessage } from '../../shared/sync/message.ts';
import type { User } from '../../shared/user/user.ts';
import { endOfLease, isStateReplaced, knownContacts, lostState } from './change-message.ts';
import { type Image, readImage, readState } from './read-change.ts';

/** The parts of a stream record that can be read even if the user's data is invalid. */
export interface KeyedRecord {
  eventName: string | undefined;
  keys: Image | undefined;
  oldImage: Image | undefined;
  newImage: Image | undefined;
  /** When the change was made, in ISO 8601. */
  at: string;
}

/** What the app says about the consent to marketing; undefined if the mapping does not. */
type ConsentOf = ((user: User) => boolean | undefined) | undefined;

/**
 * A message that names the user and no difference, for a record that cannot be compared. That is enough: the consumer reads the item
 * and computes the difference itself. Only a withdrawal of the consent has to be in the message, since the item may be gone by then.
 *
 * @param consentOf of the mapping. It may throw: then only the `crm` map says whether a withdrawal is open.
 * @returns undefined if the key has no `userId`.
 */
export function messageByKey(
  { eventName, keys, oldImage, newImage, at }: KeyedRecord,
  consentOf: ConsentOf,
): UserMessage | undefined {
  const userId = keys?.['userId']?.S;
  if (!userId) return undefined;
  const changedAt = Date.parse(at);
  const before = readState(userId, oldImage);
  const consentIn = (image: Image | undefined) => consentOfImage(userId, image, consentOf);
  if (eventName === 'REMOVE')
    return userMessage(userId, {
      cause: 'deleted',
      changedAt,
      ...knownContacts(before),
      ...endOfLease(before),
      ...(isWithdrawalOpen(consentIn(oldImage), before?.consent) && { withdrawn: true }),
    });
  const consent = consentIn(newImage);
  const withdrawal = consent === false && consentIn(oldImage) === true && { withdrawn: true };
  return isStateReplaced(before, readState(userId, newImage))
    ? userMessage(userId, { cause: 'resync', changedAt, ...lostState(before, consent), ...withdrawal })
    : userMessage(userId, { cause: 'changed', changedAt, ...withdrawal });
}

function consentOfImage(userId: string, image: Image | undefined, consentOf: ConsentOf): boolean | undefined {
  try {
    return image && consentOf?.(readImage(userId, image));
  } catch {
    // An error of the mapping, which diff-user logs.
    return undefined;
  }
}
