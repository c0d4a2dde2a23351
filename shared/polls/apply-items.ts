import { bucketOf, withBuckets } from '../events/buckets.ts';
import { cloudEvent } from '../events/cloud-event.ts';
import type { CloudEvent } from '../events/event-types.ts';
import { diffItem, type ItemState, type SeenItem } from '../events/item-state.ts';
import type { EventStore, ItemBucket } from '../store/event-store.ts';
import type { EventPublisher } from './event-publisher.ts';
import { logEvents } from './log-events.ts';
import { type OwnersDependencies, recordsOf } from './owners.ts';
import type { PolledResource } from './polled-resource.ts';

export interface ItemsDependencies extends OwnersDependencies {
  store: EventStore;
  publisher: EventPublisher;
  /** Whether the sync itself has created an item with this name. */
  isOwnItem: (name: PolledResource['name'], itemName: string) => Promise<boolean>;
  /** `/user-sync/<name of the stack>`. */
  source: string;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface ItemReading {
  /** Number of the listing that shows the items, or of the last complete one. */
  listing: number;
  /** Whether the first listing is complete. If so, an item with neither a stored state nor a time of creation is new. */
  isComplete: boolean;
  /** Items that were created before this time make no event when they are seen for the first time. Epoch milliseconds. */
  baselineAt: number;
  /**
   * Set for a replay: items make another event, and no state is stored. The text goes into the event ids, so each replay has its own ids.
   */
  replay?: string | undefined;
}

interface Outcome {
  seen: SeenItem;
  next: ItemState | undefined;
  change: ReturnType<typeof diffItem>['change'];
  /** Identifies the state: equal only for equal states. */
  state: readonly unknown[];
}

/**
 * Compares items of a resource with their stored states, publishes the differences that the sync did not make itself, and stores the new
 * states. In this order, so that a failure in between publishes an event twice, with the same id, and loses none.
 *
 * @throws RetryableError when the cloud fails.
 */
export async function applyItems(
  items: readonly SeenItem[],
  polled: PolledResource,
  reading: ItemReading,
  dependencies: ItemsDependencies,
): Promise<void> {
  const { name } = polled;
  const { store, publisher, isOwnItem } = dependencies;
  const last = new Map(items.map((seen) => [seen.itemId, seen]));
  const buckets = await store.readItems(name, [...last.keys()].map(bucketOf));
  const outcomes: Outcome[] = [];
  for (const seen of last.values()) {
    const before = buckets.get(bucketOf(seen.itemId))?.[seen.itemId];
    const outcome =
      reading.replay === undefined ? compare(before, seen, reading) : again(before, seen, reading);
    const isOwn =
      outcome.change?.type === 'created' && seen.name !== undefined && (await isOwnItem(name, seen.name));
    outcomes.push(isOwn ? { ...outcome, change: undefined } : outcome);
  }
  const events = await eventsOf(
    outcomes.filter(({ change }) => change !== undefined),
    polled,
    dependencies,
  );
  await publisher.publish(events);
  if (reading.replay === undefined) await storeStates(outcomes, buckets, name, store);
  await logEvents(events, store);
}

function compare(before: ItemState | undefined, seen: SeenItem, reading: ItemReading): Outcome {
  const { listing, isComplete, baselineAt } = reading;
  const { next, change } = diffItem(before, seen, listing);
  const isOld = !before && (seen.createdAt === undefined ? !isComplete : seen.createdAt < baselineAt);
  const hashes = change?.fields?.map((field) => [field, seen.hashes?.[field] ?? '']) ?? [];
  const state = [seen.itemId, before?.e ?? 0, ...hashes];
  if (isOld) return { seen, next: next && { ...next, e: 0 }, change: undefined, state };
  return { seen, next, change, state };
}

function again(before: ItemState | undefined, seen: SeenItem, { baselineAt, replay }: ItemReading): Outcome {
  const type = (seen.createdAt ?? 0) >= baselineAt ? 'created' : 'changed';
  const change = { type, fields: Object.keys(seen.hashes ?? {}).sort() } as const;
  return { seen, next: before, change, state: [seen.itemId, replay] };
}

async function eventsOf(
  outcomes: readonly Outcome[],
  { kind }: PolledResource,
  dependencies: ItemsDependencies,
): Promise<CloudEvent[]> {
  const contactIds = new Set(outcomes.flatMap(({ seen: { contactId } }) => contactId ?? []));
  const contacts = [...contactIds].map((contactId) => ({ contactId, emails: [] }));
  const records = await recordsOf(contacts, dependencies);
  const now = dependencies.now();
  return outcomes.map(({ seen: { itemId, contactId, createdAt, updatedAt }, change, state }) => {
    const user = contactId === undefined ? undefined : records.get(contactId)?.user;
    const userId = user?.crm?.contactId === contactId ? user?.userId : undefined;
    const changedAt = change?.type === 'created' ? createdAt : updatedAt;
    const common = { state, userId, time: Math.min(now, changedAt ?? now) };
    if (!change?.fields)
      // Only kinds of listed resources have a `deleted` event.
      return cloudEvent(
        { ...common, kind: `${kind}.deleted` as 'order.deleted', data: { itemId } },
        dependencies.source,
      );
    const data = { itemId, ...(contactId !== undefined && { contactId }), fields: [...change.fields] };
    return cloudEvent(
      { ...common, kind: `${kind}.${change.type}` as 'order.changed', data },
      dependencies.source,
    );
  });
}

async function storeStates(
  outcomes: readonly Outcome[],
  buckets: ReadonlyMap<number, ItemBucket>,
  name: string,
  store: EventStore,
): Promise<void> {
  const written = new Map<number, Record<string, ItemState>>();
  for (const { seen, next } of outcomes) {
    const bucket = bucketOf(seen.itemId);
    const before = buckets.get(bucket)?.[seen.itemId];
    if (!next || isSame(before, next)) continue;
    const states = written.get(bucket) ?? { ...buckets.get(bucket) };
    states[seen.itemId] = next;
    written.set(bucket, states);
  }
  const isNew = [...written.keys()].filter((bucket) => !buckets.has(bucket));
  // Ranges first, so that no bucket exists outside of them.
  if (isNew.length > 0)
    await store.writeItemRanges(name, withBuckets(await store.readItemRanges(name), isNew));
  await store.writeItems(name, written);
}

const isSame = (before: ItemState | undefined, next: ItemState): boolean =>
  before !== undefined &&
  before.e === next.e &&
  before.n === next.n &&
  before.u === next.u &&
  before.gone === next.gone;
