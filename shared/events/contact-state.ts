import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';

/**
 * The stored state of a contact of the account. It has hashes instead of values, and short names, so that storing a million contacts costs
 * cents.
 */
export const contactStateSchema = z.object({
  /** Number of events about the contact so far: two equal states at different times are two events. */
  e: z.int(),
  /** When the CRM last updated it, in epoch seconds. An answer with an earlier time is ignored. */
  u: z.optional(z.number()),
  /** A hash of each field that has a value. */
  f: z.record(z.string(), z.string()),
  /** Tag ids, in order. */
  t: z.array(positiveInt),
  /** Status of each email address, by its field. */
  s: z.record(z.string(), z.string()),
  /** The contact was deleted or merged away. */
  gone: z.optional(z.boolean()),
});
export type ContactState = z.infer<typeof contactStateSchema>;

/** State of a contact about which nothing is known. */
export const NOTHING_KNOWN: ContactState = { e: 0, f: {}, t: [], s: {} };

/** What an answer of the CRM shows of a contact. A property that the answer leaves out is undefined, and is not compared. */
export interface SeenContact {
  contactId: number;
  /** All fields that have a value: a field by its key in the mapping, a custom field as `custom_fields.<id>`. */
  fields?: ReadonlyMap<string, string> | undefined;
  /** All tags. */
  tagIds?: readonly number[] | undefined;
  /** One tag that the contact has. The answer does not show the others. */
  addedTagId?: number | undefined;
  /** Statuses of email addresses by their field (`EMAIL1`). */
  statuses?: Readonly<Record<string, string>> | undefined;
  /** The status of one address, if the contact still has it. */
  status?: { field: string; email: string; status: string } | undefined;
  /** The CRM does not have the contact. */
  isGone?: boolean | undefined;
  /** When the CRM created the contact, and last updated it, in epoch milliseconds. */
  createdAt?: number | undefined;
  updatedAt?: number | undefined;
  /** When the change was made, as far as the CRM says, in epoch milliseconds. */
  changedAt?: number | undefined;
}

const EMAIL_FIELD = /^EMAIL\d$/;

/** 36 bits: a new value has the hash of the old one in one of 70 billion changes. The case of an email does not matter. */
export function hashValue(key: string, value: string): string {
  const text = EMAIL_FIELD.test(key) ? value.toLowerCase() : value;
  return createHash('sha256').update(text).digest('base64url').slice(0, 6);
}
