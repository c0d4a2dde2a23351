import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';

/*
 * Answers of version 2 that list contacts, their tags and their addresses. Source: the vendor's own client (`keap-core-v2-sdk` on PyPI).
 * Every property but the id of a contact may be missing or null.
 */

/** Version 2 writes ids as texts, version 1 as numbers. */
const id = z.union([positiveInt, z.pipe(z.string().check(z.regex(/^[1-9]\d*$/)), z.transform(Number))]);
const idText = z.nullish(z.pipe(id, z.transform(String)));
const text = z.nullish(z.string());

export const listedContactSchema = z.object({
  id,
  create_time: text,
  update_time: text,
  given_name: text,
  middle_name: text,
  family_name: text,
  preferred_name: text,
  spouse_name: text,
  prefix: text,
  suffix: text,
  job_title: text,
  website: text,
  time_zone: text,
  preferred_locale: text,
  contact_type: text,
  source_type: text,
  birth_date: text,
  anniversary_date: text,
  leadsource_id: idText,
  owner_id: idText,
  company: z.nullish(z.object({ id: idText, company_name: text })),
  email_addresses: z.nullish(z.array(z.object({ field: text, email: text, email_opt_status: text }))),
  phone_numbers: z.nullish(z.array(z.object({ field: text, number: text }))),
  fax_numbers: z.nullish(z.array(z.object({ field: text, number: text }))),
  addresses: z.nullish(z.array(z.looseObject({ field: text }))),
  social_accounts: z.nullish(z.array(z.object({ type: text, name: text }))),
  custom_fields: z.nullish(z.array(z.object({ id, content: z.optional(z.unknown()) }))),
  tag_ids: z.nullish(z.array(id)),
});
export type ListedContact = z.infer<typeof listedContactSchema>;

const nextPage = { next_page_token: text };
export const listedContactPageSchema = z.object({
  contacts: z.nullish(z.array(listedContactSchema)),
  ...nextPage,
});

const appliedTagSchema = z.object({ contact_id: id, tag_id: id, applied_at: text });
export type AppliedTag = z.infer<typeof appliedTagSchema>;
export const appliedTagPageSchema = z.object({ tags: z.nullish(z.array(appliedTagSchema)), ...nextPage });

const addressStatusSchema = z.object({
  email: text,
  opted_in: z.nullish(z.boolean()),
  status: text,
});
export type AddressStatus = z.infer<typeof addressStatusSchema>;
export const addressStatusPageSchema = z.object({
  email_addresses: z.nullish(z.array(addressStatusSchema)),
  ...nextPage,
});
