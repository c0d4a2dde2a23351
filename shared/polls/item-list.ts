import { bucketsBetween } from '../events/buckets.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { applyItems, type ItemReading, type ItemsDependencies } from './apply-items.ts';
import type { PolledList } from './poll-list.ts';
import type { PolledResource } from './polled-resource.ts';
import { seenItem, timeOf } from './seen-item.ts';

export interface ItemListDependencies extends ItemsDependencies {
  client: Pick<InfusionsoftClient, 'listItems'>;
}

/** Key under which the progress of a resource's full listing is stored. The key of the poll by date is the resource's name. */
export const listingKey = (name: PolledResource['name']): string => `${name}-listing`;

/** Items of a resource, read by date. */
export function datedItems(
  polled: PolledResource,
  reading: ItemReading,
  dependencies: ItemListDependencies,
): PolledList<unknown> {
  const { name, resource, date = '', overlapMs } = polled;
  return {
    resource: name,
    overlapMs,
    // The contract promises no order.
    isOrdered: false,
    read: (since, token) => dependencies.client.listItems(resource, { since, token }),
    timeOf: (item) => timeOf(item, date),
    compare: (items) => compare(items, polled, reading, dependencies),
  };
}

/** All items of a resource. After the last page, the items that the listing lacks are looked for. */
export function listedItems(
  polled: PolledResource,
  reading: ItemReading,
  dependencies: ItemListDependencies,
): PolledList<unknown> {
  return {
    resource: listingKey(polled.name),
    isOrdered: false,
    read: (_, token) => dependencies.client.listItems(polled.resource, { token }),
    timeOf: () => undefined,
    compare: (items) => compare(items, polled, reading, dependencies),
    finish: ({ pages, lastItems }, from) =>
      applyMissing(polled, reading, { isOnePage: pages === 1 && lastItems > 0, from }, dependencies),
  };
}

async function compare(
  items: readonly unknown[],
  polled: PolledResource,
  reading: ItemReading,
  dependencies: ItemListDependencies,
): Promise<number[]> {
  await applyItems(
    items.map((item) => seenItem(item, polled)),
    polled,
    reading,
    dependencies,
  );
  return [];
}

/** Buckets of one step: the states of 6,400 items, which take about a second to read. */
const STEP_BUCKETS = 100;

/**
 * Finds known items that a listing lacks, in the next buckets. Pages shift while they are read, so an item counts as gone only when two
 * listings in a row lack it. One listing is enough if it had a single page.
 *
 * @param from the first bucket.
 * @returns the bucket after these; undefined if they were the last.
 */
async function applyMissing(
  polled: PolledResource,
  reading: ItemReading,
  { isOnePage, from }: { isOnePage: boolean; from: number },
  dependencies: ItemsDependencies,
): Promise<number | undefined> {
  const { store } = dependencies;
  const { name } = polled;
  const oldest = isOnePage ? reading.listing : reading.listing - 1;
  const all = bucketsBetween(await store.readItemRanges(name), 0, Number.MAX_SAFE_INTEGER);
  const buckets = all.filter((bucket) => bucket >= from);
  const states = await store.readItems(name, buckets.slice(0, STEP_BUCKETS));
  const gone = [...states.values()]
    .flatMap((items) => Object.entries(items))
    .filter(([, { n = 0, gone: isKnown }]) => !isKnown && n < oldest)
    .map(([id]) => ({ itemId: Number(id), hashes: undefined }));
  if (gone.length > 0) await applyItems(gone, polled, reading, dependencies);
  return buckets[STEP_BUCKETS];
}
