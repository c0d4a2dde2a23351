import type * as z from 'zod/mini';
import { UNCERTAIN_WRITE_MS } from '../quota/retry-policy.ts';
import { type ChangeReader, changeReader } from './change-reader.ts';
import type { ContactBody } from './contact-body.ts';
import { endpoints } from './endpoints.ts';
import { crmRequests, type RequestOptions } from './http/crm-requests.ts';
import { ContactFaultError, UncertainError } from './http/failures.ts';
import { MAX_PAGE_SIZE } from './resources/define-resource.ts';
import { offsetPages, pageToken } from './resources/paging.ts';
import {
  type Contact,
  companyPageSchema,
  companySchema,
  contactModelSchema,
  contactPageSchema,
  contactSchema,
  contactTypesSchema,
  customFieldSchema,
  emailAddressSchema,
  leadSourcePageSchema,
  leadSourceSchema,
  provincesSchema,
  staffPageSchema,
  type Tag,
  type TagResult,
  taggedSchema,
  tagPageSchema,
  tagResultsSchema,
  tagSchema,
} from './schemas.ts';

type Named = z.infer<typeof leadSourceSchema>;
type Company = z.infer<typeof companySchema>;
type StaffMember = NonNullable<z.infer<typeof staffPageSchema>['users']>[number];
type Labelled = z.infer<typeof customFieldSchema>;

/**
 * The part of the CRM's API that the sync uses. A method makes one request, and retries (`quota/retry-policy.ts`). Methods that read pages
 * (`list…`, `findContactsUpdatedSince`) make one for each page, and changes of more than a hundred tags one for each hundred.
 *
 * @throws NotFoundError, RejectedError, ForbiddenError, UncertainError or another RetryableError, see `http/failures.ts`.
 */
export interface InfusionsoftClient extends ChangeReader {
  /** Creates the contact, or updates the one with the same email (`duplicate_option: Email`). */
  upsertContact(body: ContactBody): Promise<Contact>;
  /** Creates a contact, even if one with the same values exists. */
  createContact(body: ContactBody): Promise<Contact>;
  /**
   * Reads a contact with its custom fields, lead source and job title.
   * @param properties more optional properties to read. The CRM refuses names that are not in {@link listOptionalProperties}.
   */
  readContact(contactId: number, properties?: readonly string[]): Promise<Contact>;
  /**
   * Finds the contacts with an email in any of their three email fields, ignoring case. They have their custom fields.
   *
   * The CRM's search may return other contacts, so contacts that do not show the email are filtered out, also those whose emails the answer
   * does not have. The search may also miss a new contact. A create-or-update still finds such a contact, since the CRM itself looks it up;
   * an update by id can give the same email to two contacts.
   */
  findContactsByEmail(email: string): Promise<Contact[]>;
  /**
   * Contacts that were changed since a moment (epoch milliseconds), with their custom fields. The search may miss a new contact.
   * Whether tagging or an opt-out counts as a change is not known (v1).
   */
  findContactsUpdatedSince(since: number): Promise<Contact[]>;
  /**
   * Changes the given values of a contact. Accounts differ in what happens to items of arrays that are not given: see
   * `catalog/detect-array-modes.ts`.
   */
  updateContact(contactId: number, body: ContactBody): Promise<Contact>;
  deleteContact(contactId: number): Promise<void>;
  /**
   * Opts an address in or out of marketing. The CRM opts in an address only if its status is one of four (v1, `UpdateEmailAddress`): an
   * opt-out by staff is one of them. An opt-in is repeated only after a spike arrest, since others may opt the address out in between.
   *
   * @returns whether the address is opted in afterwards, if the answer says so.
   * @throws NotFoundError when the CRM does not know the address.
   */
  setOptIn(email: string, optedIn: boolean, reason: string): Promise<boolean | undefined>;
  /**
   * Adds tags to a contact, a hundred with each request. If a later request fails, the tags of the earlier ones are applied.
   *
   * @returns the result of each tag: a tag can fail although the status is 200.
   */
  applyTags(contactId: number, tagIds: readonly number[]): Promise<ReadonlyMap<number, TagResult>>;
  /** Removes tags from a contact, a hundred with each request. Tags that the contact does not have are ignored. */
  removeTags(contactId: number, tagIds: readonly number[]): Promise<void>;
  /** Adds a tag to many contacts. @returns the result of each contact: a contact can fail although the status is 200. */
  tagContacts(tagId: number, contactIds: readonly number[]): Promise<ReadonlyMap<number, TagResult>>;
  /** Removes a tag from many contacts. Contacts that do not have it are ignored. */
  untagContacts(tagId: number, contactIds: readonly number[]): Promise<void>;
  /** All tags of the account. */
  listTags(): Promise<Tag[]>;
  createTag(name: string, description: string): Promise<Tag>;
  /** Number of contacts with a tag; undefined if the answer does not say it. */
  countTagged(tagId: number): Promise<number | undefined>;
  listCustomFields(): Promise<Labelled[]>;
  /** Names of the contact properties that the CRM returns only if a request names them. */
  listOptionalProperties(): Promise<string[]>;
  /** @param type one of the CRM's types (v1, `CreateRestCustomField`). */
  createCustomField(label: string, type: string, options?: readonly string[]): Promise<Labelled>;
  listLeadSources(): Promise<Named[]>;
  createLeadSource(name: string): Promise<Named>;
  /** All active members of staff of the account. */
  listStaff(): Promise<StaffMember[]>;
  /** The account's contact types, by name. */
  listContactTypes(): Promise<string[]>;
  /** Names of a country's provinces, by code. @param country three letters (ISO 3166-1). */
  listProvinces(country: string): Promise<Readonly<Record<string, string>>>;
  /** Companies with exactly this name, ignoring case. */
  findCompanies(name: string): Promise<Company[]>;
  createCompany(name: string): Promise<Company>;
}

