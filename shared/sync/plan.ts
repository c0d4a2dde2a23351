import { createHash } from 'node:crypto';
import { contactField, isStandardField } from '../user/contact-fields.ts';
import type { FieldKey } from '../user/define-mapping.ts';
import type { ContactFields } from './desired-state.ts';

/** A hash of each field's value as it was last written. */
export type Fingerprint = Readonly<Record<string, string>>;

/** The smallest write that makes a contact's fields match. */
export interface FieldPlan {
  write: ContactFields;
  /** Fields that an earlier sync wrote, and that have no value now. */
  clear: readonly FieldKey[];
}

/** Whether nothing has to be written. */
export const isEmptyPlan = ({ write, clear }: FieldPlan): boolean =>
  Object.keys(write).length + clear.length === 0;

/** The tags to remove and to add, by id. */
export interface TagPlan {
  remove: number[];
  add: number[];
}

/** Whether the CRM can clear a field. Otherwise a removed value stays there, and is only dropped from the fingerprint. */
export const isClearable = (key: string): boolean =>
  !isStandardField(key) || contactField(key).isClearable !== false;

/** In place of a hash: a request for the field may or may not have taken effect, so the value is unknown. */
export const UNCERTAIN = '?';

/** Hashes all values. Short enough for the user's item; 66 bits, so that no two values of one field collide by chance. */
export function fingerprintOf(fields: ContactFields): Fingerprint {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, hash(value)]));
}

const hash = (value: string): string => createHash('sha256').update(value).digest('base64url').slice(0, 11);

/**
 * Compares a contact's desired fields with those that were last written.
 *
 * @param managed keys of the mapping. A field that was removed from the mapping is left as it is.
 */
export function planFields(
  desired: ContactFields,
  fingerprint: Fingerprint,
  managed: ReadonlySet<string>,
): FieldPlan {
  const wanted = fingerprintOf(desired);
  return {
    write: Object.fromEntries(
      Object.entries(desired).filter(([key]) => wanted[key] !== fingerprint[key]),
    ) as ContactFields,
    clear: Object.keys(fingerprint).filter(
      (key): key is FieldKey => wanted[key] === undefined && managed.has(key) && isClearable(key),
    ),
  };
}

/** What is known about a contact's tags, by id. */
export interface KnownTags {
  /** Tags that the sync applied, as stored on the user's item. */
  applied: readonly number[];
  /** Tags that the contact has, if an answer of the CRM listed them. */
  observed?: readonly number[] | undefined;
  /** Tags whose last request may or may not have taken effect. */
  uncertain?: readonly number[] | undefined;
}

/**
 * Plans which managed tags to remove and to add. An answer of the CRM takes precedence over the stored tags, but a tag that only one of the
 * two has is still removed. Unmanaged tags are never touched.
 */
export function planTags(
  desired: readonly number[],
  { applied, observed, uncertain = [] }: KnownTags,
  managed: ReadonlySet<number>,
): TagPlan {
  const present = new Set(observed ?? applied);
  const possiblyPresent = new Set([...applied, ...(observed ?? []), ...uncertain]);
  return {
    remove: [...possiblyPresent].filter((id) => managed.has(id) && !desired.includes(id)),
    add: desired.filter((id) => !present.has(id)),
  };
}
