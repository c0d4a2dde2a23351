import ky, { type HTTPError, isHTTPError, type KyInstance } from 'ky';
import type * as z from 'zod/mini';
import { REQUEST_RETRY, UNCERTAIN_CREATE_MS } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import { type Endpoint, endpoints, TAG_PAGE_SIZE } from './api.ts';
import type { ContactBody } from './contact-body.ts';
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
 * The CRM as the sync uses it. Each method costs one request (and what its retries cost), and throws `NotFoundError`,
 * `RejectedError` or `RetryableError`.
 */
export interface InfusionsoftClient {
  /** Creates the contact, or updates the one with the same email (`duplicate_option: Email`). */
  upsertContact(body: ContactBody): Promise<Contact>;
  /** Creates a contact, whatever there is already: for a throwaway one. */
  createContact(body: ContactBody): Promise<Contact>;
  /**
   * A whole contact.
   * @param properties more optional properties to return. The CRM refuses names that are not in {@link listOptionalProperties}.
   */
  readContact(contactId: number, properties?: readonly string[]): Promise<Contact>;
  /**
   * Contacts with an email, whatever its case, in any of their three slots, with their custom fields.
   *
   * The CRM's search may be loose, or know nothing of a contact that was made a moment ago, so its answer is compared: a contact that
   * does not show the email is not returned, also where the answer leaves its emails out. So a contact can be missing here. A
   * create-or-update still finds it, since the CRM decides that itself, and no second contact is made; an update by id can give the same
   * email to two contacts.
   */
  findContactsByEmail(email: string): Promise<Contact[]>;
  /** Changes the given values of a contact and leaves the others, apart from array items: see `learn-arrays.ts`. */
  updateContact(contactId: number, body: ContactBody): Promise<Contact>;
  deleteContact(contactId: number): Promise<void>;
  /** Puts tags on a contact. Each has a result of its own: an answer of 200 is not yet a success. */
  applyTags(contactId: number, tagIds: readonly number[]): Promise<ReadonlyMap<number, TagResult>>;
  /** Takes tags off a contact; those it does not hold are no error. */
  removeTags(contactId: number, tagIds: readonly number[]): Promise<void>;
  /** Puts one tag on many contacts. Each has a result of its own: an answer of 200 is not yet a success. */
  tagContacts(tagId: number, contactIds: readonly number[]): Promise<ReadonlyMap<number, TagResult>>;
  /** Takes one tag off many contacts; those that do not hold it are no error. */
  untagContacts(tagId: number, contactIds: readonly number[]): Promise<void>;
  /** One page of the account's tags, at most 1,000 from `offset` on. */
  listTags(offset: number): Promise<Tag[]>;
  createTag(name: string, description: string): Promise<Tag>;
  /** How many contacts carry a tag. */
  countTagged(tagId: number): Promise<number>;
  listCustomFields(): Promise<Labelled[]>;
  /** Names of the properties of a contact that the CRM returns only when a request names them. */
  listOptionalProperties(): Promise<string[]>;
  /** @param type one of the CRM's types (v1, `CreateRestCustomField`). */
  createCustomField(label: string, type: string, options?: readonly string[]): Promise<Labelled>;
  /** All lead sources: one request for each thousand. */
  listLeadSources(): Promise<Named[]>;
  createLeadSource(name: string): Promise<Named>;
  /** One page of the people who work in the account, from `offset` on. */
  listStaff(offset: number): Promise<StaffMember[]>;
  /** The names that a contact's type can have in this account. */
  listContactTypes(): Promise<string[]>;
  /** Companies with exactly this name, whatever the case of its letters. */
  findCompanies(name: string): Promise<Company[]>;
  createCompany(name: string): Promise<Company>;
}

export interface ClientOptions {
  /** Origin of the API, for example `https://api.infusionsoft.com`. */
  url: string;
  /** Makes the request: paces, identifies, times out, counts. See `paced-fetch.ts`. */
  fetch: typeof fetch;
  /** Epoch milliseconds. */
  now?: () => number;
}

/** A bound for pages that never end. */
const MAX_LEAD_SOURCE_PAGES = 20;

const WITH_CUSTOM_FIELDS = { optional_properties: 'custom_fields' };
/** Properties that come back only when they are named (v1). */
const WHOLE = ['custom_fields', 'lead_source_id', 'job_title'];