/**
 * Most ids that one request about tags can name (the vendor's PHP SDK enforces it; the vendor's staff says that it is the same for
 * removals).
 */
const MAX_IDS = 100;

/** Most pages of a list, because a faulty list may never end: the CRM (v1) has returned endless links. 100 pages have 100,000 tags. */
const MAX_PAGES = 100;

/** Properties that the CRM returns only if a request names them (v1). */
const OPTIONAL_PROPERTIES = ['custom_fields', 'lead_source_id', 'job_title'];

/** A client of the REST API. */
export function infusionsoftClient(options: RequestOptions): InfusionsoftClient {
  const { call, repeatable, once, afterSpikeArrest } = crmRequests(options);
  const send = <Result>(
    method: 'put' | 'patch' | 'post',
    path: string,
    json: unknown,
    schema: z.ZodMiniType<Result>,
    http = repeatable,
  ): Promise<Result> => call((client) => client[method](path, { json }).json(schema), http);
  const remove = (path: string, searchParams: Record<string, string> = {}): Promise<void> =>
    call(async (client) => {
      // A removal answers 204 (v1). An answer with a body comes from something else, such as a proxy, so the removal is uncertain.
      const text = await client.delete(path, { searchParams }).text();
      if (text.trim() !== '') throw new UncertainError('The answer to a removal has a body');
    });

  const readModel = () => call((http) => http.get(endpoints.contactModel).json(contactModelSchema));

  return {
    ...changeReader((path, searchParams, schema) =>
      call((http) => http.get(path, { searchParams }).json(schema)),
    ),
    upsertContact: (body) => {
      const upsert = { ...body, duplicate_option: 'Email' };
      return creating(() => send('put', endpoints.contacts, upsert, contactSchema, afterSpikeArrest));
    },
    createContact: (body) => creating(() => send('post', endpoints.contacts, body, contactSchema, once)),
    readContact: (contactId, properties = []) => {
      const searchParams = {
        optional_properties: [...new Set([...OPTIONAL_PROPERTIES, ...properties])].join(','),
      };
      return call((http) => http.get(endpoints.contact(contactId), { searchParams }).json(contactSchema));
    },
    findContactsByEmail: async (email) => {
      const searchParams = { email, optional_properties: 'custom_fields' };
      const { contacts, count } = await call((http) =>
        http.get(endpoints.contacts, { searchParams }).json(contactPageSchema),
      );
      return itemsOf(contacts, count).filter((contact) => hasEmail(contact, email));
    },
    findContactsUpdatedSince: (since) =>
      allPages(async (offset) => {
        const searchParams = {
          since: new Date(since).toISOString(),
          optional_properties: 'custom_fields',
          limit: MAX_PAGE_SIZE,
          offset,
        };
        const page = await call((http) =>
          http.get(endpoints.contacts, { searchParams }).json(contactPageSchema),
        );
        return page.contacts ?? [];
      }),
    updateContact: (contactId, body) =>
      settling(() => send('patch', endpoints.contact(contactId), body, contactSchema)),
    deleteContact: (contactId) => remove(endpoints.contact(contactId)),
    setOptIn: (email, optedIn, reason) =>
      settling(async () => {
        const body = { opted_in: optedIn, reason };
        const http = optedIn ? afterSpikeArrest : repeatable;
        const answer = await send('put', endpoints.emailAddress(email), body, emailAddressSchema, http);
        return answer.opted_in ?? undefined;
      }),
    applyTags: (contactId, tagIds) =>
      settling(async () => {
        const results = new Map<number, TagResult>();
        for (const ids of inParts(tagIds)) {
          const part = await send(
            'post',
            endpoints.contactTags(contactId),
            { tagIds: ids },
            tagResultsSchema,
          );
          for (const [id, result] of part) results.set(id, result);
        }
        return results;
      }),
    removeTags: (contactId, tagIds) =>
      settling(async () => {
        for (const ids of inParts(tagIds))
          await remove(endpoints.contactTags(contactId), { ids: ids.join(',') });
      }),
    tagContacts: (tagId, ids) => send('post', endpoints.tagged(tagId), { ids }, tagResultsSchema),
    untagContacts: (tagId, ids) => remove(endpoints.tagged(tagId), { ids: ids.join(',') }),
    listTags: () =>
      allPages(async (offset) => {
        const searchParams = { limit: MAX_PAGE_SIZE, offset };
        const page = await call((http) => http.get(endpoints.tags, { searchParams }).json(tagPageSchema));
        return itemsOf(page.tags, offset === 0 ? page.count : 0);
      }),
    createTag: (name, description) => send('post', endpoints.tags, { name, description }, tagSchema, once),
    listCustomFields: async () => (await readModel()).custom_fields ?? [],
    listOptionalProperties: async () => (await readModel()).optional_properties ?? [],
    createCustomField: (label, type, options = []) => {
      const choices = options.length > 0 && { options: options.map((option) => ({ label: option })) };
      return send(
        'post',
        endpoints.customFields,
        { label, field_type: type, ...choices },
        customFieldSchema,
        once,
      );
    },
    countTagged: async (tagId) => {
      const searchParams = { limit: 1 };
      const { count } = await call((http) =>
        http.get(endpoints.tagged(tagId), { searchParams }).json(taggedSchema),
      );
      return count ?? undefined;
    },
    listLeadSources: async () => {
      const sources: Named[] = [];
      let token: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const searchParams = { page_size: MAX_PAGE_SIZE, ...(token && { page_token: token }) };
        const found = await call((http) =>
          http.get(endpoints.leadSources, { searchParams }).json(leadSourcePageSchema),
        );
        sources.push(...(found.lead_sources ?? []));
        token = pageToken(found.next_page_token);
        if (!token || !found.lead_sources?.length) break;
      }
      return sources;
    },
    createLeadSource: (name) => send('post', endpoints.leadSources, { name }, leadSourceSchema, once),
    listStaff: () =>
      allPages(async (offset) => {
        const searchParams = {
          limit: MAX_PAGE_SIZE,
          offset,
          include_inactive: false,
          include_partners: false,
        };
        const page = await call((http) => http.get(endpoints.staff, { searchParams }).json(staffPageSchema));
        return page.users ?? [];
      }),
    listContactTypes: () => call((http) => http.get(endpoints.settings).json(contactTypesSchema)),
    listProvinces: async (country) =>
      (await call((http) => http.get(endpoints.provinces(country)).json(provincesSchema))).provinces ?? {},
    findCompanies: async (name) => {
      const searchParams = { company_name: name };
      const { companies, count } = await call((http) =>
        http.get(endpoints.companies, { searchParams }).json(companyPageSchema),
      );
      // The CRM's search may return other companies.
      return itemsOf(companies, count).filter(({ company_name }) => isSameText(company_name, name));
    },
    createCompany: (name) =>
      creating(() => send('post', endpoints.companies, { company_name: name }, companySchema, once)),
  };
}

