import type { FieldPlan } from '../sync/plan.ts';
import { contactField, type StandardField } from '../user/contact-fields.ts';
import type { FieldKey } from '../user/define-mapping.ts';

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
  contact_type?: string;
  lead_source_id?: number;
  owner_id?: number;
  company?: { id: number };
  preferred_name?: string;
  spouse_name?: string;
  prefix?: string;
  suffix?: string;
  source_type?: string;
  fax_numbers?: { field: string; number?: string | null | undefined }[];
  email_addresses?: { field: string; email?: string | null | undefined }[];
  phone_numbers?: { field: string; number?: string | null | undefined }[];
  addresses?: { field: string; [part: string]: unknown }[];
  social_accounts?: { type: string; name?: string | null | undefined }[];
  custom_fields?: { id: number; content?: unknown }[];
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
/**
 * A birthday is a date-time in the v1 contract, and in the vendor's forum dates without milliseconds were refused. At noon in UTC, it is
 * the same day in the time zone of any account. Source:
 * https://integration.keap.com/t/getting-invalid-date-format-while-creating-appointment/71578
 */
const NOON = 'T12:00:00.000Z';
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
  const { kind, property } = contactField(field);
  switch (kind) {
    case 'address':
      body.addresses ??= [];
      body.addresses.push({ field, ...NO_ADDRESS, ...(value === CLEARED ? {} : JSON.parse(value)) });
      break;
    case 'social':
      body.social_accounts ??= [];
      body.social_accounts.push({ type: field, name: value });
      break;
    case 'email':
      body.email_addresses ??= [];
      body.email_addresses.push({ field, email: value });
      break;
    case 'phone': {
      const numbers = property === 'fax_numbers' ? 'fax_numbers' : 'phone_numbers';
      body[numbers] ??= [];
      body[numbers].push({ field, number: value });
      break;
    }
    case 'company':
      body.company = { id: ids.company(value) };
      break;
    case 'staff':
      body.owner_id = ids.staff(value);
      break;
    case 'date':
      body[property as 'birthday'] = value === CLEARED ? value : value + NOON;
      break;
    default:
      if (field === 'lead_source') body.lead_source_id = ids.leadSource(value);
      // All other fields are text properties of the contact.
      else body[property as 'given_name'] = value;
  }
}

const isCustomField = (key: FieldKey): key is `custom_fields.${string}` => key.startsWith(CUSTOM_FIELD);
