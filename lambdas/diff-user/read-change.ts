import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import equal from 'fast-deep-equal';
import { unmarshallItem } from '../../shared/store/unmarshall-item.ts';
import { readUser } from '../../shared/user/read-user.ts';
import { type User, userSchema } from '../../shared/user/user.ts';

/** An item in a stream record, before or after a change. */
export type Image = Readonly<Record<string, AttributeValue>>;

const ATTRIBUTES = Object.keys(userSchema.shape) as (keyof User)[];

/**
 * Parses a user before and after a change. Unknown attributes are ignored, and attributes that are equal in both images are parsed once,
 * because most changes affect only one attribute.
 *
 * @returns neither image if the change cannot affect the CRM, such as the sync's own write-back.
 * @throws InvalidUserError when an image has no `userId`.
 */
export function readChange(
  before: Image | undefined,
  after: Image | undefined,
): { before: User | undefined; after: User | undefined } {
  if (!before || !after)
    return { before: before && read(before, ATTRIBUTES), after: after && read(after, ATTRIBUTES) };
  const changed = ATTRIBUTES.filter((name) => !equal(before[name], after[name]));
  const isRelevant = changed.some((name) => name !== 'crm') || !equal(contactOf(before), contactOf(after));
  if (!isRelevant && before['userId']) return { before: undefined, after: undefined };
  const userBefore = read(before, ATTRIBUTES);
  const same = ATTRIBUTES.filter((name) => !changed.includes(name));
  return {
    before: userBefore,
    after: { ...pick(userBefore, same), ...read(after, ['userId', ...changed]) },
  };
}

/** The parts of the `crm` map whose change needs a message: whether there is a map, and its contact. */
function contactOf(image: Image): { isMapped: boolean; contactId: AttributeValue | undefined } {
  const map = image['crm']?.M;
  return { isMapped: map !== undefined, contactId: map?.['contactId'] };
}

const read = (image: Image, names: readonly (keyof User)[]): User =>
  readUser(unmarshallItem(withSmallCrm(pick(image, names)))).user;

/** Reduces the `crm` map, which is the largest attribute, to what a message can contain: the contact, and the lease on the user. */
function withSmallCrm(image: Image): Image {
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
