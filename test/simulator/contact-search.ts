import * as z from 'zod';
import type { ContactStore, StoredContact } from './contact-store.ts';
import { isFound, type SearchMode } from './search-mode.ts';

const moment = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .optional();

const searchSchema = z.object({
  email: z.string().optional(),
  given_name: z.string().optional(),
  family_name: z.string().optional(),
  since: moment,
  until: moment,
  order: z.enum(['id', 'date_created', 'name', 'firstName', 'email']).default('id'),
  order_direction: z.enum(['ascending', 'descending']).default('ascending'),
});

/**
 * The contacts that a search of v1 finds: by any of the emails, by names, by the last update.
 * @param query parameters of the request.
 * @param mode how emails and names are compared.
 * @param indexedUntil epoch milliseconds; contacts that are younger are not found yet.
 * @throws ZodError for a parameter that the CRM refuses.
 */
export function searchContacts(
  store: ContactStore,
  query: Record<string, string>,
  mode: SearchMode,
  indexedUntil: number,
): StoredContact[] {
  const { email, given_name, family_name, since, until, order, order_direction } = searchSchema.parse(query);
  const found = [...store.contacts.values()].filter(
    (contact) =>
      contact.createdAt <= indexedUntil &&
      hasEmail(contact, email, mode) &&
      isFound(mode, given_name, contact.values.get('given_name')) &&
      isFound(mode, family_name, contact.values.get('family_name')) &&
      (since === undefined || contact.updatedAt >= since) &&
      (until === undefined || contact.updatedAt <= until),
  );
  const sign = order_direction === 'ascending' ? 1 : -1;
  return found.sort((a, b) => sign * (compare(keyOf(a, order), keyOf(b, order)) || a.id - b.id));
}

function keyOf({ id, createdAt, values }: StoredContact, order: z.output<typeof searchSchema>['order']) {
  switch (order) {
    case 'id':
      return id;
    case 'date_created':
      return createdAt;
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
  return isFound(mode, email, undefined) || emails.some(([, value]) => isFound(mode, email, value));
}
