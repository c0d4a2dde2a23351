import * as z from 'zod';
import {
  type AddressPart,
  addressPartMax,
  contactField,
  fieldsOfProperty,
  SOCIAL_FIELDS,
  SOURCE_TYPES,
  type StandardField,
  TEXT_MAX,
} from '../../shared/user/contact-fields.ts';
import { KNOWN_TIME_ZONES } from '../../shared/user/time-zones.ts';
import type { Changes } from './account/contact-store.ts';
import { problemWithContent } from './account/custom-field-content.ts';
import { storedRegion } from './account/provinces.ts';
import type { Simulator } from './simulator.ts';
import type { StrictnessSettings } from './strictness.ts';

/** The CRM rejects the request with 400 and this message. */
export class BadRequestError extends Error {
  override name = 'BadRequestError';
}

/** The CRM rejects the owner of a contact, see `unknownOwner`. */
export class UnknownOwnerError extends BadRequestError {
  override name = 'UnknownOwnerError';
}

/** Longest email and names without the strictness `lengths`. */
const LENIENT: Readonly<Record<string, number>> = {
  EMAIL1: 75,
  given_name: 40,
  middle_name: 40,
  family_name: 40,
};

/** The schema of a request body. */
function newContactBodySchema(strict: StrictnessSettings) {
  const limited = (key: string, max: number) => {
    const limit = strict.lengths ? max : LENIENT[key];
    return limit === undefined ? z.string() : z.string().max(limit, `is longer than ${limit} characters`);
  };
  const text = z.string().nullish();
  /** A text property, by the table of fields. */
  const property = (key: StandardField) => limited(key, contactField(key).max ?? TEXT_MAX).nullish();
  /** A date-time (v1 contract), or the empty text, which removes it. */
  const moment = z.union([z.literal(''), z.iso.datetime({ offset: true })]).nullish();
  /** The items of an array property. Each field can have a length of its own. */
  const items = <Item extends { field: string }>(
    name: string,
    item: (field: StandardField) => z.ZodType<Item>,
  ) =>
    z
      .array(z.union(fieldsOfProperty(name).map((field) => item(field)) as [z.ZodType<Item>]))
      .nullish()
      .transform((list) => list ?? []);
  /** Phone or fax numbers. Types and extensions are accepted, but not stored. */
  const numberItem = (field: StandardField) =>
    z.strictObject({
      field: z.literal(field),
      number: property(field),
      type: text,
      ...(field.startsWith('PHONE') && { extension: text }),
      ...(field.startsWith('PHONE') && !strict.readOnlyNumber && { number_e164: text }),
    });
  const emailItem = (field: StandardField) =>
    z.object({
      field: z.literal(field),
      email: z.preprocess(
        (value) => (value === '' ? null : value),
        limited(field, contactField(field).max ?? TEXT_MAX)
          .regex(z.regexes.html5Email, 'is not an email address')
          .nullish(),
      ),
    });
  const part = (field: StandardField, name: AddressPart) =>
    limited(`${field}.${name}`, addressPartMax(field as 'BILLING', name)).nullish();
  const addressItem = (field: StandardField) =>
    z
      .strictObject({
        field: z.literal(field),
        line1: part(field, 'line1'),
        line2: part(field, 'line2'),
        locality: part(field, 'locality'),
        region: part(field, 'region'),
        country_code: part(field, 'country_code'),
        postal_code: part(field, 'postal_code'),
        zip_code: part(field, 'postal_code'),
        zip_four: text,
      })
      .refine(({ region, country_code }) => !region || country_code, {
        error: 'country_code is required if region is specified',
      })
      .refine(({ postal_code, zip_code }) => !strict.oneZipCode || !postal_code || !zip_code, {
        error: 'zip_code is to be used instead of postal_code',
      });
  /** `UpsertContact` and `CreateOrPatchContact` of API v1. `origin` is not simulated, and rejected. */
  return z.strictObject({
    given_name: property('given_name'),
    family_name: property('family_name'),
    middle_name: property('middle_name'),
    preferred_name: property('preferred_name'),
    prefix: property('prefix'),
    suffix: property('suffix'),
    spouse_name: property('spouse_name'),
    time_zone: strict.timeZones
      ? z.union([z.literal(''), z.enum(KNOWN_TIME_ZONES)], 'is not a supported time zone').nullish()
      : text,
    preferred_locale: z
      .string()
      .regex(strict.locales ? /^$|^[a-z]{2}_[A-Z]{2}$/ : /^$|^[a-z]{2,3}(_[A-Z]{2}|_\d{3})?$/, 'is invalid')
      .nullish(),
    opt_in_reason: text,
    job_title: property('job_title'),
    website: property('website'),
    notes: text,
    contact_type: property('contact_type'),
    birthday: moment,
    anniversary: moment,
    source_type: z.enum(SOURCE_TYPES).nullish(),
    lead_source_id: z.int().nullish(),
    owner_id: z.int().nullish(),
    email_addresses: items('email_addresses', emailItem),
    phone_numbers: items('phone_numbers', numberItem),
    fax_numbers: items('fax_numbers', numberItem),
    addresses: items('addresses', addressItem),
    social_accounts: z
      .array(z.strictObject({ type: z.enum(SOCIAL_FIELDS), name: property('Facebook') }))
      .nullish(),
    custom_fields: z.array(z.object({ id: z.int(), content: z.unknown() })).nullish(),
    company: z.strictObject({ id: z.int() }).nullish(),
    duplicate_option: z.enum(['Email', 'EmailAndName']).nullish(),
  });
}

