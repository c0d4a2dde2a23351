import { type Catalog, catalogKey } from '../infusionsoft/catalog/catalog.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState, User } from '../user/user.ts';
import type { Claims } from './claims.ts';
import { isGone as isKnownGone } from './missing-contact.ts';

// Who has a contact, by the claims and by the user id in the contact.

export interface OwnershipDependencies {
  client: Pick<InfusionsoftClient, 'readContact'>;
  claims: Pick<Claims, 'holderOf' | 'findUser'>;
  mapping: Mapping;
}

type Owner = { kind: 'own' | 'free' } | { kind: 'other'; user: User };

export interface OwnedContact {
  contact: Contact;
  owner: Owner;
  /** The user id that the contact shows, if the sync has written it for some user. */
  named: string | undefined;
}

/** Id of the custom field that holds the user id, if the mapping names one. */
export const userIdFieldOf = (catalog: Catalog, { userIdField }: Mapping): number | undefined =>
  userIdField === undefined ? undefined : catalog.customFields[catalogKey(userIdField)];

/** The user id in a contact, if the answer shows it. */
export function userIdIn(contact: Contact, catalog: Catalog, mapping: Mapping): string | undefined {
  const field = userIdFieldOf(catalog, mapping);
  const content = contact.custom_fields?.find(({ id }) => id === field)?.content;
  return field === undefined || content === null || content === undefined || content === ''
    ? undefined
    : String(content);
}

/**
 * The owner of a contact. If it shows the id of another existing user who has no other contact in the CRM, it is that user's, whatever the
 * claim says: people merged contacts, and chose that id. If it shows this user's id, it is this user's, unless a confirmed claim gives it to
 * another one and this user's stored contact is not gone. Otherwise, a confirmed claim decides. The id of a user who has another contact
 * counts as none.
 */
export function ownerOf(
  userId: string,
  catalog: Catalog,
  isGone: boolean,
  { client, claims, mapping }: OwnershipDependencies,
): (contact: Contact) => Promise<OwnedContact> {
  return async (contact) => {
    const holder = await claims.holderOf(contact.id, userId);
    const shown = contact.custom_fields ? contact : await readListed(client, contact.id);
    const named = userIdIn(shown, catalog, mapping);
    const owned = (owner: Owner): OwnedContact => ({ contact, owner, named });
    if (named === userId && (isGone || holder.kind !== 'other')) return owned({ kind: 'own' });
    if (named !== undefined && named !== userId) {
      const user = await claims.findUser(named);
      if (user && (await isContactOf(user, contact.id, client))) return owned({ kind: 'other', user });
    }
    if (holder.kind === 'other') return owned({ kind: 'other', user: holder.other });
    return owned({ kind: holder.kind === 'own' ? 'own' : 'free' });
  };
}

/** Whether a contact that shows a user's id is this user's: the user has no other contact in the CRM. */
export async function isContactOf(
  { crm = {} }: User,
  contactId: number,
  client: Pick<InfusionsoftClient, 'readContact'>,
): Promise<boolean> {
  if (crm.contactId === undefined || crm.contactId === contactId) return true;
  return (await readOrMissing(client, crm.contactId)) === undefined;
}

/**
 * Reads a contact that a search has just listed.
 *
 * @throws RetryableError if the CRM does not know it: it was deleted or merged at this moment, or one of the two answers is wrong.
 */
export async function readListed(
  client: Pick<InfusionsoftClient, 'readContact'>,
  contactId: number,
): Promise<Contact> {
  const contact = await readOrMissing(client, contactId);
  if (!contact)
    throw new RetryableError('The CRM does not know a contact that it lists', { afterMs: GONE_AFTER_MS });
  return contact;
}

/** @returns undefined for a contact that the CRM does not know. */
export async function readOrMissing(
  client: Pick<InfusionsoftClient, 'readContact'>,
  contactId: number,
): Promise<Contact | undefined> {
  try {
    return await client.readContact(contactId);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** The contact that the item of a user names. `isClaimed`: the claim confirms it. */
export interface StoredContact {
  contactId: number;
  isClaimed: boolean;
}

interface OwnContact {
  own?: StoredContact;
  /** The user who has the stored contact now. */
  lostTo?: User;
}

/** The contact that the item names and that no other user has. A stored contact without any claim is the user's: claims can be lost. */
export async function ownContact(
  userId: string,
  { contactId, formerContactIds = [], missingSince }: CrmState,
  isGone: boolean,
  { claims, now }: { claims: Pick<Claims, 'holderOf'>; now: () => number },
): Promise<OwnContact> {
  if (contactId === undefined) return {};
  if (!isGone) {
    const holder = await claims.holderOf(contactId, userId);
    if (holder.kind === 'own' || holder.kind === 'new')
      return { own: { contactId, isClaimed: holder.kind === 'own' } };
    if (holder.kind === 'other') return { lostTo: holder.other };
  }
  // A former contact can be the user's again: the app wrote an older item with an older contact id, or people merged contacts.
  const formerIds = formerContactIds.filter((id) => !isKnownGone(missingSince, id, now()));
  for (const former of formerIds)
    if ((await claims.holderOf(former, userId)).kind === 'own')
      return { own: { contactId: former, isClaimed: true } };
  return {};
}
