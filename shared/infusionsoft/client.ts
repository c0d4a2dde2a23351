import ky, { type HTTPError, isHTTPError, type KyInstance } from 'ky';
import type * as z from 'zod/mini';
import { REQUEST_RETRY, UNCERTAIN_WRITE_MS } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import type { ContactBody } from './contact-body.ts';
import { type Endpoint, endpoints, MAX_PAGE_SIZE } from './endpoints.ts';
import { exceededLimit, toFailure, UncertainError } from './http/failures.ts';
import {
  type Contact,
  companyPageSchema,
  companySchema,
  contactModelSchema,
  contactPageSchema,
  contactSchema,
  contactTypesSchema,
  customFieldSchema,
  leadSourcePageSchema,
  leadSourceSchema,
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
type StaffMember = z.infer<typeof staffPageSchema>['users'][number];
type Labelled = z.infer<typeof customFieldSchema>;

/**
 * The part of the CRM's API that the sync uses. A method makes one request, and retries (`quota/retry-policy.ts`); the `list…` methods that
 * read pages make one for each, and so do changes of more than a hundred tags.
 *
 * @throws NotFoundError, RejectedError, ForbiddenError, UncertainError or another RetryableError, see `http/failures.ts`.
 */
export interface InfusionsoftClient {
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
   * does not have. The search may also miss a new contact. A create-or-update still finds such a contact, since the CRM itself looks it up; an
   * update by id can give the same email to two contacts.
   */
  findContactsByEmail(email: string): Promise<Contact[]>;
  /**
   * Contacts that were changed since a moment (epoch milliseconds), with their custom fields. The search may miss a new contact.
   * Whether tagging or an opt-out counts as a change is not known (v1).
   */
  findContactsUpdatedSince(since: number): Promise<Contact[]>;
  /** Changes the given values of a contact. Accounts differ in what happens to items of arrays that are not given: see `catalog/detect-array-mode.ts`. */
  updateContact(contactId: number, body: ContactBody): Promise<Contact>;
  deleteContact(contactId: number): Promise<void>;
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
  /** Number of contacts with a tag. */
  countTagged(tagId: number): Promise<number>;
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
  /** Companies with exactly this name, ignoring case. */
  findCompanies(name: string): Promise<Company[]>;
  createCompany(name: string): Promise<Company>;
}

export interface ClientOptions {
  /** Origin of the API, for example `https://api.infusionsoft.com`. */
  url: string;
  /** Makes the requests, see `http/paced-fetch.ts`. */
  fetch: typeof fetch;
  /** Epoch milliseconds. */
  now?: () => number;
}

/** Most ids that one request about tags can name (the vendor's PHP SDK enforces it; the vendor's staff says that it is the same for removals). */
const MAX_IDS = 100;

/** Most pages of a list, because a faulty list may never end: the CRM (v1) has returned endless links. 100 pages have 100,000 tags. */
const MAX_PAGES = 100;

/** Properties that the CRM returns only if a request names them (v1). */
const OPTIONAL_PROPERTIES = ['custom_fields', 'lead_source_id', 'job_title'];

/** A client of the REST API. */
export function infusionsoftClient({ url, fetch, now = Date.now }: ClientOptions): InfusionsoftClient {
  const repeatable = ky.create({
    prefix: url,
    fetch,
    timeout: false,
    retry: {
      limit: REQUEST_RETRY.limit,
      methods: ['get', 'put', 'patch', 'post', 'delete'],
      statusCodes: [...REQUEST_RETRY.statusCodes],
      afterStatusCodes: [...REQUEST_RETRY.afterStatusCodes],
      maxRetryAfter: REQUEST_RETRY.maxDelayMs,
      delay: (retry) => REQUEST_RETRY.firstDelayMs * 2 ** (retry - 1),
      backoffLimit: REQUEST_RETRY.maxDelayMs,
      jitter: true,
      shouldRetry: ({ error }) => (isFinal(error) ? false : undefined),
    },
  });
  // A create that failed may still have taken effect, and a second one would create a duplicate.
  const once = repeatable.extend({ retry: 0 });
  // So may a create-or-update, and two at once for one email can create two contacts. A spike arrest had no effect.
  const afterSpikeArrest = repeatable.extend({
    retry: { shouldRetry: ({ error }) => (isSpikeArrest(error) ? undefined : false) },
  });

  const call = async <Result>(
    request: (http: KyInstance) => Promise<Result>,
    http = repeatable,
  ): Promise<Result> => {
    try {
      return await request(http);
    } catch (error) {
      throw toFailure(error, now());
    }
  };
  const send = <Result>(
    method: 'put' | 'patch' | 'post',
    { path }: Endpoint,
    json: unknown,
    schema: z.ZodMiniType<Result>,
    http = repeatable,
  ): Promise<Result> => call((client) => client[method](path, { json }).json(schema), http);
  const remove = ({ path }: Endpoint, searchParams: Record<string, string> = {}): Promise<void> =>
    call(async (client) => {
      // A removal answers 204 (v1). An answer with a body comes from something else, such as a proxy, so the removal is uncertain.
      const text = await client.delete(path, { searchParams }).text();
      if (text.trim() !== '') throw new UncertainError('The answer to a removal has a body');
    });

  const readModel = () => call((http) => http.get(endpoints.contactModel.path).json(contactModelSchema));

  return {
    upsertContact: async (body) => {
      const upsert = { ...body, duplicate_option: 'Email' };
      try {
        return await send('put', endpoints.contacts, upsert, contactSchema, afterSpikeArrest);
      } catch (error) {
        if (!(error instanceof UncertainError)) throw error;
        throw new UncertainError(error.message, { cause: error.cause, afterMs: UNCERTAIN_WRITE_MS });
      }
    },
    createContact: (body) => send('post', endpoints.contacts, body, contactSchema, once),
    readContact: (contactId, properties = []) => {
      const searchParams = {
        optional_properties: [...new Set([...OPTIONAL_PROPERTIES, ...properties])].join(','),
      };
      return call((http) =>
        http.get(endpoints.contact(contactId).path, { searchParams }).json(contactSchema),
      );
    },
    findContactsByEmail: async (email) => {
      const searchParams = { email, optional_properties: 'custom_fields' };
      const { contacts } = await call((http) =>
        http.get(endpoints.contacts.path, { searchParams }).json(contactPageSchema),
      );
      return contacts.filter((contact) => hasEmail(contact, email));
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
          http.get(endpoints.contacts.path, { searchParams }).json(contactPageSchema),
        );
        return page.contacts;
      }),
    updateContact: (contactId, body) =>
      settling(() => send('patch', endpoints.contact(contactId), body, contactSchema)),
    deleteContact: (contactId) => remove(endpoints.contact(contactId)),
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
        const page = await call((http) =>
          http.get(endpoints.tags.path, { searchParams }).json(tagPageSchema),
        );
        return page.tags;
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
      return (
        await call((http) => http.get(endpoints.tagged(tagId).path, { searchParams }).json(taggedSchema))
      ).count;
    },
    listLeadSources: async () => {
      const sources: Named[] = [];
      let token: string | null | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const searchParams = { page_size: MAX_PAGE_SIZE, ...(token && { page_token: token }) };
        const found = await call((http) =>
          http.get(endpoints.leadSources.path, { searchParams }).json(leadSourcePageSchema),
        );
        sources.push(...(found.lead_sources ?? []));
        token = found.next_page_token;
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
        const page = await call((http) =>
          http.get(endpoints.staff.path, { searchParams }).json(staffPageSchema),
        );
        return page.users;
      }),
    listContactTypes: () => call((http) => http.get(endpoints.contactTypes.path).json(contactTypesSchema)),
    findCompanies: async (name) => {
      const searchParams = { company_name: name };
      const { companies } = await call((http) =>
        http.get(endpoints.companies.path, { searchParams }).json(companyPageSchema),
      );
      // The CRM's search may return other companies.
      return companies.filter(({ company_name }) => isSameText(company_name, name));
    },
    createCompany: (name) => send('post', endpoints.companies, { company_name: name }, companySchema, once),
  };
}

