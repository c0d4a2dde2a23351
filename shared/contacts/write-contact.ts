import { type Catalog, catalogKey, customFieldId, mergesArrays } from '../infusionsoft/catalog/catalog.ts';
import { preserveUnlisted } from '../infusionsoft/catalog/preserve-unlisted.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { contactBody, type NamedIds } from '../infusionsoft/contact-body.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import type { FieldPlan } from '../sync/plan.ts';
import type { Companies } from './companies.ts';

/** The contact to write to: by its id, or else by its email. */
export interface ContactAddress {
  contactId: number | undefined;
  email: string;
}

export interface WriteContactDependencies {
  client: InfusionsoftClient;
  companies: Companies;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Creates or updates a contact by one request. Where array items that are not listed would be lost, they are read and sent along.
 *
 * @throws NotFoundError, RejectedError or RetryableError, as the client does.
 */
export async function writeContact(
  { contactId, email }: ContactAddress,
  plan: FieldPlan,
  catalog: Catalog,
  { client, companies, now }: WriteContactDependencies,
): Promise<Contact> {
  const { company } = plan.write;
  const companyId = company === undefined ? undefined : await companies.idOf(company);
  const body = contactBody(plan, idsOf(catalog, companyId));
  if (mergesArrays(catalog, now()))
    return contactId ? client.updateContact(contactId, body) : client.upsertContact(body);
  const existing = contactId
    ? await client.readContact(contactId)
    : (await client.findContactsByEmail(email)).sort((a, b) => a.id - b.id)[0];
  return existing
    ? client.updateContact(existing.id, preserveUnlisted(body, existing))
    : client.upsertContact(body);
}

function idsOf(catalog: Catalog, companyId: number | undefined): NamedIds {
  const known = (id: number | undefined, what: string): number => {
    if (id === undefined) throw new Error(`A plan names a ${what} that nobody has looked up`);
    return id;
  };
  return {
    customField: (label) => customFieldId(catalog, label),
    leadSource: (name) => known(catalog.leadSources?.[catalogKey(name)], 'lead source'),
    staff: (email) => known(catalog.staff?.[catalogKey(email)], 'member of staff'),
    company: () => known(companyId, 'company'),
  };
}
