import * as z from 'zod';

const id = z.int().positive();

/** An address of a contact. Other properties, as the type of a phone number, go back as they came. */
const emailSchema = z.looseObject({ field: z.string(), email: z.string().nullish() });
const phoneSchema = z.looseObject({ field: z.string(), number: z.string().nullish() });
const fieldValueSchema = z.looseObject({ id, content: z.unknown() });

/** The parts of a contact that the sync reads. `tag_ids` is missing where the contact has none. */
export const contactSchema = z.object({
  id,
  tag_ids: z.array(id).nullish(),
  email_addresses: z.array(emailSchema).nullish(),
  phone_numbers: z.array(phoneSchema).nullish(),
  /** Only where the request asked for them. */
  custom_fields: z.array(fieldValueSchema).nullish(),
});
export type Contact = z.infer<typeof contactSchema>;
export const contactPageSchema = z.object({ contacts: z.array(contactSchema) });

export const tagSchema = z.object({ id, name: z.string() });
export const tagPageSchema = z.object({ tags: z.array(tagSchema) });

export const customFieldSchema = z.object({ id, label: z.string() });
export const contactModelSchema = z.object({ custom_fields: z.array(customFieldSchema).nullish() });

/** What the CRM says of one tag of a request (v1). Anything but the first two means that the tag is not on. */
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

/** Results by tag id: an object today, an array of one-entry objects in the contract of 2022. */
export const tagResultsSchema = z
  .union([
    byId,
    z.array(byId).transform((entries): Record<string, TagResult> => Object.assign({}, ...entries)),
  ])
  .transform((results) => new Map(Object.entries(results).map(([tagId, result]) => [Number(tagId), result])));
