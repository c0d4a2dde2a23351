import type { FieldPlan } from '../sync/plan.ts';
import { ADDRESS_FIELDS, type FieldKey, SOCIAL_FIELDS, type StandardField } from '../user/define-mapping.ts';

/** The body of a request that creates or changes a contact: only what changes (v1, `CreateOrPatchContact`). */
export interface ContactBody {
  given_name?: string;
  middle_name?: string;
  family_name?: string;
  job_title?: string;
  website?: string;
  birthday?: string;
  anniversary?: string;
  time_zone?: string;
  preferred_locale?: string;
  opt_in_reason?: string;
  contact_type?: string;
  lead_source_id?: number;
  owner_id?: number;
  company?: { id: number };
  preferred_name?: string;
  spouse_name?: string;
  prefix?: string;
  suffix?: string;
  fax_numbers?: { field: string; number?: string }[];
  email_addresses?: { field: string; email?: string | null | undefined }[];
  phone_numbers?: { field: string; number?: string | null | undefined }[];
  addresses?: { field: string; [part: string]: unknown }[];
  social_accounts?: { type: string; name?: string | null | undefined }[];
  custom_fields?: { id: number; content: unknown }[];
}

/** Looks up the ids of names in a plan. Each throws for an unknown name: names are resolved before a plan is written. */
export interface NamedIds {
  customField(label: string): number;
  leadSource(name: string): number;
  staff(email: string): number;
  company(name: string): number;
}

const CUSTOM_FIELD = 'custom_fields.';
/** An empty string clears a value. */
const CLEARED = '';
/** All parts, so that parts without a value are cleared. */
const NO_ADDRESS = { line1: '', line2: '', locality: '', region: '', postal_code: '', country_code: '' };

/** The request body for a plan. */
export function contactBody(plan: FieldPlan, ids: NamedIds): ContactBody {
  const values = [...Object.entries(plan.write), ...plan.clear.map((key) => [key, CLEARED] as const)] as [
    FieldKey,
    string,
  ][];
  const body: ContactBody = {};
  for (const [key, value] of values) {
    if (isCustomField(key)) {
      body.custom_fields ??= [];
      body.custom_fields.push({ id: ids.customField(key.slice(CUSTOM_FIELD.length)), content: value });
    } else {
      setStandard(body, key, value, ids);
    }
  }
  return body;
}

function setStandard(body: ContactBody, field: StandardField, value: string, ids: NamedIds): void {
  if (isAddress(field)) {
    body.addresses ??= [];
    body.addresses.push({ field, ...NO_ADDRESS, ...(value === CLEARED ? {} : JSON.parse(value)) });
  } else if (isSocial(field)) {
    body.social_accounts ??= [];
    body.social_accounts.push({ type: field, name: value });
  } else if (field === 'EMAIL1') body.email_addresses = [{ field, email: value }];
  else if (field === 'PHONE1') body.phone_numbers = [{ field, number: value }];
  else if (field === 'lead_source') body.lead_source_id = ids.leadSource(value);
  else if (field === 'owner') body.owner_id = ids.staff(value);
  else if (field === 'company') body.company = { id: ids.company(value) };
  else body[field] = value;
}

const isCustomField = (key: FieldKey): key is `custom_fields.${string}` => key.startsWith(CUSTOM_FIELD);
const isAddress = (field: StandardField): field is (typeof ADDRESS_FIELDS)[number] =>
  (ADDRESS_FIELDS as readonly string[]).includes(field);
const isSocial = (field: StandardField): field is (typeof SOCIAL_FIELDS)[number] =>
  (SOCIAL_FIELDS as readonly string[]).includes(field);
