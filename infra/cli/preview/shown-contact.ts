import { type Catalog, catalogKey } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { ADDRESS_FIELDS, SOCIAL_FIELDS } from '../../../shared/user/define-mapping.ts';

const ADDRESS_PARTS = ['line1', 'line2', 'locality', 'region', 'postal_code', 'country_code'];

/**
 * What a contact shows of a field of the mapping, in the form in which the sync would write it; undefined where it shows nothing, or
 * where the CRM does not tell (the reason of an opt-in).
 *
 * @param wanted what the sync would write: a name that is the same but for the case of its letters is shown like it.
 */
export function shownValue(
  contact: Contact,
  key: string,
  wanted: string | undefined,
  catalog: Catalog,
): string | undefined {
  const label = key.startsWith('custom_fields.') ? key.slice('custom_fields.'.length) : undefined;
  if (label !== undefined) {
    const id = catalog.customFields[catalogKey(label)];
    return dayOf(text(contact.custom_fields?.find((field) => field.id === id)?.content), wanted);
  }
  if (key.startsWith('EMAIL'))
    return text(contact.email_addresses?.find(({ field }) => field === key)?.email);
  if (key.startsWith('PHONE')) return phone(contact, key, wanted);
  if (includes(SOCIAL_FIELDS, key))
    return text(contact.social_accounts?.find(({ type }) => type === key)?.name);
  if (includes(ADDRESS_FIELDS, key)) return address(contact, key);
  if (key === 'lead_source') return nameOf(contact['lead_source_id'], catalog.leadSources, wanted);
  if (key === 'owner') return nameOf(contact['owner_id'], catalog.staff, wanted);
  if (key === 'company') return text((contact['company'] as { company_name?: unknown } | null)?.company_name);
  if (key === 'birthday' || key === 'anniversary') return text(contact[key])?.slice(0, 10);
  return text(contact[key]);
}

const includes = (keys: readonly string[], key: string): boolean => keys.includes(key);

const text = (value: unknown): string | undefined =>
  value === undefined || value === null || value === '' ? undefined : String(value);

/** A date that comes back with a time at midnight (dates end in `+0000`, v1) is the day that was written. */
const dayOf = (shown: string | undefined, wanted = ''): string | undefined =>
  /^\d{4}-\d{2}-\d{2}$/.test(wanted) && shown?.startsWith(`${wanted}T00:00:00`) ? wanted : shown;

/** The CRM may format a number; `number_e164` is the form in which the sync writes it (v1, read-only). */
function phone(contact: Contact, key: string, wanted: string | undefined): string | undefined {
  const found = contact.phone_numbers?.find(({ field }) => field === key);
  return wanted !== undefined && found?.['number_e164'] === wanted ? wanted : text(found?.number);
}

function address(contact: Contact, key: string): string | undefined {
  const found: Record<string, unknown> = contact.addresses?.find(({ field }) => field === key) ?? {};
  const parts = ADDRESS_PARTS.flatMap((part) => (text(found[part]) ? [[part, text(found[part])]] : []));
  return parts.length > 0 ? JSON.stringify(Object.fromEntries(parts)) : undefined;
}

function nameOf(id: unknown, ids: Readonly<Record<string, number>> = {}, wanted = ''): string | undefined {
  if (ids[catalogKey(wanted)] === id) return wanted;
  return Object.entries(ids).find(([, each]) => each === id)?.[0] ?? text(id === 0 ? undefined : id);
}
