import { SYNC_TABLE_ITEMS } from '../../store/sync-table-items.ts';
import type { InfusionsoftClient } from '../client.ts';
import type { ContactBody } from '../contact-body.ts';
import { NotFoundError, UncertainError } from '../http/failures.ts';
import type { Contact } from '../schemas.ts';
import { type ArrayMode, catalogKey } from './catalog.ts';

/** Name of the probe contact. If one stays in the account, it shows people that they can delete it. */
export const PROBE_NAME = { given_name: 'Sync experiment', family_name: 'Safe to delete' };

/** Key under which the id of the current probe contact is stored. */
const PROBE_KEY = SYNC_TABLE_ITEMS.arrayProbe.key();

/** Stores the id of the probe contact from its creation to its deletion. */
export interface ProbeRecords {
  readId(key: string): Promise<number | undefined>;
  writeId(key: string, crmId: number): Promise<void>;
  deleteId(key: string): Promise<void>;
}

export interface ArrayModeOptions {
  client: InfusionsoftClient;
  /** Ids of custom fields that accept any text. Up to two are used. */
  customFieldIds: readonly number[];
  records: ProbeRecords;
  /** Called for a probe contact that stays in the account. */
  onLeftover: (problem: string, contactId?: number) => void;
}

/**
 * Detects what an update does with the array items that it does not list, since the vendor documents both. It creates a probe contact with
 * two custom fields and two phone numbers, updates one of each, and reads what is left: five requests.
 *
 * It makes no search. A probe is deleted only by the id that was recorded at its creation, and only while the contact with that id still is
 * the probe. So a probe stays in the account if its creation was not confirmed, or if the environment died before it recorded the id.
 *
 * @returns undefined if the CRM did not confirm the creation of the probe.
 * @throws NotFoundError, RejectedError or RetryableError, as the client does.
 */
export async function detectArrayMode(options: ArrayModeOptions): Promise<ArrayMode | undefined> {
  const { client, customFieldIds, records, onLeftover } = options;
  const leftover = await records.readId(PROBE_KEY);
  if (leftover !== undefined) await deleteProbe(leftover, options);
  const fields = customFieldIds.slice(0, 2);
  const id = await createProbe(client, fields);
  if (id === undefined) {
    onLeftover('The CRM did not confirm the creation of the probe contact, which may exist');
    return undefined;
  }
  try {
    await records.writeId(PROBE_KEY, id);
    const update: ContactBody = {
      phone_numbers: [{ field: 'PHONE1', number: '+15550100003' }],
      ...(fields[0] !== undefined && { custom_fields: [{ id: fields[0], content: 'after' }] }),
    };
    await client.updateContact(id, update);
    return keepsUnlisted(await client.readContact(id), fields) ? 'merge' : 'replace';
  } finally {
    await deleteProbe(id, options);
  }
}

/** @returns its id, or undefined if it is unknown whether the contact was created. */
async function createProbe(
  client: InfusionsoftClient,
  fields: readonly number[],
): Promise<number | undefined> {
  try {
    const { id } = await client.createContact({
      ...PROBE_NAME,
      phone_numbers: [
        { field: 'PHONE1', number: '+15550100001' },
        { field: 'PHONE2', number: '+15550100002' },
      ],
      custom_fields: fields.map((fieldId) => ({ id: fieldId, content: 'before' })),
    });
    return id;
  } catch (error) {
    if (error instanceof UncertainError) return undefined;
    throw error;
  }
}

/** Deletes the probe, unless the contact is no longer the probe: people rename and merge contacts. */
async function deleteProbe(id: number, { client, records, onLeftover }: ArrayModeOptions): Promise<void> {
  try {
    if (isProbe(await client.readContact(id))) await client.deleteContact(id);
    else onLeftover('The recorded contact is no longer the probe, and was not deleted', id);
  } catch (error) {
    // It was deleted or merged already.
    if (!(error instanceof NotFoundError)) throw error;
  }
  await records.deleteId(PROBE_KEY);
}

/** Whether a contact is the probe: it has the probe's name and no email, which a merge with a person's contact would add. */
function isProbe(contact: Contact): boolean {
  const hasName = Object.entries(PROBE_NAME).every(
    ([key, name]) => catalogKey(String(contact[key])) === catalogKey(name),
  );
  return hasName && (contact.email_addresses ?? []).every(({ email }) => !email);
}

function keepsUnlisted({ phone_numbers, custom_fields }: Contact, fields: readonly number[]): boolean {
  return (
    (phone_numbers ?? []).some(({ field, number }) => field === 'PHONE2' && !!number) &&
    fields.every((fieldId) => (custom_fields ?? []).some(({ id, content }) => id === fieldId && !!content))
  );
}
