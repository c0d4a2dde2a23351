import { describe, expect, it } from 'vitest';
import type * as z from 'zod/mini';
import * as listed from '../../../shared/infusionsoft/listed-schemas.ts';
import * as schemas from '../../../shared/infusionsoft/schemas.ts';

const CONTACT = {
  id: 7,
  given_name: 'Ann',
  tag_ids: [3],
  email_addresses: [{ field: 'EMAIL1', email: 'ann@example.com' }],
  phone_numbers: [{ field: 'PHONE1', number: '1', extension: '2', type: 'Work' }],
  addresses: [{ field: 'BILLING', line1: 'Street 1' }],
  fax_numbers: [{ field: 'FAX1', number: '1' }],
  social_accounts: [{ type: 'LinkedIn', name: 'ann' }],
  custom_fields: [{ id: 5, content: 'x' }],
};
const LISTED = {
  id: '7',
  create_time: '2026-06-15T12:00:00.000+0000',
  given_name: 'Ann',
  leadsource_id: '3',
  company: { id: '4', company_name: 'Ann Ltd' },
  email_addresses: [{ field: 'EMAIL1', email: 'ann@example.com', email_opt_status: 'MANUAL' }],
  phone_numbers: [{ field: 'PHONE1', number: '1' }],
  addresses: [{ field: 'BILLING', line1: 'Street 1' }],
  social_accounts: [{ type: 'LINKED_IN', name: 'ann' }],
  custom_fields: [{ id: '5', content: 'x' }],
  tag_ids: ['3'],
};
const TAG = { id: 3, name: 'App User', category: { name: 'App' } };
const FIELD = { id: 5, label: 'Program', field_type: 'Dropdown', options: [{ label: 'Running' }] };

const ANSWERS: [name: string, schema: z.ZodMiniType, answer: object][] = [
  ['a contact', schemas.contactSchema, CONTACT],
  ['contacts', schemas.contactPageSchema, { contacts: [CONTACT], count: 1 }],
  ['an address', schemas.emailAddressSchema, { opted_in: true }],
  ['tags', schemas.tagPageSchema, { tags: [TAG], count: 1 }],
  ['a count', schemas.taggedSchema, { count: 1 }],
  ['the model', schemas.contactModelSchema, { custom_fields: [FIELD], optional_properties: ['job_title'] }],
  [
    'lead sources',
    schemas.leadSourcePageSchema,
    { lead_sources: [{ id: '3', name: 'App' }], next_page_token: '2' },
  ],
  ['staff', schemas.staffPageSchema, { users: [{ id: 3, email_address: 'sam@example.com' }] }],
  ['the settings', schemas.contactTypesSchema, { contact: { contact_types: 'Customer,Prospect' } }],
  ['companies', schemas.companyPageSchema, { companies: [{ id: 3, company_name: 'Ann Ltd' }], count: 1 }],
  ['listed contacts', listed.listedContactPageSchema, { contacts: [LISTED], next_page_token: '2' }],
  [
    'applied tags',
    listed.appliedTagPageSchema,
    { tags: [{ contact_id: '7', tag_id: '3', applied_at: '2026-06-15T12:00:00Z' }] },
  ],
  [
    'addresses',
    listed.addressStatusPageSchema,
    { email_addresses: [{ email: 'ann@example.com', opted_in: false, status: 'MANUAL' }] },
  ],
];

/** Ids that say what an item is. The id of something that an item refers to may be missing, as any other property. */
const isId = (path: readonly string[]): boolean =>
  ['contact_id', 'tag_id'].includes(path.at(-1) ?? '') || (path.at(-1) === 'id' && path.at(-2) !== 'company');

/** Paths of all properties in an answer. */
function pathsIn(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(Array.isArray(value) ? [] : [[...path, key]]),
    ...pathsIn(inner, [...path, key]),
  ]);
}

/** An answer with another value, or none, at a path. */
function changed(answer: object, path: readonly string[], value: null | undefined): unknown {
  const copy = structuredClone(answer) as Record<string, unknown>;
  const parent = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, copy);
  if (value === null) parent[path.at(-1) ?? ''] = null;
  else delete parent[path.at(-1) ?? ''];
  return copy;
}

describe.each(ANSWERS)('an answer with %s', (_, schema, answer) => {
  it('is read', () => {
    expect(schema.safeParse(answer).success).toBe(true);
  });

  it.each(
    pathsIn(answer)
      .filter((path) => !isId(path))
      .map((path) => [path.join('.'), path] as const),
  )('may lack %s, or have null there', (_name, path) => {
    expect(schema.safeParse(changed(answer, path, undefined)).success).toBe(true);
    expect(schema.safeParse(changed(answer, path, null)).success).toBe(true);
  });

  it.each(
    pathsIn(answer)
      .filter(isId)
      .map((path) => [path.join('.'), path] as const),
  )('is not read without %s', (_name, path) => {
    expect(schema.safeParse(changed(answer, path, undefined)).success).toBe(false);
  });
});