/** Parts that one request can name. */
const inParts = (ids: readonly number[]): number[][] =>
  Array.from({ length: Math.ceil(ids.length / MAX_IDS) }, (_, index) =>
    ids.slice(index * MAX_IDS, (index + 1) * MAX_IDS),
  );

/** Adds to a failure without an answer how long the update may still be running. */
async function settling<Result>(update: () => Promise<Result>): Promise<Result> {
  try {
    return await update();
  } catch (error) {
    if (!(error instanceof UncertainError) || error.isAnswered) throw error;
    throw new UncertainError(error.message, { cause: error.cause, afterMs: UNCERTAIN_WRITE_MS });
  }
}

/** Reads pages until one is empty or has been seen before. A short page is not always the last. */
async function allPages<Item extends { id: number }>(
  readPage: (offset: number) => Promise<readonly Item[]>,
): Promise<Item[]> {
  const items = new Map<number, Item>();
  let offset = 0;
  for (let page = 0; page < MAX_PAGES; page++) {
    const found = await readPage(offset);
    const fresh = found.filter((item) => !items.has(item.id));
    if (fresh.length === 0) break;
    for (const item of fresh) items.set(item.id, item);
    offset += found.length;
  }
  return [...items.values()];
}

const isSameText = (found: string | null | undefined, wanted: string): boolean =>
  found?.trim().toLowerCase() === wanted.trim().toLowerCase();

const EMAIL_FIELDS: readonly string[] = ['EMAIL1', 'EMAIL2', 'EMAIL3'];

const hasEmail = ({ email_addresses }: Contact, wanted: string): boolean =>
  (email_addresses ?? []).some(
    ({ field, email }) => EMAIL_FIELDS.includes(field) && isSameText(email, wanted),
  );

/** The limits of the minute and the day do not reset within an invocation, so a retry would only cost requests. */
function isFinal(error: Error): boolean {
  return error instanceof RetryableError || (isTooManyRequests(error) && !isSpikeArrest(error));
}

const isTooManyRequests = (error: Error): error is HTTPError =>
  isHTTPError(error) && error.response.status === 429;

const isSpikeArrest = (error: Error): boolean =>
  isTooManyRequests(error) && exceededLimit(error.data) === 'second';