/** Parts that one request can name. */
const inParts = (ids: readonly number[]): number[][] =>
  Array.from({ length: Math.ceil(ids.length / MAX_IDS) }, (_, index) =>
    ids.slice(index * MAX_IDS, (index + 1) * MAX_IDS),
  );

/**
 * Makes a failed creation wait before it is tried again. It may still be running, or may have taken effect without being found by a search
 * yet, even if the CRM answered with a failure. A second creation would make a duplicate.
 */
async function creating<Result>(create: () => Promise<Result>): Promise<Result> {
  try {
    return await create();
  } catch (error) {
    if (error instanceof ContactFaultError)
      throw new ContactFaultError(error.message, error.answer, UNCERTAIN_WRITE_MS);
    if (!(error instanceof UncertainError)) throw error;
    throw new UncertainError(error.message, { cause: error.cause, afterMs: UNCERTAIN_WRITE_MS });
  }
}

/** Adds to a failure without an answer how long the update may still be running. */
async function settling<Result>(update: () => Promise<Result>): Promise<Result> {
  try {
    return await update();
  } catch (error) {
    if (!(error instanceof UncertainError) || error.isAnswered) throw error;
    throw new UncertainError(error.message, { cause: error.cause, afterMs: UNCERTAIN_WRITE_MS });
  }
}

