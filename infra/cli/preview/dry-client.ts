import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import type { ContactBody } from '../../../shared/infusionsoft/contact-body.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';

/** A request that the sync would make. */
export interface PlannedRequest {
  method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  route: string;
  /** The values of the contact, ids of tags, or whether an address is opted in. */
  body?: ContactBody | { tagIds: readonly number[] } | { opted_in: boolean };
}

/** The state of the CRM for one user. */
export interface KnownCrm {
  /** The user's contact, or the contact with the user's email. */
  contact: Contact | undefined;
  /** Contacts that the user has to leave. */
  formerContactIds: readonly number[];
}

/** Id of a contact that would be created. */
const NEW_CONTACT = Number.MAX_SAFE_INTEGER;

/** For methods that the sync of one user does not call when the catalog is complete. */
const unused = (): never => {
  throw new Error('The sync of one user does not call this method');
};

/**
 * A client that sends nothing: it records the requests, and responds as the CRM would.
 *
 * @param requests receives the requests, in order.
 */
export function dryClient(
  { contact, formerContactIds }: KnownCrm,
  requests: PlannedRequest[],
): InfusionsoftClient {
  let { email_addresses: emails } = contact ?? {};
  /** An unknown email status counts as `NonMarketable`: the status of an address that nobody has opted out. */
  const answer = (id: number, written: ContactBody = {}): Contact => {
    emails = written.email_addresses ?? emails;
    const status = contact?.['email_status'] ?? 'NonMarketable';
    return { ...contact, id, tag_ids: contact?.tag_ids ?? [], email_addresses: emails, email_status: status };
  };
  const existing = (contactId: number, written?: ContactBody): Contact => {
    if (formerContactIds.includes(contactId)) return { id: contactId };
    if (contact?.id !== contactId && contactId !== NEW_CONTACT)
      throw new NotFoundError('The contact is gone');
    return answer(contactId, written);
  };
  return {
    async upsertContact(body) {
      requests.push({ method: 'PUT', route: '/contacts', body });
      return answer(contact?.id ?? NEW_CONTACT, body);
    },
    async updateContact(contactId, body) {
      requests.push({ method: 'PATCH', route: '/contacts/{id}', body });
      return existing(contactId, body);
    },
    async readContact(contactId) {
      requests.push({ method: 'GET', route: '/contacts/{id}' });
      return existing(contactId);
    },
    async findContactsByEmail() {
      requests.push({ method: 'GET', route: '/contacts' });
      return contact ? [contact] : [];
    },
    async findContactsUpdatedSince() {
      requests.push({ method: 'GET', route: '/contacts' });
      return [];
    },
    async createContact(body) {
      requests.push({ method: 'POST', route: '/contacts', body });
      return answer(NEW_CONTACT, body);
    },
    async applyTags(contactId, tagIds) {
      requests.push({ method: 'POST', route: '/contacts/{id}/tags', body: { tagIds } });
      existing(contactId);
      return new Map(tagIds.map((tagId) => [tagId, 'SUCCESS']));
    },
    async removeTags(contactId, tagIds) {
      requests.push({ method: 'DELETE', route: '/contacts/{id}/tags', body: { tagIds } });
      existing(contactId);
    },
    async setOptIn(_, optedIn) {
      requests.push({ method: 'PUT', route: '/emailAddresses/{email}', body: { opted_in: optedIn } });
      return optedIn;
    },
    listContacts: unused,
    listAppliedTags: unused,
    listOptOuts: unused,
    listItems: unused,
    async findCompanies() {
      requests.push({ method: 'GET', route: '/companies' });
      return [];
    },
    async createCompany(name) {
      requests.push({ method: 'POST', route: '/companies' });
      return { id: NEW_CONTACT, company_name: name };
    },
    tagContacts: unused,
    untagContacts: unused,
    deleteContact: unused,
    listTags: unused,
    createTag: unused,
    countTagged: unused,
    listCustomFields: unused,
    listOptionalProperties: unused,
    createCustomField: unused,
    listLeadSources: unused,
    createLeadSource: unused,
    listStaff: unused,
    listContactTypes: unused,
    listProvinces: unused,
  };
}
