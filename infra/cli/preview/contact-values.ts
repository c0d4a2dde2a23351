import { type Catalog, catalogKey } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { ADDRESS_FIELDS, SOCIAL_FIELDS } from '../../../shared/user/define-mapping.ts';

const ADDRESS_PARTS = ['line1', 'line2', 'locality', 'region', 'postal_code', 'country_code'];

/**
 * The value of a field of the mapping on a contact, in the format in which the sync writes it; undefined when it is empty, or when the
 * API does not return it (the opt-in reason).
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
  if (key.startsWith('EMAIL'))
    return text(contact.email_addresses?.find(({ field }) => field === key)?.email);
  if (key.startsWith('PHONE')) return phone(contact, key, desired);
  if (includes(SOCIAL_FIELDS, key))
    return text(contact.social_accounts?.find(({ type }) => type === key)?.name);
  if (includes(ADDRESS_FIELDS, key)) return address(contact, key);
  if (key === 'lead_source') return nameOf(contact['lead_source_id'], catalog.leadSources, desired);
  if (key === 'owner') return nameOf(contact['owner_id'], catalog.staff, desired);
  if (key === 'company') return text((contact['company'] as { company_name?: unknown } | null)?.company_name);
  if (key === 'birthday' || key === 'anniversary') return text(contact[key])?.slice(0, 10);
  return text(contact[key]);
}

const includes = (keys: readonly string[], key: string): boolean => keys.includes(key);

const text = (value: unknown): string | undefined =>
  value === undefined || value === null || value === '' ? undefined : String(value);

/** A date that is returned with a time at midnight (v1 dates end in `+0000`) is the day that was written. */
const dayOf = (current: string | undefined, desired = ''): string | undefined =>
  /^\d{4}-\d{2}-\d{2}$/.test(desired) && current?.startsWith(`${desired}T00:00:00`) ? desired : current;

/** The CRM may format a number; `number_e164` has the format that the sync writes (v1, read-only). */
function phone(contact: Contact, key: string, desired: string | undefined): string | undefined {
  const found = contact.phone_numbers?.find(({ field }) => field === key);
  return desired !== undefined && found?.['number_e164'] === desired ? desired : text(found?.number);
}

function address(contact: Contact, key: string): string | undefined {
  const found: Record<string, unknown> = contact.addresses?.find(({ field }) => field === key) ?? {};
  const parts = ADDRESS_PARTS.flatMap((part) => (text(found[part]) ? [[part, text(found[part])]] : []));
  return parts.length > 0 ? JSON.stringify(Object.fromEntries(parts)) : undefined;
}

function nameOf(id: unknown, ids: Readonly<Record<string, number>> = {}, desired = ''): string | undefined {
  if (ids[catalogKey(desired)] === id) return desired;
  return Object.entries(ids).find(([, each]) => each === id)?.[0] ?? text(id === 0 ? undefined : id);
}
