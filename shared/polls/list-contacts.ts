import { bucketsBetween } from '../events/buckets.ts';
import type { SeenContact } from '../events/contact-state.ts';
import { MAX_LISTED_IDS } from '../infusionsoft/change-reader.ts';
import { RejectedError } from '../sync/errors.ts';
import { applySightings, type SightingsDependencies } from './apply-sightings.ts';
import { contactsSeen } from './contact-lists.ts';
import type { PollDependencies } from './poll-list.ts';

/** How often the first listing stores a contact whose user's row another writer changes at that moment. Each takes milliseconds. */
const MAX_STORES = 5;

/**
 * Lists all contacts and compares them with their stored states. This finds changes that no date shows, such as removed tags, deletions and
 * merges. The first listing makes no events, except for contacts that were created after `startAt`, if that is set.
 *
 * It continues after the last id instead of with the next page, because pages shift when contacts are deleted. A known contact that the
 * listing lacks is read by its id before it counts as gone.
 *
 * @param scheduledAt if a listing for this time or a later one is complete, nothing is done. ISO 8601.
 * @returns whether the listing is complete; if not, the invocation has no time for another page.
 */
export async function listContacts(scheduledAt: string, dependencies: PollDependencies): Promise<boolean> {
  const { store, client, hasTime, now, startAt } = dependencies;
  const listing = await store.readListing();
  if (listing.completedAt !== undefined && listing.completedAt >= scheduledAt) return true;
  const ranges = await store.readRanges();
  let run = listing.run ?? { scheduledAt, startedAt: new Date(now()).toISOString(), afterId: 0 };
  const { baselineAt } = listing;
  for (;;) {
    if (!hasTime()) return false;
    const readAt = now();
    const { items, nextToken } = await client.listContacts({ afterId: run.afterId });
    assertInOrder(
      items.map(({ id }) => id),
      run.afterId,
    );
    const isLast = items.length === 0 || nextToken === undefined;
    const upTo = isLast ? Number.MAX_SAFE_INTEGER : (items.at(-1)?.id ?? run.afterId);
    const seen = contactsSeen(items);
    const isFirst = baselineAt === undefined;
    const reading = {
      readAt,
      isFirst,
      baselineAt: baselineAt === undefined ? (startAt ?? Number.POSITIVE_INFINITY) : Date.parse(baselineAt),
    };
    let { deferred } = await applySightings(seen, reading, dependencies);
    for (let stores = 1; isFirst && deferred.length > 0 && stores < MAX_STORES; stores++)
      ({ deferred } = await applySightings(deferred, reading, dependencies));
    const lost = isFirst ? [] : await missingIds(seen, run.afterId, upTo, ranges, dependencies);
    for (let start = 0; start < lost.length; start += MAX_LISTED_IDS) {
      // Those that were stored as gone are not missing in the next invocation: thousands may be deleted at once.
      if (start > 0 && !hasTime()) return false;
      const lookedUpAt = now();
      const sightings = await lookUp(lost.slice(start, start + MAX_LISTED_IDS), client);
      await applySightings(sightings, { ...reading, readAt: lookedUpAt }, dependencies);
    }
    if (isLast) break;
    run = { ...run, afterId: upTo };
    await store.writeListing({ ...listing, run });
  }
  const completedAt = scheduledAt > run.scheduledAt ? scheduledAt : run.scheduledAt;
  await store.writeListing({ completedAt, baselineAt: baselineAt ?? run.startedAt });
  return true;
}

/** @throws RejectedError if the page is not in the order that was asked for: contacts would wrongly count as gone. */
function assertInOrder(ids: readonly number[], afterId: number): void {
  for (const [index, id] of ids.entries())
    if (id <= (ids[index - 1] ?? afterId))
      throw new RejectedError('refused-by-crm', 'The CRM does not list contacts in the order of their ids');
}

/** Known contacts between two ids that a page lacks. */
async function missingIds(
  seen: readonly SeenContact[],
  aboveId: number,
  upToId: number,
  ranges: Parameters<typeof bucketsBetween>[0],
  { store }: Pick<SightingsDependencies, 'store'>,
): Promise<number[]> {
  const shown = new Set(seen.map(({ contactId }) => contactId));
  const buckets = await store.readBuckets(bucketsBetween(ranges, aboveId, upToId));
  return [...buckets.values()]
    .flatMap((contacts) => Object.entries(contacts))
    .filter(([, { gone }]) => !gone)
    .map(([id]) => Number(id))
    .filter((id) => id > aboveId && id <= upToId && !shown.has(id));
}

/** Contacts that a page lacks, each as the CRM shows it when it is read by id, or as gone. @param ids at most {@link MAX_LISTED_IDS}. */
async function lookUp(ids: readonly number[], client: PollDependencies['client']): Promise<SeenContact[]> {
  const { items } = await client.listContacts({ ids });
  const found = contactsSeen(items.filter(({ id }) => ids.includes(id)));
  const existing = new Set(found.map(({ contactId }) => contactId));
  const gone = ids.filter((id) => !existing.has(id)).map((contactId) => ({ contactId, isGone: true }));
  return [...found, ...gone];
}
