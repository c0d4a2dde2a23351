import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';

/*
 * Answers of the CRM. Every property but an id may be missing or null: the contract marks none as required, and answers have had nulls
 * (README of keap-python 1.3.0 on PyPI).
 */

const text = z.nullish(z.string());
/** Nothing that is looked up has an empty name. */
const name = z.pipe(
  text,
  z.transform((shown) => shown ?? ''),
);
const count = z.catch(z.nullish(z.int().check(z.nonnegative())), undefined);

// Unknown properties, such as the type of a phone number, are kept, so that they can be written back.
const emailSchema = z.looseObject({ field: text, email: text });
const phoneSchema = z.looseObject({ field: text, number: text });
const addressSchema = z.looseObject({ field: text });
const socialAccountSchema = z.looseObject({ type: text, name: text });
const fieldValueSchema = z.looseObject({ id: positiveInt, content: z.optional(z.unknown()) });

/** A contact: the properties that the sync reads, and all others unchanged. `tag_ids` is missing if the contact has none. */
export const contactSchema = z.looseObject({
  id: positiveInt,
  tag_ids: z.nullish(z.array(positiveInt)),
  email_addresses: z.nullish(z.array(emailSchema)),
  phone_numbers: z.nullish(z.array(phoneSchema)),
  addresses: z.nullish(z.array(addressSchema)),
  fax_numbers: z.nullish(z.array(phoneSchema)),
  social_accounts: z.nullish(z.array(socialAccountSchema)),
  /** Only if the request names them. */
  custom_fields: z.nullish(z.array(fieldValueSchema)),
});
export type Contact = z.infer<typeof contactSchema>;
export const contactPageSchema = z.object({ contacts: z.nullish(z.array(contactSchema)), count });

/** The answer to a change of an address (v1, `RestEmailAddress`). */
export const emailAddressSchema = z.looseObject({ opted_in: z.nullish(z.boolean()) });

export const tagSchema = z.object({
  id: positiveInt,
  name,
  category: z.nullish(z.object({ name })),
});
export type Tag = z.infer<typeof tagSchema>;
export const tagPageSchema = z.object({ tags: z.nullish(z.array(tagSchema)), count });
/** `count` is the number of all contacts with a tag, not of those on the page. */
export const taggedSchema = z.object({ count });

export const customFieldSchema = z.object({
  id: positiveInt,
  label: name,
  field_type: text,
  options: z.nullish(z.array(z.object({ label: text }))),
});
export const contactModelSchema = z.object({
  custom_fields: z.nullish(z.array(customFieldSchema)),
  optional_properties: z.nullish(z.array(z.string())),
});

/** Version 2 writes ids as strings. */
const textId = z.union([positiveInt, z.pipe(z.string().check(z.regex(/^[1-9]\d*$/)), z.transform(Number))]);
export const leadSourceSchema = z.object({ id: textId, name });
export const leadSourcePageSchema = z.object({
  lead_sources: z.nullish(z.array(leadSourceSchema)),
  next_page_token: text,
});

export const staffPageSchema = z.object({
  users: z.nullish(z.array(z.object({ id: positiveInt, email_address: text }))),
});

/** The contact types in the settings of the account: a comma-separated list (v1, `ContactConfiguration`). */
export const contactTypesSchema = z.pipe(
  z.object({ contact: z.nullish(z.object({ contact_types: text })) }),
  z.transform(({ contact }) =>
    (contact?.contact_types ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  ),
);

/** Names by code (v1, `ProvincesByCode`). */
export const provincesSchema = z.object({ provinces: z.nullish(z.record(z.string(), z.string())) });

export const companySchema = z.object({ id: positiveInt, company_name: text });
export const companyPageSchema = z.object({ companies: z.nullish(z.array(companySchema)), count });

/** The result of one tag or contact of a request (v1). Only the first two mean that the contact has the tag. Unknown ones are failures. */
const tagResultSchema = z.catch(
  z.enum(['SUCCESS', 'DUPLICATE', 'CONTACT_NOT_FOUND', 'TAG_ID_NOT_FOUND', 'FAILURE', 'NO_PERMISSION']),
  'FAILURE',
);
export type TagResult = z.infer<typeof tagResultSchema>;

const byId = z.record(z.string(), tagResultSchema);

/** Results by id of the tag or contact: an object today, an array of one-entry objects in the contract of 2022. */
export const tagResultsSchema = z.pipe(
  z.union([
    byId,
    z.pipe(
      z.array(byId),
      z.transform((entries): Record<string, TagResult> => Object.assign({}, ...entries)),
    ),
  ]),
  z.transform((results) => new Map(Object.entries(results).map(([key, result]) => [Number(key), result]))),
);
