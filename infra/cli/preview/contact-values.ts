import { type Catalog, catalogKey } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { regionCode } from '../../../shared/infusionsoft/catalog/provinces.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { ADDRESS_PARTS, contactField, isStandardField } from '../../../shared/user/contact-fields.ts';

/**
 * The value of a field of the mapping on a contact, in the format in which the sync writes it; undefined when it is empty, or when the
 * API does not return it.
 *
 * @param desired what the sync would write: a name that differs only in case counts as equal.
 */
export function currentValue(
  contact: Contact,
  key: string,
  desired: string | undefined,
  catalog: Catalog,
): string | undefined {
  const label = key.startsWith('custom_fields.') ? key.slice('custom_fields.'.length) : undefined;
  if (label !== undefined) {
    const id = catalog.customFields[catalogKey(label)];
    return dayOf(text(contact.custom_fields?.find((field) => field.id === id)?.content), desired);
  }
  if (!isStandardField(key)) return undefined;
  const { kind, property } = contactField(key);
  switch (kind) {
    case 'email':
      return text(contact.email_addresses?.find(({ field }) => field === key)?.email);
    case 'phone':
      return phone(property === 'fax_numbers' ? contact.fax_numbers : contact.phone_numbers, key, desired);
    case 'social':
      return text(contact.social_accounts?.find(({ type }) => type === key)?.name);
    case 'address':
      return address(contact, key, catalog);
    case 'staff':
      return nameOf(contact[property], catalog.staff, desired);
    case 'company':
      return text((contact[property] as { company_name?: unknown } | null)?.company_name);
    case 'date':
      return text(contact[property])?.slice(0, 10);
    default:
      if (key === 'lead_source') return nameOf(contact[property], catalog.leadSources, desired);
      return text(contact[property]);
  }
}

const text = (value: unknown): string | undefined =>
  value === undefined || value === null || value === '' ? undefined : String(value);

/** A date that is returned with a time at midnight (v1 dates end in `+0000`) is the day that was written. */
const dayOf = (current: string | undefined, desired = ''): string | undefined =>
  /^\d{4}-\d{2}-\d{2}$/.test(desired) && current?.startsWith(`${desired}T00:00:00`) ? desired : current;

/** The CRM may format a number; `number_e164` has the format that the sync writes (v1, read-only). */
function phone(
  numbers: Contact['phone_numbers'],
  key: string,
  desired: string | undefined,
): string | undefined {
  const found = numbers?.find(({ field }) => field === key);
  return desired !== undefined && found?.['number_e164'] === desired ? desired : text(found?.number);
}

function address(contact: Contact, key: string, catalog: Catalog): string | undefined {
  const found: Record<string, unknown> = contact.addresses?.find(({ field }) => field === key) ?? {};
  const country = text(found['country_code']) ?? '';
  const shown: Readonly<Record<string, string | undefined>> = {
    ...Object.fromEntries(ADDRESS_PARTS.map((part) => [part, text(found[part])])),
    // The CRM shows the name of a region for its code.
    region: regionCode(country, text(found['region']) ?? '', catalog) ?? text(found['region']),
    postal_code: text(found['postal_code']) ?? text(found['zip_code']),
  };
  const parts = ADDRESS_PARTS.flatMap((part) => (shown[part] ? [[part, shown[part]]] : []));
  return parts.length > 0 ? JSON.stringify(Object.fromEntries(parts)) : undefined;
}

function nameOf(id: unknown, ids: Readonly<Record<string, number>> = {}, desired = ''): string | undefined {
  if (id === undefined || id === null || id === 0) return undefined;
  if (ids[catalogKey(desired)] === id) return desired;
  return Object.entries(ids).find(([, each]) => each === id)?.[0] ?? text(id);
}
