import type { StoredContact } from './account/contact-store.ts';
import type { Directory } from './account/directory.ts';

/** Properties that a response contains only if the request names them in `optional_properties` (API v1). */
const OPTIONAL = new Set(['custom_fields', 'lead_source_id', 'job_title', 'opt_in_reason', 'notes']);
const NUMBERS = new Set(['lead_source_id', 'owner_id']);
/** Properties that are null in a response if the contact has no value. */
const NULLABLE = [
  'given_name',
  'family_name',
  'middle_name',
  'preferred_name',
  'prefix',
  'suffix',
  'spouse_name',
  'birthday',
  'anniversary',
  'contact_type',
  'website',
  'time_zone',
  'preferred_locale',
  'owner_id',
];

/** What the answers about contacts contain. The vendor promises none of it. */
export interface AnswerOptions {
  /** Whether a contact shows the ids of its tags. */
  tagIds: boolean;
  /** Whether a contact in a list shows its custom fields when the request names them. */
  listedCustomFields: boolean;
}

/** A contact as the API returns it. */
export function formatContact(
  contact: StoredContact,
  optional: ReadonlySet<string>,
  { companies }: Directory,
  answers: AnswerOptions,
): Record<string, unknown> {
  const { values, tagIds, emailStatus } = contact;
  const items = (array: string, key: string, value: string) =>
    [...values]
      .filter(([path]) => path.startsWith(`${array}.`))
      .map(([path, content]) => {
        const slot = path.slice(array.length + 1);
        return { [key]: key === 'id' ? Number(slot) : slot, [value]: content };
      });
  const company = values.get('company');
  const standard = [...values].filter(
    ([path]) => !path.includes('.') && path !== 'company' && (!OPTIONAL.has(path) || optional.has(path)),
  );
  return {
    id: contact.id,
    ...Object.fromEntries(NULLABLE.map((key) => [key, null])),
    ...Object.fromEntries(standard.map(([key, value]) => [key, NUMBERS.has(key) ? Number(value) : value])),
    company:
      company === undefined
        ? null
        : { id: Number(company), company_name: companies.get(Number(company))?.name },
    email_addresses: items('email_addresses', 'field', 'email'),
    phone_numbers: items('phone_numbers', 'field', 'number'),
    ...(optional.has('custom_fields') && { custom_fields: items('custom_fields', 'id', 'content') }),
    fax_numbers: items('fax_numbers', 'field', 'number'),
    social_accounts: items('social_accounts', 'type', 'name'),
    addresses: addressesOf(contact),
    ...(answers.tagIds && { tag_ids: [...tagIds] }),
    email_status: emailStatus,
    email_opted_in: ['SingleOptIn', 'DoubleOptin', 'Confirmed', 'UnengagedMarketable'].includes(emailStatus),
    date_created: formatDate(contact.createdAt),
    last_updated: formatDate(contact.updatedAt),
    last_updated_utc_millis: contact.updatedAt,
  };
}

/** A contact in a list: without tags (API v1, `RestPartialContact`). */
export function formatListed(
  contact: StoredContact,
  optional: ReadonlySet<string>,
  directory: Directory,
  { listedCustomFields }: AnswerOptions,
): Record<string, unknown> {
  const shown = new Set(optional);
  if (!listedCustomFields) shown.delete('custom_fields');
  return formatContact(contact, shown, directory, { tagIds: false, listedCustomFields });
}

/** The vendor's API ends times in `+0000`, which is not the form of ISO 8601 that JavaScript writes. */
const formatDate = (at: number): string => new Date(at).toISOString().replace('Z', '+0000');

function addressesOf({ values }: StoredContact): Record<string, string>[] {
  const parts = [...values]
    .map(([path, value]) => ({ keys: path.split('.'), value }))
    .filter(({ keys }) => keys[0] === 'addresses');
  return [...Map.groupBy(parts, ({ keys }) => keys[1] ?? '')].map(([field, items]) => ({
    field,
    ...Object.fromEntries(items.map(({ keys, value }) => [keys[2] ?? '', value])),
  }));
}
