import { CONTACT_FIELDS, UNREADABLE_NETWORKS } from '../../shared/user/contact-fields.ts';
import type { StoredContact } from './account/contact-store.ts';
import type { Directory } from './account/directory.ts';
import { isMarketable } from './account/email-addresses.ts';
import type { AnswerOptions } from './answer-forms.ts';
import type { StrictnessSettings } from './strictness.ts';

/** Properties that a response contains only if the request names them, also without `withheldProperties`. */
const OPTIONAL = ['custom_fields', 'lead_source_id', 'job_title', 'opt_in_reason', 'notes'];
/** All optional properties of the account, as its model lists them. */
export const OPTIONAL_PROPERTIES: readonly string[] = [
  ...new Set([
    ...OPTIONAL,
    ...Object.values(CONTACT_FIELDS)
      .filter(({ shown }) => shown !== 'always')
      .map(({ property }) => property),
  ]),
];
/** Networks whose accounts are stored and never returned. */
const UNREADABLE: ReadonlySet<string> = new Set(UNREADABLE_NETWORKS);
const NUMBERS = new Set(['lead_source_id', 'owner_id']);
const MOMENTS = new Set(['birthday', 'anniversary']);
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

interface Account {
  directory: Directory;
  answers: AnswerOptions;
  strict: StrictnessSettings;
}

/** A contact as the API returns it. @param named the optional properties that the request names. */
export function formatContact(
  contact: StoredContact,
  named: ReadonlySet<string>,
  { directory: { companies }, answers, strict }: Account,
): Record<string, unknown> {
  const { values, tagIds, emailStatus } = contact;
  const withheld = new Set(
    (strict.withheldProperties ? OPTIONAL_PROPERTIES : OPTIONAL).filter((property) => !named.has(property)),
  );
  const items = (array: string, key: string, value: string) =>
    itemsOf(values, array).map(([slot, content]) => ({
      [key]: key === 'id' ? Number(slot) : slot,
      [value]: content,
    }));
  const company = values.get('company');
  const standard = [...values].filter(([path]) => !path.includes('.') && path !== 'company');
  const dated = (at: number) => formatDate(at, strict);
  const all = {
    id: contact.id,
    ...Object.fromEntries(NULLABLE.map((key) => [key, null])),
    ...Object.fromEntries(standard.map(([key, value]) => [key, formatValue(key, value, strict)])),
    company:
      company === undefined
        ? null
        : { id: Number(company), company_name: companies.get(Number(company))?.name },
    email_addresses: items('email_addresses', 'field', 'email'),
    phone_numbers: items('phone_numbers', 'field', 'number').map((item) => ({
      ...item,
      ...(strict.readOnlyNumber && { number_e164: item['number'] }),
    })),
    custom_fields: items('custom_fields', 'id', 'content'),
    fax_numbers: items('fax_numbers', 'field', 'number'),
    social_accounts: items('social_accounts', 'type', 'name').filter(
      ({ type }) => answers.allNetworks || !UNREADABLE.has(String(type)),
    ),
    addresses: addressesOf(contact).map((address) => ({
      ...address,
      ...(strict.oneZipCode && bothCodes(address)),
    })),
    ...(answers.tagIds && { tag_ids: [...tagIds] }),
    email_status: answers.emailStatus ? emailStatus : null,
    email_opted_in: answers.emailStatus ? isMarketable(emailStatus) : null,
    date_created: dated(contact.createdAt),
    last_updated: dated(contact.updatedAt),
    last_updated_utc_millis: contact.updatedAt,
  };
  return Object.fromEntries(Object.entries(all).filter(([property]) => !withheld.has(property)));
}

/** The postal code under both names, as the real API shows it. */
function bothCodes({ postal_code, zip_code }: Record<string, string>): Record<string, string> {
  const code = postal_code ?? zip_code;
  return code === undefined ? {} : { postal_code: code, zip_code: code };
}

/** Items of an array property: the key of each, and its value. */
export const itemsOf = (values: ReadonlyMap<string, string>, array: string): [string, string][] =>
  [...values]
    .filter(([path]) => path.startsWith(`${array}.`))
    .map(([path, content]) => [path.slice(array.length + 1), content]);

/** A contact in a list: without tags (API v1, `RestPartialContact`). */
export function formatListed(
  contact: StoredContact,
  named: ReadonlySet<string>,
  account: Account,
): Record<string, unknown> {
  const shown = new Set(named);
  const { answers } = account;
  if (!answers.listedCustomFields) shown.delete('custom_fields');
  return formatContact(contact, shown, { ...account, answers: { ...answers, tagIds: false } });
}

function formatValue(key: string, value: string, strict: StrictnessSettings): string | number {
  if (NUMBERS.has(key)) return Number(value);
  return MOMENTS.has(key) ? formatDate(Date.parse(value), strict) : value;
}

function formatDate(at: number, { offsetWithoutColon }: StrictnessSettings): string {
  const text = new Date(at).toISOString();
  return offsetWithoutColon ? text.replace('Z', '+0000') : text;
}

export function addressesOf({ values }: StoredContact): Record<string, string>[] {
  const parts = [...values]
    .map(([path, value]) => ({ keys: path.split('.'), value }))
    .filter(({ keys }) => keys[0] === 'addresses');
  return [...Map.groupBy(parts, ({ keys }) => keys[1] ?? '')].map(([field, items]) => ({
    field,
    ...Object.fromEntries(items.map(({ keys, value }) => [keys[2] ?? '', value])),
  }));
}
