import type { UserMessage } from '../../shared/sync/message.ts';
import { utcMoment } from '../../shared/zod-types.ts';
import type { Image } from './read-change.ts';

/** The parts of a stream record that do not depend on what the user is like. */
export interface KeyedRecord {
  eventName: string | undefined;
  keys: Image | undefined;
  oldImage: Image | undefined;
  /** When the change was made, in ISO 8601. */
  at: string;
}

/**
 * A message that names the user and no difference, for a record that cannot be compared. That is enough: the consumer reads the row
 * and works out the difference itself.
 *
 * @returns undefined when the key has no `userId`: the item is no user.
 */
export function messageByKey({ eventName, keys, oldImage, at }: KeyedRecord): UserMessage | undefined {
  const userId = keys?.['userId']?.S;
  if (!userId) return undefined;
  const base = { version: 1, kind: 'user', userId, changedAt: at } as const;
  const noDifference = { fields: [], tagsAdded: [], tagsRemoved: [] };
  if (eventName !== 'REMOVE') return { ...base, ...noDifference, cause: 'changed' };
  const { contactId, lease } = oldImage?.['crm']?.M ?? {};
  const id = Number(contactId?.N);
  const notBefore = utcMoment.safeParse(lease?.M?.['until']?.S);
  return {
    ...base,
    ...noDifference,
    cause: 'deleted',
    ...(Number.isSafeInteger(id) &&
      id > 0 && { contactId: id, ...(notBefore.success && { notBefore: notBefore.data }) }),
  };
}
