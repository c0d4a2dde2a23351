import { SYNC_TABLE_ITEMS } from '../../store/sync-table-items.ts';
import type { InfusionsoftClient } from '../client.ts';
import type { ContactBody } from '../contact-body.ts';
import { NotFoundError, UncertainError } from '../http/failures.ts';
import type { Contact } from '../schemas.ts';
import { type ArrayMode, catalogKey } from './catalog.ts';

/** The name of the probe contact: it tells a person that nobody needs it, should one be left behind. */
export const PROBE_NAME = { given_name: 'Sync experiment', family_name: 'Safe to delete' };

/** Key of the id of the probe contact that is in the account now. */
const PROBE_KEY = SYNC_TABLE_ITEMS.arrayProbe.key();

export interface ArrayExperiment {
  client: InfusionsoftClient;
  /** Ids of two custom fields that take any text; fewer are fine. */
  customFieldIds: readonly number[];
  /** Holds the id of the probe contact from its creation to its deletion. */
  records: {
    readId(key: string): Promise<number | undefined>;
    writeId(key: string, crmId: number): Promise<void>;
    deleteId(key: string): Promise<void>;
  };
  /** Reports a contact that the experiment leaves in the account. */
  onLeftover: (problem: string, contactId?: number) => void;
}

/**
 * Learns by experiment what an update does with array items that it does not list, since the vendor says both: a probe contact gets two
 * custom fields and two phone numbers, one of each is updated, and what is left is read. Five requests.
 *
 * No search is made. A probe is deleted only by an id that was recorded when it was created, and only if the contact with that id is
 * still the probe. So a probe whose creation was never confirmed, or whose environment died before the id was recorded, stays.
 *
 * @returns undefined when the CRM did not confirm the creation of the probe.
 * @throws NotFoundError, RejectedError or RetryableError, as the client does.
 */
export async function learnArrays(experiment: ArrayExperiment): Promise<ArrayMode | undefined> {
  const { client, customFieldIds, records, onLeftover } = experiment;
  const leftover = await records.readId(PROBE_KEY);
  if (leftover !== undefined) await deleteProbe(leftover, experiment);
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
    await deleteProbe(id, experiment);
  }
}

/** @returns its id, or undefined when nobody knows whether it was created. */
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

/** Deletes the probe, unless its id shows another contact by now: people rename and merge contacts. */
async function deleteProbe(id: number, { client, records, onLeftover }: ArrayExperiment): Promise<void> {
  try {
    if (isProbe(await client.readContact(id))) await client.deleteContact(id);
    else onLeftover('The recorded contact is not the probe any more, and was left as it is', id);
  } catch (error) {
    // Somebody else has deleted or merged it.
    if (!(error instanceof NotFoundError)) throw error;
  }
  await records.deleteId(PROBE_KEY);
}

/** Whether a contact is a probe: by its name, and by having no email, since that of a person would come with a merge. */
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
