import { type Catalog, catalogKey, customFieldId, mergesArrays } from '../infusionsoft/catalog/catalog.ts';
import { preserveUnlisted } from '../infusionsoft/catalog/preserve-unlisted.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { contactBody, type NamedIds } from '../infusionsoft/contact-body.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import type { FieldPlan } from '../sync/plan.ts';
import type { Companies } from './companies.ts';

/** The contact to write to: by its id or, without one, by its email. */
export interface ContactAddress {
  contactId: number | undefined;
  email: string;
}

export interface WriteContactDependencies {
  client: Pick<InfusionsoftClient, 'updateContact' | 'upsertContact' | 'readContact' | 'findContactsByEmail'>;
  companies: Companies;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Creates or updates a contact, in one request. In an account where an update drops the array items that it does not list, another
 * request reads them first.
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
  const body = contactBody(plan, namedIds(catalog, companyId));
  if (mergesArrays(catalog, now()))
    return contactId ? client.updateContact(contactId, body) : client.upsertContact(body);
  const existing = contactId
    ? await client.readContact(contactId)
    : (await client.findContactsByEmail(email)).sort((a, b) => a.id - b.id)[0];
  return existing
    ? client.updateContact(existing.id, preserveUnlisted(body, existing))
    : client.upsertContact(body);
}

function namedIds(catalog: Catalog, companyId: number | undefined): NamedIds {
  const known = (id: number | undefined, kind: string): number => {
    if (id === undefined) throw new Error(`The plan names a ${kind} whose id is unknown`);
    return id;
  };
  return {
    customField: (label) => customFieldId(catalog, label),
    leadSource: (name) => known(catalog.leadSources?.[catalogKey(name)], 'lead source'),
    staff: (email) => known(catalog.staff?.[catalogKey(email)], 'member of staff'),
    company: () => known(companyId, 'company'),
  };
}
