import ky from 'ky';
import pThrottle from 'p-throttle';
import * as z from 'zod';
import { type ExistingContact, HAND_MADE } from './population.ts';

/** A contact as returned by the CRM's API. */
export interface ShownContact {
  id: number;
  /** Values by path: `given_name`, `email_addresses.EMAIL1`, `custom_fields.Program`. */
  values: ReadonlyMap<string, string>;
  tags: ReadonlySet<string>;
}

/** The CRM's account as marketing uses it. Uses the API only, so that it works with a real account too. */
export interface CrmAccount {
  /** Creates contacts with tags and fields that only marketing owns. Tags and fields that exist are used. */
  addByHand(contacts: readonly ExistingContact[]): Promise<void>;
  /** All contacts, each with those of its tags that are in `tagNames`. */
  contacts(tagNames: readonly string[]): Promise<ShownContact[]>;
}

const created = z.object({ id: z.int() });
const tagList = z.object({ tags: z.array(z.object({ id: z.int(), name: z.string() })) });
const model = z.object({ custom_fields: z.array(z.object({ id: z.int(), label: z.string() })) });
const contactList = z.object({
  contacts: z.array(
    z.looseObject({
      id: z.int(),
      email_addresses: z.array(z.object({ field: z.string(), email: z.string() })).nullish(),
      phone_numbers: z.array(z.object({ field: z.string(), number: z.string() })).nullish(),
      custom_fields: z.array(z.object({ id: z.int(), content: z.unknown() })).nullish(),
    }),
  ),
});
const tagged = z.object({ contacts: z.array(z.object({ contact: z.object({ id: z.int() }) })) });

const PAGE = 1000;
const TAGGED_AT_ONCE = 100;

/** Properties that the CRM shows only on request. */
const READ_PROPERTIES = 'custom_fields,time_zone,preferred_locale';

export function crmAccount(url: string, token: string, requestsPerSecond: number): CrmAccount {
  const throttled = pThrottle({ limit: requestsPerSecond, interval: 1100, strict: true });
  const http = ky.create({
    prefix: `${url}/crm/rest/v1`,
    headers: { 'x-keap-api-key': token },
    fetch: throttled((input: Parameters<typeof fetch>[0], init?: RequestInit) => fetch(input, init)),
    timeout: 60_000,
  });
  const everyPage = async <Item>(fetchPage: (offset: number) => Promise<Item[]>): Promise<Item[]> => {
    const all: Item[] = [];
    for (;;) {
      const page = await fetchPage(all.length);
      all.push(...page);
      if (page.length < PAGE) return all;
    }
  };
  const get = (path: string, offset: number, more: Record<string, string> = {}) =>
    http.get(path, { searchParams: { limit: PAGE, offset, ...more } });
  const tags = () => everyPage(async (offset) => (await get('tags', offset).json(tagList)).tags);
  const customFields = async () => (await http.get('contacts/model').json(model)).custom_fields;
  const listContacts = () =>
    everyPage(
      async (offset) =>
        (await get('contacts', offset, { optional_properties: READ_PROPERTIES }).json(contactList)).contacts,
    );

  const findOrAddField = async () => {
    const label = HAND_MADE.customField;
    return (
      (await customFields()).find((each) => each.label === label) ??
      (await http.post('contacts/model/customFields', { json: { label, field_type: 'Text' } }).json(created))
    );
  };
  const findOrAddTags = async () => {
    const known = await tags();
    return Promise.all(
      HAND_MADE.tags.map(
        async (name) =>
          known.find((each) => each.name === name) ??
          (await http.post('tags', { json: { name } }).json(created)),
      ),
    );
  };

  return {
    async addByHand(contacts) {
      const [field, handMadeTags] = await Promise.all([findOrAddField(), findOrAddTags()]);
      const ids = await Promise.all(
        contacts.map(async ({ email, givenName, phone2, shoeSize }) => {
          const json = {
            duplicate_option: 'Email',
            given_name: givenName,
            email_addresses: [{ field: 'EMAIL1', email }],
            phone_numbers: [{ field: 'PHONE2', number: phone2 }],
            custom_fields: [{ id: field.id, content: shoeSize }],
          };
          return (await http.put('contacts', { json }).json(created)).id;
        }),
      );
      const parts = Array.from({ length: Math.ceil(ids.length / TAGGED_AT_ONCE) }, (_, index) =>
        ids.slice(index * TAGGED_AT_ONCE, (index + 1) * TAGGED_AT_ONCE),
      );
      await Promise.all(
        handMadeTags.flatMap(({ id }) =>
          parts.map((part) => http.post(`tags/${id}/contacts`, { json: { ids: part } })),
        ),
      );
    },

    async contacts(tagNames) {
      const [fields, known, listed] = await Promise.all([customFields(), tags(), listContacts()]);
      const labels = new Map(fields.map(({ id, label }) => [id, label]));
      const tagsOf = new Map<number, Set<string>>(listed.map(({ id }) => [id, new Set()]));
      await Promise.all(
        known
          .filter(({ name }) => tagNames.includes(name))
          .map(async ({ id: tagId, name }) => {
            const path = `tags/${tagId}/contacts`;
            const holders = await everyPage(
              async (offset) => (await get(path, offset).json(tagged)).contacts,
            );
            for (const { contact } of holders) tagsOf.get(contact.id)?.add(name);
          }),
      );
      return listed.map(({ id, email_addresses, phone_numbers, custom_fields, ...standard }) => ({
        id,
        tags: tagsOf.get(id) ?? new Set(),
        values: new Map([
          ...Object.entries(standard).filter(
            (entry): entry is [string, string] => typeof entry[1] === 'string',
          ),
          ...(email_addresses ?? []).map(({ field, email }) => [`email_addresses.${field}`, email] as const),
          ...(phone_numbers ?? []).map(({ field, number }) => [`phone_numbers.${field}`, number] as const),
          ...(custom_fields ?? []).map(
            ({ id: fieldId, content }) =>
              [`custom_fields.${labels.get(fieldId)}`, String(content ?? '')] as const,
          ),
        ]),
      }));
    },
  };
}
