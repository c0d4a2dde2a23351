import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import type { User } from '../user/user.ts';
import { type FindContactsDependencies, findContacts } from './find-contacts.ts';
import { type OwnedContact, type OwnershipDependencies, ownerOf, readOrMissing } from './ownership.ts';

type FindOwnedDependencies = OwnershipDependencies &
  FindContactsDependencies & { client: OwnershipDependencies['client'] & FindContactsDependencies['client'] };

/**
 * Finds the contacts that may be a user's, with their owners: those that the search shows, the stored one if the search does not show it
 * yet, and, if the CRM does not know the stored one, the one into which it was merged.
 *
 * @param options `isGone`: the CRM does not know the stored contact. `unchangedId`: the stored contact, if it has the email by the state.
 */
export async function findOwnedContacts(
  { userId, crm = {} }: User,
  email: string,
  catalog: Catalog,
  { isGone, unchangedId }: { isGone: boolean; unchangedId: number | undefined },
  dependencies: FindOwnedDependencies,
): Promise<OwnedContact[]> {
  const listed = await findContacts(userId, email, crm.attempt?.at, catalog, dependencies);
  const unlisted =
    unchangedId === undefined ? [] : await findUnlisted(unchangedId, email, listed, dependencies);
  const owned = await Promise.all(
    [...unlisted, ...listed].map(ownerOf(userId, catalog, isGone, dependencies)),
  );
  if (!isGone) return owned;
  const formerEmails = crm.emails?.filter((each) => each.toLowerCase() !== email.toLowerCase());
  return [...owned, ...(await findMerged(userId, formerEmails, catalog, dependencies))];
}

/** The stored contact, if it has the email and the search does not show that yet. Costs a request if the search does not show it. */
async function findUnlisted(
  contactId: number,
  email: string,
  listed: readonly Contact[],
  { client }: Pick<OwnershipDependencies, 'client'>,
): Promise<Contact[]> {
  if (listed.some(({ id }) => id === contactId)) return [];
  const contact = await readOrMissing(client, contactId);
  return contact && hasFirstEmail(contact, email) ? [contact] : [];
}

/**
 * Finds the contact into which a user's contact was merged, by emails that it had. Another person may have such an email by now, so only a
 * contact that shows the user's id counts. Costs one request for each email.
 */
export async function findMerged(
  userId: string,
  emails: readonly string[] = [],
  catalog: Catalog,
  dependencies: OwnershipDependencies & {
    client: Pick<FindContactsDependencies['client'], 'findContactsByEmail'>;
  },
): Promise<OwnedContact[]> {
  const found = await Promise.all(emails.map((email) => dependencies.client.findContactsByEmail(email)));
  const owned = await Promise.all(found.flat().map(ownerOf(userId, catalog, true, dependencies)));
  return owned.filter(({ named }) => named === userId);
}

/** Whether one of the emails of a contact is this one. */
export const hasEmail = (contact: Contact, email: string): boolean => fieldsWith(contact, email).length > 0;

/** Whether the first email of a contact, which identifies it, is this one. */
export const hasFirstEmail = (contact: Contact, email: string): boolean =>
  fieldsWith(contact, email).includes('EMAIL1');

/** The fields of a contact that show an email. */
const fieldsWith = ({ email_addresses }: Contact, email: string): unknown[] =>
  (email_addresses ?? [])
    .filter((each) => each.email?.toLowerCase() === email.toLowerCase())
    .map(({ field }) => field);