/** Schemas by strictness settings: creating one takes milliseconds. */
const schemas = new Map<string, ReturnType<typeof newContactBodySchema>>();
function contactBodySchema(strict: StrictnessSettings): ReturnType<typeof newContactBodySchema> {
  const key = JSON.stringify(strict);
  const schema = schemas.get(key) ?? newContactBodySchema(strict);
  schemas.set(key, schema);
  return schema;
}

/** The error for a refused body. It says no more than the CRM does. */
function refusal(error: z.ZodError, body: unknown, strict: StrictnessSettings): BadRequestError {
  if (strict.unnamedRefusals) return new BadRequestError(UNNAMED);
  const texts = issuesIn(error).map(({ path, message }) => {
    const [name, index, part] = path;
    const list = (body as Record<string, unknown> | null)?.[String(name)];
    const item: unknown = Array.isArray(list) ? list[Number(index)] : undefined;
    const { field, type } = (item ?? {}) as { field?: unknown; type?: unknown };
    return `${[field ?? type ?? name, item === undefined ? index : part].filter((each) => each !== undefined).join(' ')} ${message}`;
  });
  return new BadRequestError(texts.join('; '));
}

/** The problems of a body. For a list item, those of the variant with the same field. */
function issuesIn(error: z.ZodError): { path: PropertyKey[]; message: string }[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length < 2 || issue.path.length === 0) return [issue];
    const variant =
      issue.errors.find((issues) => issues.every(({ path }) => path[0] !== 'field')) ?? issue.errors[0] ?? [];
    return variant.map(({ path, message }) => ({ path: [...issue.path, ...path], message }));
  });
}

const UNNAMED = 'Input could not be validated';

/** A parsed request: values by path, and how duplicates are found. */
export interface ContactRequest {
  changes: Changes;
  duplicateOption: 'Email' | 'EmailAndName' | undefined;
}

/** Parses the body of a contact request. @throws BadRequestError if the CRM rejects it. */
export function readContactRequest(
  body: unknown,
  {
    store,
    directory,
    strict,
    refusedValues,
  }: Pick<Simulator, 'store' | 'directory' | 'strict' | 'refusedValues'>,
): ContactRequest {
  const result = contactBodySchema(strict).safeParse(body);
  if (!result.success) throw refusal(result.error, body, strict);
  const refuse = (message: string): never => {
    throw new BadRequestError(strict.unnamedRefusals ? UNNAMED : message);
  };
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
  for (const { field, email } of email_addresses) changes.set(`email_addresses.${field}`, email ?? '');
  for (const { field, number } of phone_numbers) changes.set(`phone_numbers.${field}`, number ?? '');
  for (const { field, number } of fax_numbers) changes.set(`fax_numbers.${field}`, number ?? '');
  for (const { type, name } of social_accounts ?? []) changes.set(`social_accounts.${type}`, name ?? '');
  for (const { field, ...parts } of addresses) {
    const { region, country_code: country } = parts;
    if (strict.provinces && region && country)
      parts.region = storedRegion(country, region) ?? refuse(`${field} Region is invalid`);
    for (const [part, value] of Object.entries(parts)) {
      if (value !== undefined) changes.set(`addresses.${field}.${part}`, value ?? '');
    }
  }
  const { contact_type, lead_source_id, owner_id } = standard;
  if (contact_type && !directory.contactTypes.includes(contact_type))
    refuse(`contact_type "${contact_type}" does not exist`);
  if (lead_source_id && !directory.leadSources.has(lead_source_id))
    refuse(`Lead source ${lead_source_id} does not exist`);
  if (owner_id && !directory.staff.has(owner_id))
    throw new UnknownOwnerError(`User ${owner_id} does not exist`);
  if (company) {
    if (!directory.companies.has(company.id)) refuse(`Company ${company.id} does not exist`);
    changes.set('company', String(company.id));
  }
  for (const { id, content } of custom_fields ?? []) {
    if (!store.customFields.has(id)) refuse(`Custom field ${id} does not exist`);
    if (typeof content === 'number')
      refuse('java.lang.ClassCastException: java.lang.Integer cannot be cast to java.lang.String');
    const { fieldType, options } = store.customFields.get(id) ?? { fieldType: 'Text', options: [] };
    const text = content == null ? '' : String(content);
    const problem = problemWithContent({ fieldType, options: options.map(({ label }) => label) }, text);
    if (problem) refuse(`The content of custom field ${id} ${problem}`);
    changes.set(`custom_fields.${id}`, text);
  }
  for (const [path, value] of changes)
    for (const text of refusedValues)
      if (value.includes(text)) refuse(`The value of ${path.split('.').at(-1)} is not allowed`);
  return { changes, duplicateOption: duplicate_option ?? undefined };
}
