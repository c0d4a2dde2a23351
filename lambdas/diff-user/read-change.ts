import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import equal from 'fast-deep-equal';
import { unmarshallItem } from '../../shared/store/unmarshall-item.ts';
import { readUser } from '../../shared/user/read-user.ts';
import { type CrmState, type User, userSchema } from '../../shared/user/user.ts';

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
  const isRelevant =
    changed.some((name) => name !== 'crm') || (changed.includes('crm') && !isNext(before, after));
  if (!isRelevant && before['userId']) return { before: undefined, after: undefined };
  const userBefore = read(before, ATTRIBUTES);
  const same = ATTRIBUTES.filter((name) => !changed.includes(name));
  return {
    before: userBefore,
    after: { ...pick(userBefore, same), ...read(after, ['userId', ...changed]) },
  };
}

/** Whether the sync itself has written the `crm` map: it increases the revision by one. */
function isNext(before: Image, after: Image): boolean {
  const [from, to] = [before, after].map((image) => Number(image['crm']?.M?.['revision']?.N ?? 0));
  return to === (from ?? 0) + 1;
}

/** The parts of the `crm` map of an image whose other attributes may not be readable. */
export const readState = (userId: string, image: Image | undefined): CrmState | undefined =>
  readUser({ ...unmarshallItem(withSmallCrm(pick(image ?? {}, ['crm']))), userId }).user.crm;

/** A user of an image whose `userId` may not be readable. */
export const readImage = (userId: string, image: Image): User =>
  readUser({ ...unmarshallItem(withSmallCrm(pick(image, ATTRIBUTES))), userId }).user;

const read = (image: Image, names: readonly (keyof User)[]): User =>
  readUser(unmarshallItem(withSmallCrm(pick(image, names)))).user;

/** Parts of the `crm` map that a message is made from. The whole map is the largest attribute. */
const CRM_PARTS = [
  'contactId',
  'formerContactIds',
  'attempt',
  'consent',
  'lease',
  'revision',
  'attemptId',
] as const;

/** Reduces the `crm` map to {@link CRM_PARTS}. */
function withSmallCrm(image: Image): Image {
  const map = image['crm']?.M;
  if (!map) return image;
  const parts = CRM_PARTS.flatMap((name) => (map[name] ? [[name, map[name]] as const] : []));
  return { ...image, crm: { M: Object.fromEntries(parts) } };
}

function pick<From extends object>(from: From, names: readonly (keyof User)[]): From {
  const picked: Partial<Record<keyof User, unknown>> = {};
  for (const name of names) {
    const value = (from as Partial<Record<keyof User, unknown>>)[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked as From;
}
