import { createHash } from 'node:crypto';
import type { FieldKey } from '../user/define-mapping.ts';
import type { ContactFields } from './desired-state.ts';

/** A hash of the value last written, for each field that has one. */
export type Fingerprint = Readonly<Record<string, string>>;

/** The smallest write that makes a contact's fields match. */
export interface FieldPlan {
  write: ContactFields;
  /** Fields that an earlier sync wrote and that have no value any more. */
  clear: readonly FieldKey[];
}

/** The tags, by id, that have to come off and on. */
export interface TagPlan {
  remove: number[];
  add: number[];
}

/** Fields that the CRM cannot take back: there a removed value is only forgotten. */
const NOT_CLEARABLE: ReadonlySet<string> = new Set([
  'opt_in_reason',
  'EMAIL1',
  'lead_source',
  'owner',
  'company',
]);

/** In place of a hash: a request for the field may have had its effect, so neither the old nor the new value is certain. */
export const UNCERTAIN = '?';

/** Hash of every value, short enough for the user's item (66 bits: no two values of one field meet by chance). */
export function fingerprintOf(fields: ContactFields): Fingerprint {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, hash(value)]));
}

const hash = (value: string): string => createHash('sha256').update(value).digest('base64url').slice(0, 11);

/**
 * Compares what a contact should show with what was last written to it.
 *
 * @param managed keys that the mapping has: a field that was taken out of the mapping is left alone.
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
      (key): key is FieldKey => wanted[key] === undefined && managed.has(key) && !NOT_CLEARABLE.has(key),
    ),
  };
}

/** What is known of a contact's tags, by id. */
export interface KnownTags {
  /** Those that the sync applied, as stored with the user. */
  applied: readonly number[];
  /** Those that the contact holds, where an answer of the CRM told. */
  observed?: readonly number[] | undefined;
  /** Those of which it is not certain. */
  perhaps?: readonly number[] | undefined;
}

/**
 * Works out which managed tags come off and on. What an answer of the CRM showed counts for more than what was stored,
 * but a tag that only one of the two knows of is still taken off: no other tag is ever touched.
 */
export function planTags(
  desired: readonly number[],
  { applied, observed, perhaps = [] }: KnownTags,
  managed: ReadonlySet<number>,
): TagPlan {
  const present = new Set(observed ?? applied);
  const perhapsPresent = new Set([...applied, ...(observed ?? []), ...perhaps]);
  return {
    remove: [...perhapsPresent].filter((id) => managed.has(id) && !desired.includes(id)),
    add: desired.filter((id) => !present.has(id)),
  };
}