/** A client of the REST API, over ky. */
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
  // A create that seemed to fail may have happened: repeating it would make a second one.
  const once = repeatable.extend({ retry: 0 });
  // It may be at work still, too, and two at once for one email can make two contacts.
  const ifRefused = repeatable.extend({
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
      // A removal answers 204 (v1). Words in the answer are somebody else's: perhaps a proxy's, and nothing was removed.
      const words = await client.delete(path, { searchParams }).text();
      if (words.trim() !== '') throw new UncertainError('A removal was answered with words');
    });

  const readModel = () => call((http) => http.get(endpoints.contactModel.path).json(contactModelSchema));

  return {
    upsertContact: async (body) => {
      const upsert = { ...body, duplicate_option: 'Email' };
      try {
        return await send('put', endpoints.contacts, upsert, contactSchema, ifRefused);
      } catch (error) {
        if (!(error instanceof UncertainError)) throw error;
        throw new UncertainError(error.message, { cause: error.cause, afterMs: UNCERTAIN_CREATE_MS });
      }
    },
    createContact: (body) => send('post', endpoints.contacts, body, contactSchema, once),
    readContact: (contactId, properties = []) => {
      const searchParams = { optional_properties: [...new Set([...WHOLE, ...properties])].join(',') };
      return call((http) =>
        http.get(endpoints.contact(contactId).path, { searchParams }).json(contactSchema),
      );
    },
    findContactsByEmail: async (email) => {
      const searchParams = { email, ...WITH_CUSTOM_FIELDS };
      const { contacts } = await call((http) =>
        http.get(endpoints.contacts.path, { searchParams }).json(contactPageSchema),
      );
      return contacts.filter((contact) => hasEmail(contact, email));
    },
    updateContact: (contactId, body) => send('patch', endpoints.contact(contactId), body, contactSchema),
    deleteContact: (contactId) => remove(endpoints.contact(contactId)),
    applyTags: (contactId, tagIds) =>
      send('post', endpoints.contactTags(contactId), { tagIds }, tagResultsSchema),
    removeTags: (contactId, tagIds) => remove(endpoints.contactTags(contactId), { ids: tagIds.join(',') }),
    tagContacts: (tagId, ids) => send('post', endpoints.tagged(tagId), { ids }, tagResultsSchema),
    untagContacts: (tagId, ids) => remove(endpoints.tagged(tagId), { ids: ids.join(',') }),
    listTags: async (offset) => {
      const searchParams = { limit: TAG_PAGE_SIZE, offset };
      return (await call((http) => http.get(endpoints.tags.path, { searchParams }).json(tagPageSchema))).tags;
    },
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
      for (let page = 0; page < MAX_LEAD_SOURCE_PAGES; page++) {
        const searchParams = { page_size: TAG_PAGE_SIZE, ...(token && { page_token: token }) };
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
    listStaff: async (offset) => {
      const searchParams = { limit: TAG_PAGE_SIZE, offset, include_inactive: false, include_partners: false };
      return (await call((http) => http.get(endpoints.staff.path, { searchParams }).json(staffPageSchema)))
        .users;
    },
    listContactTypes: () => call((http) => http.get(endpoints.contactTypes.path).json(contactTypesSchema)),
    findCompanies: async (name) => {
      const searchParams = { company_name: name };
      const { companies } = await call((http) =>
        http.get(endpoints.companies.path, { searchParams }).json(companyPageSchema),
      );
      // The CRM's search may be loose.
      return companies.filter(({ company_name }) => isSameText(company_name, name));
    },
    createCompany: (name) => send('post', endpoints.companies, { company_name: name }, companySchema, once),
  };
}

const isSameText = (found: string | null | undefined, wanted: string): boolean =>
  found?.trim().toLowerCase() === wanted.trim().toLowerCase();

const EMAIL_SLOTS: readonly string[] = ['EMAIL1', 'EMAIL2', 'EMAIL3'];

const hasEmail = ({ email_addresses }: Contact, wanted: string): boolean =>
  (email_addresses ?? []).some(
    ({ field, email }) => EMAIL_SLOTS.includes(field) && isSameText(email, wanted),
  );

/** A spent minute or day does not come back within an invocation: trying again would only waste requests. */
function isFinal(error: Error): boolean {
  return error instanceof RetryableError || (isTooMany(error) && !isSpikeArrest(error));
}

const isTooMany = (error: Error): error is HTTPError => isHTTPError(error) && error.response.status === 429;

const isSpikeArrest = (error: Error): boolean => isTooMany(error) && exceededLimit(error.data) === 'second';
