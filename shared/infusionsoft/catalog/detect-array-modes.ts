import { randomUUID } from 'node:crypto';
import type { ProbeRecord } from '../../store/sync-table.ts';
import type { InfusionsoftClient } from '../client.ts';
import type { ContactBody } from '../contact-body.ts';
import { NotFoundError } from '../http/failures.ts';
import type { Contact } from '../schemas.ts';
import { type ArrayModes, catalogKey } from './catalog.ts';

/** Name of the probe contact. It shows people that they can delete one that stays in the account. */
export const PROBE_NAME = { given_name: 'Sync experiment', family_name: 'Safe to delete' };

/** An email that no other contact can have. */
const probeEmail = (): string => `user-sync-probe-${randomUUID()}@example.com`;
const PROBE_EMAIL = /^user-sync-probe-[\da-f-]{36}@example\.com$/i;

/** Whether an email is that of a probe contact. */
export const isProbeEmail = (email: string): boolean => PROBE_EMAIL.test(email);

/** Stores the email of the probe contact, from before its first creation on. */
export interface ProbeRecords {
  writeProbe(probe: ProbeRecord): Promise<void>;
  deleteProbe(): Promise<void>;
}

export interface ArrayModeOptions {
  client: Pick<InfusionsoftClient, 'upsertContact' | 'updateContact' | 'readContact' | 'deleteContact'>;
  /** Ids of custom fields that accept any text. Up to two are used. */
  customFieldIds: readonly number[];
  records: ProbeRecords;
  /** The probe of earlier detections. The last request of each has ended. */
  probe: ProbeRecord | undefined;
  /** Called for a probe contact that stays in the account. */
  onLeftover: (problem: string, contactId?: number) => void;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Detects what the two kinds of updates do with the array items that they do not list, since the vendor documents both. Six requests: a
 * create-or-update creates a probe contact with two phone numbers and two custom fields, a second one lists the first of each, and an
 * update by id the second of each; both are followed by a read. Then the probe is deleted.
 *
 * No contact stays behind. The email of the probe, which is random, is stored before the first request, and used again by each detection:
 * if a detection failed or its environment died, the next create-or-update finds the probe that it left behind. There is no search. The
 * contact is changed by its id, and deleted, only after a read has shown the random email and the name, and no other email.
 *
 * @returns undefined if the contact is not proven to be the probe.
 * @throws NotFoundError, RejectedError or RetryableError, as the client does.
 */
export async function detectArrayModes(options: ArrayModeOptions): Promise<ArrayModes | undefined> {
  const { client, customFieldIds, records, probe, now } = options;
  const email = probe?.email ?? probeEmail();
  await records.writeProbe({ email, startedAt: new Date(now).toISOString() });

  const [first, second] = customFieldIds;
  const put = (body: ContactBody) =>
    client.upsertContact({ ...PROBE_NAME, email_addresses: [{ field: 'EMAIL1', email }], ...body });
  const { id } = await put(bodyOf([1, 2], [first, second], 'before'));
  let shown: Contact | undefined;
  try {
    await put(bodyOf([1], [first], 'put'));
    shown = await client.readContact(id);
    if (!isProbe(shown, email)) return undefined;
    const putMode = keeps(shown, 'PHONE2', second);
    await client.updateContact(id, bodyOf([2], [second], 'patch'));
    shown = await client.readContact(id);
    return isProbe(shown, email) ? { put: putMode, patch: keeps(shown, 'PHONE1', first) } : undefined;
  } finally {
    await deleteProbe(id, email, shown, options);
  }
}

/** Phone numbers and custom fields of a request. A field that the account does not have is left out. */
function bodyOf(
  phones: readonly number[],
  fields: readonly (number | undefined)[],
  content: string,
): ContactBody {
  const ids = fields.filter((id) => id !== undefined);
  return {
    phone_numbers: phones.map((slot) => ({ field: `PHONE${slot}`, number: `+1555010000${slot}` })),
    ...(ids.length > 0 && { custom_fields: ids.map((id) => ({ id, content })) }),
  };
}

/**
 * Deletes the probe, if a read proves that the contact is the probe: people rename and merge contacts.
 *
 * @param shown the contact, if it was read.
 */
async function deleteProbe(
  id: number,
  email: string,
  shown: Contact | undefined,
  { client, records, onLeftover }: ArrayModeOptions,
): Promise<void> {
  try {
    if (isProbe(shown ?? (await client.readContact(id)), email)) {
      await client.deleteContact(id);
      await records.writeProbe({ email });
    } else {
      onLeftover('A contact may not be the probe, so it was not deleted', id);
      await records.deleteProbe();
    }
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    // It is gone already, or only for a while: the next detection finds out.
  }
}

/**
 * Whether a contact is the probe: it has the probe's name and its email, and no other one, which a merge with a person's contact would add.
 */
function isProbe(contact: Contact, email: string): boolean {
  const hasName = Object.entries(PROBE_NAME).every(
    ([key, name]) => catalogKey(String(contact[key])) === catalogKey(name),
  );
  const emails = (contact.email_addresses ?? []).flatMap((each) => each.email || []);
  return hasName && emails.length === 1 && catalogKey(emails[0] ?? '') === email;
}

/** What an update did with these items, which it did not list. */
function keeps(
  { phone_numbers, custom_fields }: Contact,
  phone: string,
  fieldId: number | undefined,
): ArrayModes[keyof ArrayModes] {
  const hasPhone = (phone_numbers ?? []).some(({ field, number }) => field === phone && !!number);
  const hasField =
    fieldId === undefined || (custom_fields ?? []).some(({ id, content }) => id === fieldId && !!content);
  return hasPhone && hasField ? 'merge' : 'replace';
}
