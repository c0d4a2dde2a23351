import { type Catalog, catalogKey, customFieldId, mergesArrays } from '../infusionsoft/catalog/catalog.ts';
import { arraysToRead, preserveUnlisted } from '../infusionsoft/catalog/preserve-unlisted.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { type ContactBody, contactBody, type NamedIds } from '../infusionsoft/contact-body.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { RefusedFieldsError, RejectedError } from '../sync/errors.ts';
import type { FieldPlan } from '../sync/plan.ts';
import type { Companies } from './companies.ts';
import type { Target } from './resolve.ts';

export interface WriteContactDependencies {
  client: Pick<InfusionsoftClient, 'updateContact' | 'upsertContact' | 'createContact' | 'readContact'>;
  companies: Companies;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface WriteContactOptions {
  /** The same company was written a moment ago, so a refusal is not about it. */
  isRepeated?: boolean;
  /** Claims a contact that was created or found by its email. */
  claim?: ClaimWritten | undefined;
}

/** @param isWhole whether everything was written. If not, the contact does not name its user yet. */
export type ClaimWritten = (contact: Contact, isWhole: boolean) => Promise<void>;

/**
 * Creates or updates a contact, in one request. In an account where an update drops the array items that it does not list, another request
 * reads them first.
 *
 * @returns the contact as the CRM answered.
 * @throws NotFoundError, RejectedError or RetryableError, as the client does.
 */
export async function writeContact(
  target: Target,
  plan: FieldPlan,
  catalog: Catalog,
  dependencies: WriteContactDependencies,
  { isRepeated = false, claim = async () => {} }: WriteContactOptions = {},
): Promise<Contact> {
  const { companies } = dependencies;
  const { company } = plan.write;
  if (company === undefined) return write(target, plan, catalog, undefined, claim, dependencies);
  const companyId = await companies.idOf(company).catch((cause: unknown) => {
    throw cause instanceof RejectedError
      ? new RefusedFieldsError(['company'], 'The CRM refuses the company', { cause })
      : cause;
  });
  try {
    return await write(target, plan, catalog, companyId, claim, dependencies);
  } catch (error) {
    if (!(error instanceof RejectedError) || isRepeated) throw error;
    // The company may have been deleted.
    const current = await companies.idOf(company, companyId);
    if (current === companyId) throw error;
    return write(target, plan, catalog, current, claim, dependencies);
  }
}

async function write(
  target: Target,
  plan: FieldPlan,
  catalog: Catalog,
  companyId: number | undefined,
  claim: ClaimWritten,
  { client, now }: WriteContactDependencies,
): Promise<Contact> {
  const body = contactBody(plan, namedIds(catalog, companyId));
  const update = async (contactId: number, changes: ContactBody): Promise<Contact> =>
    client.updateContact(
      contactId,
      mergesArrays(catalog, 'patch', now())
        ? changes
        : preserveUnlisted(changes, await client.readContact(contactId, arraysToRead(changes)), catalog),
    );
  if (target.kind === 'update') return update(target.contactId, body);
  const claimed = async (contact: Contact, isWhole = true): Promise<Contact> => {
    await claim(contact, isWhole);
    return contact;
  };
  if (target.kind === 'create') return claimed(await client.createContact(body));
  if (mergesArrays(catalog, 'put', now())) return claimed(await client.upsertContact(body));
  // A web form may have created the contact a moment ago, too late for a search. The items that it has are only known afterwards.
  const { first, rest } = withoutArrays(body);
  const isWhole = Object.keys(rest).length === 0;
  const contact = await claimed(await client.upsertContact(first), isWhole);
  return isWhole ? contact : update(contact.id, rest);
}

/** Splits a body into the email with all values that are not arrays (`first`), and the other arrays (`rest`). */
function withoutArrays(body: ContactBody): { first: ContactBody; rest: ContactBody } {
  const isLater = ([key, value]: [string, unknown]) => Array.isArray(value) && key !== 'email_addresses';
  const entries = Object.entries(body);
  return {
    first: Object.fromEntries(entries.filter((entry) => !isLater(entry))),
    rest: Object.fromEntries(entries.filter(isLater)),
  };
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
