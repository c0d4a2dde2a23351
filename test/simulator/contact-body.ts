import * as z from 'zod';
import type { Changes, ContactStore } from './account/contact-store.ts';
import { problemWithContent } from './account/custom-field-content.ts';
import type { Directory } from './account/directory.ts';

/** The CRM rejects the request with 400 and this message. */
export class BadRequestError extends Error {
  override name = 'BadRequestError';
}

const EMAIL_MAX = 75;
const NAME_MAX = 40;

const text = z.string().nullish();
const name = z.string().max(NAME_MAX).nullish();
/** Phone or fax numbers. Types and extensions are accepted, but not stored. */
const numbers = (...fields: [string, ...string[]]) =>
  z
    .array(z.strictObject({ field: z.enum(fields), number: text, extension: text, type: text }))
    .nullish()
    .transform((items) => items ?? []);

const addressSchema = z
  .strictObject({
    field: z.enum(['BILLING', 'SHIPPING', 'OTHER']),
    line1: text,
    line2: text,
    locality: text,
    region: text,
    country_code: text,
    postal_code: text,
    zip_code: text,
    zip_four: text,
  })
  .refine(({ region, country_code }) => !region || country_code, {
    error: 'country_code is required if region is specified',
  });

/** `UpsertContact` and `CreateOrPatchContact` of API v1. `origin` is not simulated, and rejected. */
const contactBodySchema = z.strictObject({
  given_name: name,
  family_name: name,
  middle_name: name,
  preferred_name: text,
  prefix: text,
  suffix: text,
  spouse_name: text,
  time_zone: text,
  preferred_locale: z
    .string()
    .regex(/^$|^[a-z]{2,3}(_[A-Z]{2}|_\d{3})?$/)
    .nullish(),
  opt_in_reason: text,
  job_title: text,
  website: text,
  notes: text,
  contact_type: text,
  birthday: text,
  anniversary: text,
  source_type: z
    .enum([
      'APPOINTMENT',
      'FORMAPIHOSTED',
      'FORMAPIINTERNAL',
      'WEBFORM',
      'INTERNALFORM',
      'LANDINGPAGE',
      'IMPORT',
      'MANUAL',
      'API',
      'OTHER',
      'UNKNOWN',
    ])
    .nullish(),
  lead_source_id: z.int().nullish(),
  owner_id: z.int().nullish(),
  email_addresses: z
    .array(
      z.object({
        field: z.enum(['EMAIL1', 'EMAIL2', 'EMAIL3']),
        email: z.preprocess(
          (value) => (value === '' ? null : value),
          z.email({ pattern: z.regexes.html5Email }).max(EMAIL_MAX).nullish(),
        ),
      }),
    )
    .nullish(),
  phone_numbers: numbers('PHONE1', 'PHONE2', 'PHONE3', 'PHONE4', 'PHONE5'),
  fax_numbers: numbers('FAX1', 'FAX2'),
  addresses: z.array(addressSchema).nullish(),
  social_accounts: z
    .array(
      z.strictObject({
        type: z.enum(['Facebook', 'Twitter', 'LinkedIn', 'Instagram', 'Snapchat', 'YouTube', 'Pinterest']),
        name: text,
      }),
    )
    .nullish(),
  custom_fields: z.array(z.object({ id: z.int(), content: z.unknown() })).nullish(),
  company: z.strictObject({ id: z.int() }).nullish(),
  duplicate_option: z.enum(['Email', 'EmailAndName']).nullish(),
});

/** A parsed request: values by path, and how duplicates are found. */
export interface ContactRequest {
  changes: Changes;
  duplicateOption: 'Email' | 'EmailAndName' | undefined;
}

/** Parses the body of a contact request. @throws BadRequestError if the CRM rejects it. */
export function readContactRequest(body: unknown, store: ContactStore, directory: Directory): ContactRequest {
  const result = contactBodySchema.safeParse(body);
  if (!result.success) throw new BadRequestError(z.prettifyError(result.error));
  const {
    email_addresses,
    phone_numbers,
    fax_numbers,
    addresses,
    social_accounts,
    custom_fields,
    company,
    duplicate_option,
    ...standard
  } = result.data;
  const changes = new Map<string, string>();
  for (const [key, value] of Object.entries(standard)) {
    if (value !== undefined) changes.set(key, value === null ? '' : String(value));
  }
  for (const { field, email } of email_addresses ?? []) changes.set(`email_addresses.${field}`, email ?? '');
  for (const { field, number } of phone_numbers) changes.set(`phone_numbers.${field}`, number ?? '');
  for (const { field, number } of fax_numbers) changes.set(`fax_numbers.${field}`, number ?? '');
  for (const { type, name } of social_accounts ?? []) changes.set(`social_accounts.${type}`, name ?? '');
  for (const { field, ...parts } of addresses ?? []) {
    for (const [part, value] of Object.entries(parts)) {
      if (value !== undefined) changes.set(`addresses.${field}.${part}`, value ?? '');
    }
  }
  const { contact_type, lead_source_id, owner_id } = standard;
  if (contact_type && !directory.contactTypes.includes(contact_type))
    throw new BadRequestError(`"${contact_type}" is not a contact type`);
  if (lead_source_id && !directory.leadSources.has(lead_source_id))
    throw new BadRequestError(`Lead source ${lead_source_id} does not exist`);
  if (owner_id && !directory.staff.has(owner_id))
    throw new BadRequestError(`User ${owner_id} does not exist`);
  if (company) {
    if (!directory.companies.has(company.id))
      throw new BadRequestError(`Company ${company.id} does not exist`);
    changes.set('company', String(company.id));
  }
  for (const { id, content } of custom_fields ?? []) {
    if (!store.customFields.has(id)) throw new BadRequestError(`Custom field ${id} does not exist`);
    if (typeof content === 'number') {
      throw new BadRequestError(
        'java.lang.ClassCastException: java.lang.Integer cannot be cast to java.lang.String',
      );
    }
    const { fieldType, options } = store.customFields.get(id) ?? { fieldType: 'Text', options: [] };
    const text = content == null ? '' : String(content);
    const problem = problemWithContent({ fieldType, options: options.map(({ label }) => label) }, text);
    if (problem) throw new BadRequestError(`The content of custom field ${id} ${problem}`);
    changes.set(`custom_fields.${id}`, text);
  }
  return { changes, duplicateOption: duplicate_option ?? undefined };
}