/**
 * The items of a list. One that is null or missing is empty.
 *
 * @throws UncertainError where the answer counts items: what seems to be missing is created, and would be there twice.
 */
function itemsOf<Item>(
  items: readonly Item[] | null | undefined,
  count: number | null | undefined,
): readonly Item[] {
  if (!items && count) throw new UncertainError('The answer leaves out the items that it counts');
  return items ?? [];
}

/** Reads all pages of a list. */
async function allPages<Item extends { id: number }>(
  readPage: (offset: number) => Promise<readonly Item[]>,
): Promise<Item[]> {
  const items: Item[] = [];
  let pages = 0;
  const read = async (offset: number) => ({ rows: await readPage(offset) });
  for await (const { rows } of offsetPages(read, ({ id }) => id)) {
    items.push(...rows);
    if (++pages === MAX_PAGES) break;
  }
  return items;
}

const isSameText = (found: string | null | undefined, wanted: string): boolean =>
  found?.trim().toLowerCase() === wanted.trim().toLowerCase();

const EMAIL_FIELDS: readonly string[] = ['EMAIL1', 'EMAIL2', 'EMAIL3'];

const hasEmail = ({ email_addresses }: Contact, wanted: string): boolean =>
  (email_addresses ?? []).some(
    ({ field, email }) => EMAIL_FIELDS.includes(field ?? '') && isSameText(email, wanted),
  );
