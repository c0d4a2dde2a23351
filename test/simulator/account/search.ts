import * as z from 'zod';
import type { ContactStore, StoredContact } from './contact-store.ts';

/**
 * How a search matches text. The vendor does not document this for API v1, so a client must be correct with every mode:
 *
 * - `exact`: the whole text
 * - `prefix`: everything that begins with the text
 * - `loose`: everything that shares a word with the text: `ann@example.com` finds every address at `example.com`
 * - `ignored`: everything, as if the filter were not there
 *
 * All modes ignore case.
 */
export const SEARCH_MODES = ['exact', 'prefix', 'loose', 'ignored'] as const;
export type SearchMode = (typeof SEARCH_MODES)[number];

/** Whether a search for `text` finds a value. A search without text finds everything. */
export function matches(mode: SearchMode, text: string | undefined, value: string | undefined): boolean {
  if (!text || mode === 'ignored') return true;
  if (value === undefined) return false;
  const [wanted, actual] = [text.toLowerCase(), value.toLowerCase()];
  switch (mode) {
    case 'exact':
      return actual === wanted;
    case 'prefix':
      return actual.startsWith(wanted);
    case 'loose':
      return wordsOf(wanted).some((word) => wordsOf(actual).includes(word));
  }
}

const wordsOf = (text: string): string[] => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);

const timestamp = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .optional();

const searchSchema = z.object({
  email: z.string().optional(),
  given_name: z.string().optional(),
  family_name: z.string().optional(),
  since: timestamp,
  until: timestamp,
  order: z.enum(['id', 'date_created', 'last_updated', 'name', 'firstName', 'email']).default('id'),
  // In lower case in the contract of 2022, in upper case since.
  order_direction: z
    .string()
    .transform((direction) => direction.toLowerCase())
    .pipe(z.enum(['ascending', 'descending']))
    .default('ascending'),
});

/**
 * Searches contacts as `GET /contacts` of API v1 does: by any email, by name, by time of the last update.
 *
 * @param query query parameters of the request.
 * @param mode how emails and names are matched.
 * @param indexedUntil epoch milliseconds: the search index has no contacts and updates that are newer.
 * @returns the contacts as the index has them.
 * @throws ZodError if the CRM rejects a parameter.
 */
export function searchContacts(
  store: ContactStore,
  query: Record<string, string>,
  mode: SearchMode,
  indexedUntil: number,
): StoredContact[] {
  const { email, given_name, family_name, since, until, order, order_direction } = searchSchema.parse(query);
  const indexed = indexedContacts(store, indexedUntil);
  const found = indexed.filter(
    (contact) =>
      hasEmail(contact, email, mode) &&
      matches(mode, given_name, contact.values.get('given_name')) &&
      matches(mode, family_name, contact.values.get('family_name')) &&
      (since === undefined || contact.updatedAt >= since) &&
      (until === undefined || contact.updatedAt <= until),
  );
  const sign = order_direction === 'ascending' ? 1 : -1;
  return found.sort((a, b) => sign * (compare(keyOf(a, order), keyOf(b, order)) || a.id - b.id));
}

/** All contacts as the search index has them. @param indexedUntil epoch milliseconds. */
export const indexedContacts = (store: ContactStore, indexedUntil: number): StoredContact[] =>
  [...store.contacts.values()]
    .filter(({ createdAt }) => createdAt <= indexedUntil)
    .map((contact) => asIndexed(contact, indexedUntil));

/** The newest version that is not newer than the index. */
function asIndexed(contact: StoredContact, indexedUntil: number): StoredContact {
  if (contact.updatedAt <= indexedUntil) return contact;
  const version = contact.earlier.find(({ updatedAt }) => updatedAt <= indexedUntil);
  return version ? { ...contact, ...version } : contact;
}

function keyOf(
  { id, createdAt, updatedAt, values }: StoredContact,
  order: z.output<typeof searchSchema>['order'],
) {
  switch (order) {
    case 'id':
      return id;
    case 'date_created':
      return createdAt;
    case 'last_updated':
      return updatedAt;
    case 'name':
      return values.get('family_name') ?? '';
    case 'firstName':
      return values.get('given_name') ?? '';
    case 'email':
      return values.get('email_addresses.EMAIL1')?.toLowerCase() ?? '';
  }
}

function compare(a: string | number, b: string | number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function hasEmail({ values }: StoredContact, email: string | undefined, mode: SearchMode): boolean {
  const emails = [...values].filter(([path]) => path.startsWith('email_addresses.'));
  return matches(mode, email, undefined) || emails.some(([, value]) => matches(mode, email, value));
}
