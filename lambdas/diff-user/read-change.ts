import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import equal from 'fast-deep-equal';
import { unmarshallItem } from '../../shared/store/unmarshall-item.ts';
import { readUser } from '../../shared/user/read-user.ts';
import { type User, userSchema } from '../../shared/user/user.ts';

/** An item as a stream record has it, before or after a change. */
export type Image = Readonly<Record<string, AttributeValue>>;

const ATTRIBUTES = Object.keys(userSchema.shape) as (keyof User)[];

/**
 * Reads a user before and after a change. Attributes that the sync does not know are not looked at, and those that are the same in both
 * images are read once: most changes are of one attribute, or of none that the CRM could show.
 *
 * @returns neither where the CRM shows the same without a closer look: the sync's own write-back, say.
 * @throws InvalidUserError when an image has no `userId`.
 */
export function readChange(
  before: Image | undefined,
  after: Image | undefined,
): { before: User | undefined; after: User | undefined } {
  if (!before || !after)
    return { before: before && read(before, ATTRIBUTES), after: after && read(after, ATTRIBUTES) };
  const changed = ATTRIBUTES.filter((name) => !equal(before[name], after[name]));
  const concerned = changed.some((name) => name !== 'crm') || !equal(contactOf(before), contactOf(after));
  if (!concerned && before['userId']) return { before: undefined, after: undefined };
  const earlier = read(before, ATTRIBUTES);
  const same = ATTRIBUTES.filter((name) => !changed.includes(name));
  return { before: earlier, after: { ...pick(earlier, same), ...read(after, ['userId', ...changed]) } };
}

/** What of the sync's own map calls for a message when it changes: whether there is a map, and the contact it names. */
function contactOf(image: Image): { isMapped: boolean; contactId: AttributeValue | undefined } {
  const map = image['crm']?.M;
  return { isMapped: map !== undefined, contactId: map?.['contactId'] };
}

const read = (image: Image, names: readonly (keyof User)[]): User =>
  readUser(unmarshallItem(withoutRecords(pick(image, names)))).user;

/** Of the sync's own map, which is the largest attribute, only what a message may say: the contact, and how long to leave it alone. */
function withoutRecords(image: Image): Image {
  const map = image['crm']?.M;
  if (!map) return image;
  const { contactId, lease } = map;
  return { ...image, crm: { M: { ...(contactId && { contactId }), ...(lease && { lease }) } } };
}

function pick<From extends object>(from: From, names: readonly (keyof User)[]): From {
  const picked: Partial<Record<keyof User, unknown>> = {};
  for (const name of names) {
    const value = (from as Partial<Record<keyof User, unknown>>)[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked as From;
}
