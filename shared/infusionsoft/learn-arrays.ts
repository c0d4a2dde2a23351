import type { ArrayMode } from './catalog.ts';
import type { InfusionsoftClient } from './client.ts';
import type { ContactBody } from './contact-body.ts';
import type { Contact } from './schemas.ts';

/** By this name a person knows the throwaway contact, should one ever be left behind. */
const NAME = { given_name: 'Sync experiment', family_name: 'Safe to delete' };

/**
 * Learns by experiment what an update does with array items that it does not list, since the vendor says both: a throwaway contact
 * gets two custom fields and two phone numbers, one of each is updated, and what is left is read. Some five requests; one that an
 * earlier try has left behind is removed first.
 *
 * @param customFieldIds ids of two custom fields that take any text; fewer are fine.
 * @throws Rejected or Retryable, as the client does.
 */
export async function learnArrays(
  client: InfusionsoftClient,
  customFieldIds: readonly number[],
): Promise<ArrayMode> {
  for (const leftover of await client.findContactsByName(NAME)) await client.deleteContact(leftover.id);
  const fields = customFieldIds.slice(0, 2);
  const { id } = await client.createContact({
    ...NAME,
    phone_numbers: [
      { field: 'PHONE1', number: '+15550100001' },
      { field: 'PHONE2', number: '+15550100002' },
    ],
    custom_fields: fields.map((fieldId) => ({ id: fieldId, content: 'before' })),
  });
  try {
    const update: ContactBody = {
      phone_numbers: [{ field: 'PHONE1', number: '+15550100003' }],
      ...(fields[0] !== undefined && { custom_fields: [{ id: fields[0], content: 'after' }] }),
    };
    await client.updateContact(id, update);
    const left = await client.readContact(id);
    return holds(left, fields) ? 'merge' : 'replace';
  } finally {
    await client.deleteContact(id);
  }
}

function holds({ phone_numbers, custom_fields }: Contact, fields: readonly number[]): boolean {
  return (
    (phone_numbers ?? []).some(({ field, number }) => field === 'PHONE2' && !!number) &&
    fields.every((fieldId) => (custom_fields ?? []).some(({ id, content }) => id === fieldId && !!content))
  );
}
