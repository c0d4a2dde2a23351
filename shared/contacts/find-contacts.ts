import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { SEARCH_DELAY_MS } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import { readListed, userIdFieldOf, userIdIn } from './ownership.ts';

export interface FindContactsDependencies {
  client: Pick<InfusionsoftClient, 'findContactsByEmail' | 'findContactsUpdatedSince' | 'readContact'>;
  mapping: Mapping;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Contacts that may be a user's: those with the email, oldest first, and, after a create without an answer, those with the user id.
 *
 * @param attemptedAt when the create was requested, in ISO 8601; undefined if there was none.
 */
export async function findContacts(
  userId: string,
  email: string,
  attemptedAt: string | undefined,
  catalog: Catalog,
  dependencies: FindContactsDependencies,
): Promise<Contact[]> {
  const byEmail = await dependencies.client.findContactsByEmail(email);
  byEmail.sort((a, b) => a.id - b.id);
  if (attemptedAt === undefined) return byEmail;
  const byUserId = await findContactsOfUser(userId, attemptedAt, catalog, dependencies);
  return [...byEmail, ...byUserId.filter(({ id }) => !byEmail.some((each) => each.id === id))];
}

/**
 * Finds the contacts that the sync created for a user without getting an answer: they were updated since, and show the user id. In an
 * account whose lists leave out custom fields, only single reads show the user id: the {@link MAX_READS} newest contacts are read.
 *
 * @param since when the first request was made, in ISO 8601.
 * @throws RetryableError while the CRM's search may not show the contact yet, and as {@link readListed} does.
 */
export async function findContactsOfUser(
  userId: string,
  since: string,
  catalog: Catalog,
  {
    client,
    mapping,
    now,
  }: {
    client: Pick<InfusionsoftClient, 'findContactsUpdatedSince' | 'readContact'>;
    mapping: Mapping;
    now: () => number;
  },
): Promise<Contact[]> {
  if (userIdFieldOf(catalog, mapping) === undefined) return [];
  const isOfUser = (contact: Contact) => userIdIn(contact, catalog, mapping) === userId;
  const updated = await client.findContactsUpdatedSince(Date.parse(since) - CLOCK_DIFFERENCE_MS);
  const found = updated.filter(isOfUser);
  const unread = updated.filter(({ custom_fields }) => !custom_fields).sort((a, b) => b.id - a.id);
  for (const { id } of unread.slice(0, MAX_READS)) {
    const contact = await readListed(client, id);
    if (isOfUser(contact)) found.push(contact);
  }
  const waitMs = Date.parse(since) + SEARCH_DELAY_MS - now();
  if (found.length === 0 && waitMs > 0)
    throw new RetryableError('The search may not show the created contact yet', { afterMs: waitMs });
  return found;
}

/** The clock of the CRM may be slow. In milliseconds. */
const CLOCK_DIFFERENCE_MS = 60_000;

/** Read one after the other, they take about ten seconds, which an invocation has. Needed only after a create without an answer. */
const MAX_READS = 50;
