import type { FieldPlan } from '../sync/plan.ts';
import type { FieldKey, StandardField } from '../user/define-mapping.ts';

/** A contact as the CRM reads it: only what is to change (v1, `CreateOrPatchContact`). */
export interface ContactBody {
  given_name?: string;
  family_name?: string;
  time_zone?: string;
  preferred_locale?: string;
  opt_in_reason?: string;
  email_addresses?: { field: string; email?: string | null | undefined }[];
  phone_numbers?: { field: string; number?: string | null | undefined }[];
  custom_fields?: { id: number; content: unknown }[];
}

const CUSTOM_FIELD = 'custom_fields.';
/** An empty text takes a value away. */
const CLEARED = '';

/**
 * Writes a plan in the CRM's terms.
 *
 * @param customFieldId gives the id of a custom field by its label.
 */
export function contactBody(plan: FieldPlan, customFieldId: (label: string) => number): ContactBody {
  const values = [...Object.entries(plan.write), ...plan.clear.map((key) => [key, CLEARED] as const)] as [
    FieldKey,
    string,
  ][];
  const body: ContactBody = {};
  const customFields: { id: number; content: string }[] = [];
  for (const [key, value] of values) {
    if (isCustomField(key)) {
      customFields.push({ id: customFieldId(key.slice(CUSTOM_FIELD.length)), content: value });
    } else {
      setStandard(body, key, value);
    }
  }
  return customFields.length > 0 ? { ...body, custom_fields: customFields } : body;
}

function setStandard(body: ContactBody, field: StandardField, value: string): void {
  if (field === 'EMAIL1') body.email_addresses = [{ field, email: value }];
  else if (field === 'PHONE1') body.phone_numbers = [{ field, number: value }];
  else body[field] = value;
}

function isCustomField(key: FieldKey): key is `custom_fields.${string}` {
  return key.startsWith(CUSTOM_FIELD);
}
