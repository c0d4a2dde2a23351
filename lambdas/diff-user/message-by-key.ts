import { type UserMessage, userMessage } from '../../shared/sync/message.ts';
import { utcMoment } from '../../shared/zod-types.ts';
import type { Image } from './read-change.ts';

/** The parts of a stream record that can be read even if the user's data is invalid. */
export interface KeyedRecord {
  eventName: string | undefined;
  keys: Image | undefined;
  oldImage: Image | undefined;
  /** When the change was made, in ISO 8601. */
  at: string;
}

/**
 * A message that names the user and no difference, for a record that cannot be compared. That is enough: the consumer reads the item
 * and computes the difference itself.
 *
 * @returns undefined if the key has no `userId`.
 */
export function messageByKey({ eventName, keys, oldImage, at }: KeyedRecord): UserMessage | undefined {
  const userId = keys?.['userId']?.S;
  if (!userId) return undefined;
  const changedAt = Date.parse(at);
  if (eventName !== 'REMOVE') return userMessage(userId, { cause: 'changed', changedAt });
  const { contactId, lease } = oldImage?.['crm']?.M ?? {};
  const id = Number(contactId?.N);
  const notBefore = utcMoment.safeParse(lease?.M?.['until']?.S);
  return userMessage(userId, {
    cause: 'deleted',
    changedAt,
    ...(Number.isSafeInteger(id) &&
      id > 0 && { contactId: id, ...(notBefore.success && { notBefore: notBefore.data }) }),
  });
}
