import { ADDRESS_FIELDS, SOCIAL_FIELDS } from '../../shared/user/define-mapping.ts';

const PATHS: Readonly<Record<string, string>> = {
  EMAIL1: 'email_addresses.EMAIL1',
  PHONE1: 'phone_numbers.PHONE1',
  lead_source: 'lead_source_id',
  owner: 'owner_id',
};
const ADDRESS_PARTS = ['line1', 'line2', 'locality', 'region', 'postal_code', 'country_code'];

/** Paths of a mapping's field in the CRM: one, or one per part of an address. */
export function pathsOf(key: string): string[] {
  if ((ADDRESS_FIELDS as readonly string[]).includes(key))
    return ADDRESS_PARTS.map((part) => `addresses.${key}.${part}`);
  if ((SOCIAL_FIELDS as readonly string[]).includes(key)) return [`social_accounts.${key}`];
  return [PATHS[key] ?? key];
}
