import type { SeenContact } from '../events/contact-state.ts';
import { isProbeEmail } from '../infusionsoft/catalog/detect-array-modes.ts';
import { momentOf, seenContact } from '../infusionsoft/listed-contact.ts';
import type { AppliedTag, ListedContact } from '../infusionsoft/listed-schemas.ts';
import { applySightings, type Reading } from './apply-sightings.ts';
import type { PollDependencies, PolledList } from './poll-list.ts';

/** Whether this is the test contact with which the sync detects how the account updates arrays. It exists for a few requests only. */
const isProbe = ({ email_addresses }: ListedContact): boolean =>
  (email_addresses ?? []).some(({ email }) => isProbeEmail(email ?? ''));

/** What the contacts of a page show. */
export function contactsSeen(items: readonly ListedContact[]): SeenContact[] {
  const hasTags = items.some(({ tag_ids }) => Array.isArray(tag_ids));
  return items.filter((item) => !isProbe(item)).map((item) => seenContact(item, hasTags));
}

const tagsSeen = (items: readonly AppliedTag[]): SeenContact[] =>
  items.map(({ contact_id, tag_id, applied_at }) => ({
    contactId: contact_id,
    addedTagId: tag_id,
    changedAt: momentOf(applied_at),
  }));

type ReadingOfRun = Omit<Reading, 'readAt'>;

/** Created and changed contacts. */
export function contactList(
  reading: ReadingOfRun,
  dependencies: PollDependencies,
): PolledList<ListedContact> {
  return {
    resource: 'contacts',
    isOrdered: true,
    read: (updatedSince, token) => dependencies.client.listContacts({ updatedSince, token }),
    timeOf: ({ update_time }) => momentOf(update_time),
    compare: (items, readAt) => apply(contactsSeen(items), { ...reading, readAt }, dependencies),
  };
}

/** Applied tags of all contacts. */
export function tagList(reading: ReadingOfRun, dependencies: PollDependencies): PolledList<AppliedTag> {
  return {
    resource: 'tags',
    isOrdered: true,
    read: (since, token) => dependencies.client.listAppliedTags({ since, token }),
    timeOf: ({ applied_at }) => momentOf(applied_at),
    compare: (items, readAt) => apply(tagsSeen(items), { ...reading, readAt }, dependencies),
  };
}

async function apply(
  seen: readonly SeenContact[],
  reading: Reading,
  dependencies: PollDependencies,
): Promise<number[]> {
  const { deferred } = await applySightings(seen, reading, dependencies);
  return deferred.map(({ changedAt = reading.readAt }) => changedAt);
}
