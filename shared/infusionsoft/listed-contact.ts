import type { SeenContact } from '../events/contact-state.ts';
import { ADDRESS_FIELDS, ADDRESS_PARTS, fieldsOfKind, SOCIAL_FIELDS } from '../user/contact-fields.ts';
import type { ListedContact } from './listed-schemas.ts';

/** Text properties, which have the same names in the mapping and in version 2. */
const TEXTS = fieldsOfKind('text', 'website', 'timeZone', 'locale', 'option', 'choice').filter(
  (field) => field !== 'lead_source',
);

/** Properties that are requested. Others, such as scores, change by themselves. */
export const LISTED_PROPERTIES = [
  'id',
  'create_time',
  'update_time',
  ...TEXTS,
  'birth_date',
  'anniversary_date',
  'leadsource_id',
  'owner_id',
  'company',
  'email_addresses',
  'phone_numbers',
  'fax_numbers',
  'addresses',
  'social_accounts',
  'custom_fields',
  'tag_ids',
];

/**
 * A contact of a page of version 2, by the keys of the mapping.
 *
 * @param hasTags whether the contacts of the page show their tags: then one without the property has none.
 */
export function seenContact(contact: ListedContact, hasTags: boolean): SeenContact {
  const updatedAt = momentOf(contact.update_time) ?? momentOf(contact.create_time);
  const emails = contact.email_addresses ?? [];
  return {
    contactId: contact.id,
    fields: new Map(fieldsOf(contact)),
    tagIds: contact.tag_ids ?? (hasTags ? [] : undefined),
    statuses: Object.fromEntries(
      emails.flatMap(({ field, email, email_opt_status: status }) =>
        field && email && status ? [[field, status]] : [],
      ),
    ),
    createdAt: momentOf(contact.create_time),
    updatedAt,
    changedAt: updatedAt,
  };
}

/** Epoch milliseconds. The CRM writes the zone as `+0000`, or as `Z`. */
export function momentOf(text: string | null | undefined): number | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : at;
}

function* fieldsOf(contact: ListedContact): Generator<[string, string]> {
  for (const name of TEXTS) yield* filled(name, contact[name]);
  yield* filled('birthday', contact.birth_date?.slice(0, 10));
  yield* filled('anniversary', contact.anniversary_date?.slice(0, 10));
  yield* filled('lead_source', contact.leadsource_id);
  yield* filled('owner', contact.owner_id);
  yield* filled('company', contact.company?.company_name ?? contact.company?.id);
  for (const { field, email } of contact.email_addresses ?? []) yield* filled(field, email);
  for (const { field, number } of contact.phone_numbers ?? []) yield* filled(field, number);
  for (const { field, number } of contact.fax_numbers ?? []) yield* filled(field, number);
  for (const { field, ...shown } of contact.addresses ?? []) {
    const parts = { ...shown, postal_code: shown['postal_code'] ?? shown['zip_code'] };
    if (!(ADDRESS_FIELDS as readonly string[]).includes(field ?? '')) continue;
    const known = Object.entries(parts).filter(
      ([part, value]) => (ADDRESS_PARTS as readonly string[]).includes(part) && value,
    );
    if (known.length > 0) yield* filled(field, JSON.stringify(Object.fromEntries(known.sort())));
  }
  for (const { type, name } of contact.social_accounts ?? []) {
    const plain = type?.replaceAll('_', '').toLowerCase();
    yield* filled(
      SOCIAL_FIELDS.find((each) => each.toLowerCase() === plain),
      name,
    );
  }
  for (const { id, content } of contact.custom_fields ?? [])
    yield* filled(`custom_fields.${id}`, contentOf(content));
}

function* filled(
  key: string | null | undefined,
  value: string | null | undefined,
): Generator<[string, string]> {
  if (key && value) yield [key, value];
}

/** The content of a custom field as text: accounts show numbers, truth values and lists as such, or as texts. */
function contentOf(content: unknown): string | undefined {
  if (content === null || content === undefined) return undefined;
  if (Array.isArray(content)) return content.map(String).join(',');
  return typeof content === 'object' ? JSON.stringify(content) : String(content);
}
