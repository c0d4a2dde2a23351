import * as z from 'zod';
import type { Changes, ContactStore, StoredContact } from './contact-store.ts';

/** A request that the CRM refuses, with the reason that it gives. */
export class BadRequest extends Error {
  override name = 'BadRequest';
}

const EMAIL_MAX = 75;
const NAME_MAX = 40;

const text = z.string().nullish();
const name = z.string().max(NAME_MAX).nullish();

const contactBodySchema = z.strictObject({
  given_name: name,
  family_name: name,
  middle_name: name,
  preferred_name: text,
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
  lead_source_id: z.int().nullish(),
  owner_id: z.int().nullish(),
  email_addresses: z
    .array(
      z.object({ field: z.enum(['EMAIL1', 'EMAIL2', 'EMAIL3']), email: z.email().max(EMAIL_MAX).nullish() }),
    )
    .nullish(),
  phone_numbers: z
    .array(z.object({ field: z.enum(['PHONE1', 'PHONE2', 'PHONE3', 'PHONE4', 'PHONE5']), number: text }))
    .nullish(),
  custom_fields: z.array(z.object({ id: z.int(), content: z.unknown() })).nullish(),
  duplicate_option: z.enum(['Email', 'EmailAndName']).nullish(),
});

/** What a request asks for: values by path, and how a duplicate is recognised. */
export interface ContactRequest {
  changes: Changes;
  duplicateOption: 'Email' | 'EmailAndName' | undefined;
}

/** Reads a contact from a request. @throws BadRequest for what the CRM refuses. */
export function readContactRequest(body: unknown, store: ContactStore): ContactRequest {
  const result = contactBodySchema.safeParse(body);
  if (!result.success) throw new BadRequest(z.prettifyError(result.error));
  const { email_addresses, phone_numbers, custom_fields, duplicate_option, ...standard } = result.data;
  const changes = new Map<string, string>();
  for (const [key, value] of Object.entries(standard)) {
    if (value !== undefined) changes.set(key, value === null ? '' : String(value));
  }
  for (const { field, email } of email_addresses ?? []) changes.set(`email_addresses.${field}`, email ?? '');
  for (const { field, number } of phone_numbers ?? []) changes.set(`phone_numbers.${field}`, number ?? '');
  for (const { id, content } of custom_fields ?? []) {
    if (!store.customFields.has(id)) throw new BadRequest(`Custom field ${id} does not exist`);
    if (typeof content === 'number') {
      throw new BadRequest(
        'java.lang.ClassCastException: java.lang.Integer cannot be cast to java.lang.String',
      );
    }
    changes.set(`custom_fields.${id}`, content == null ? '' : String(content));
  }
  return { changes, duplicateOption: duplicate_option ?? undefined };
}

/** Properties that come back only when a request names them (v1). */
const OPTIONAL = new Set(['custom_fields', 'lead_source_id', 'job_title', 'opt_in_reason', 'notes']);
const NUMBERS = new Set(['lead_source_id', 'owner_id']);

/** A contact as the CRM answers it. */
export function formatContact(
  contact: StoredContact,
  optional: ReadonlySet<string>,
): Record<string, unknown> {
  const { values, tagIds, emailStatus } = contact;
  const items = (array: string, key: string, value: string) =>
    [...values]
      .filter(([path]) => path.startsWith(`${array}.`))
      .map(([path, content]) => {
        const slot = path.slice(array.length + 1);
        return { [key]: key === 'id' ? Number(slot) : slot, [value]: content };
      });
  const standard = [...values].filter(
    ([path]) => !path.includes('.') && (!OPTIONAL.has(path) || optional.has(path)),
  );
  return {
    id: contact.id,
    ...Object.fromEntries(standard.map(([key, value]) => [key, NUMBERS.has(key) ? Number(value) : value])),
    email_addresses: items('email_addresses', 'field', 'email'),
    phone_numbers: items('phone_numbers', 'field', 'number'),
    ...(optional.has('custom_fields') && { custom_fields: items('custom_fields', 'id', 'content') }),
    addresses: [],
    tag_ids: [...tagIds],
    email_status: emailStatus,
    email_opted_in: ['SingleOptIn', 'DoubleOptin', 'Confirmed', 'UnengagedMarketable'].includes(emailStatus),
    date_created: new Date(contact.createdAt).toISOString(),
    last_updated: new Date(contact.updatedAt).toISOString(),
  };
}
