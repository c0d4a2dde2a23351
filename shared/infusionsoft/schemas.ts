import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';

// Unknown properties, such as the type of a phone number, are kept, so that they can be written back.
const emailSchema = z.looseObject({ field: z.string(), email: z.nullish(z.string()) });
const phoneSchema = z.looseObject({ field: z.string(), number: z.nullish(z.string()) });
const addressSchema = z.looseObject({ field: z.string() });
const socialAccountSchema = z.looseObject({ type: z.string(), name: z.nullish(z.string()) });
const fieldValueSchema = z.looseObject({ id: positiveInt, content: z.unknown() });

/** A contact: the properties that the sync reads, and all others unchanged. `tag_ids` is missing if the contact has none. */
export const contactSchema = z.looseObject({
  id: positiveInt,
  tag_ids: z.nullish(z.array(positiveInt)),
  email_addresses: z.nullish(z.array(emailSchema)),
  phone_numbers: z.nullish(z.array(phoneSchema)),
  addresses: z.nullish(z.array(addressSchema)),
  social_accounts: z.nullish(z.array(socialAccountSchema)),
  /** Only if the request names them. */
  custom_fields: z.nullish(z.array(fieldValueSchema)),
});
export type Contact = z.infer<typeof contactSchema>;
export const contactPageSchema = z.object({ contacts: z.array(contactSchema) });

export const tagSchema = z.object({
  id: positiveInt,
  name: z.string(),
  category: z.nullish(z.object({ name: z.string() })),
});
export type Tag = z.infer<typeof tagSchema>;
export const tagPageSchema = z.object({ tags: z.array(tagSchema) });
/** `count` is the number of all contacts with a tag, not of those on the page. */
export const taggedSchema = z.object({ count: z.int().check(z.nonnegative()) });

export const customFieldSchema = z.object({
  id: positiveInt,
  label: z.string(),
  field_type: z.nullish(z.string()),
  options: z.nullish(z.array(z.object({ label: z.nullish(z.string()) }))),
});
export const contactModelSchema = z.object({
  custom_fields: z.nullish(z.array(customFieldSchema)),
  optional_properties: z.nullish(z.array(z.string())),
});

/** Version 2 writes ids as strings. */
const textId = z.union([positiveInt, z.pipe(z.string().check(z.regex(/^[1-9]\d*$/)), z.transform(Number))]);
export const leadSourceSchema = z.object({ id: textId, name: z.string() });
export const leadSourcePageSchema = z.object({
  lead_sources: z.nullish(z.array(leadSourceSchema)),
  next_page_token: z.nullish(z.string()),
});

export const staffPageSchema = z.object({
  users: z.array(z.object({ id: positiveInt, email_address: z.nullish(z.string()) })),
});

/** A comma-separated list (v1, `Setting`). */
export const contactTypesSchema = z.pipe(
  z.object({ value: z.string() }),
  z.transform(({ value }) =>
    value
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  ),
);

export const companySchema = z.object({ id: positiveInt, company_name: z.nullish(z.string()) });
export const companyPageSchema = z.object({ companies: z.array(companySchema) });

/** The result of one tag or contact of a request (v1). Only the first two mean that the contact has the tag. */
const tagResultSchema = z.enum([
  'SUCCESS',
  'DUPLICATE',
  'CONTACT_NOT_FOUND',
  'TAG_ID_NOT_FOUND',
  'FAILURE',
  'NO_PERMISSION',
]);
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
