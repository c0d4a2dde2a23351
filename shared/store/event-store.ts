import {
  type AttributeValue,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import pMap from 'p-map';
import type * as z from 'zod/mini';
import type { BucketRanges } from '../events/buckets.ts';
import type { ContactState } from '../events/contact-state.ts';
import type { ItemState } from '../events/item-state.ts';
import { batchGet } from './batch-get.ts';
import { SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';

type ItemOf<Kind extends keyof typeof SYNC_TABLE_ITEMS> = z.infer<(typeof SYNC_TABLE_ITEMS)[Kind]['schema']>;

export type Poll = ItemOf<'poll'>;
type ContactListing = ItemOf<'contactListing'>;
export type OptOutListing = ItemOf<'optOutListing'>;
export type OptOutAddresses = ItemOf<'optOutPage'>['addresses'];
export type EventLog = ItemOf<'eventLog'>;
/** States of contacts, by id. */
type Bucket = Readonly<Record<string, ContactState>>;
/** States of items of a resource, by id. */
export type ItemBucket = Readonly<Record<string, ItemState>>;

/**
 * The stored states of contacts and other records of the CRM, and how far polls have read. Messages of polls share a message group, so only
 * one invocation at a time reads and writes them.
 */
export interface EventStore {
  readPoll(resource: string): Promise<Poll | undefined>;
  writePoll(resource: string, poll: Poll): Promise<void>;
  readListing(): Promise<ContactListing>;
  writeListing(listing: ContactListing): Promise<void>;
  readRanges(): Promise<BucketRanges>;
  writeRanges(ranges: BucketRanges): Promise<void>;
  /** Reads buckets of contacts by their number. Those that do not exist are missing. */
  readBuckets(buckets: readonly number[]): Promise<Map<number, Bucket>>;
  writeBuckets(buckets: ReadonlyMap<number, Bucket>): Promise<void>;
  /** The same for the items of a resource: ranges of their buckets, and the buckets. */
  readItemRanges(resource: string): Promise<BucketRanges>;
  writeItemRanges(resource: string, ranges: BucketRanges): Promise<void>;
  readItems(resource: string, buckets: readonly number[]): Promise<Map<number, ItemBucket>>;
  writeItems(resource: string, buckets: ReadonlyMap<number, ItemBucket>): Promise<void>;
  readOptOutListing(): Promise<OptOutListing>;
  writeOptOutListing(listing: OptOutListing): Promise<void>;
  /** The addresses of a listing from one page up to another, without that one. */
  readOptOuts(generation: OptOutListing['generation'], from: number, end: number): Promise<OptOutAddresses>;
  writeOptOuts(
    generation: OptOutListing['generation'],
    page: number,
    addresses: OptOutAddresses,
  ): Promise<void>;
  readLog(): Promise<EventLog>;
  writeLog(log: EventLog): Promise<void>;
}

/** Buckets that are written at a time. */
const CONCURRENT_WRITES = 20;

/** The event store in the sync table. */
export function eventStore(client: DynamoDBClient, TableName: string): EventStore {
  const { poll, contactListing, contactIndex, contactStates, optOutListing, optOutPage, eventLog } =
    SYNC_TABLE_ITEMS;
  const { itemIndex, itemStates } = SYNC_TABLE_ITEMS;
  const read = async <Result>(id: string, schema: z.ZodMiniType<Result>): Promise<Result | undefined> => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName, Key: { id: { S: id } }, ConsistentRead: true }),
    );
    return Item && schema.parse(unmarshallItem(Item));
  };
  const write = async (id: string, attributes: object): Promise<void> => {
    const Item = marshall({ id, ...attributes }, { removeUndefinedValues: true });
    await client.send(new PutItemCommand({ TableName, Item }));
  };
  const readMany = (ids: readonly string[]): Promise<Record<string, AttributeValue>[]> =>
    batchGet(
      client,
      TableName,
      ids.map((id) => ({ id: { S: id } })),
    );
  /** Reads items by their number. */
  async function readNumbered<Value>(
    numbers: readonly number[],
    keyOf: (number: number) => string,
    parse: (item: Record<string, AttributeValue>) => Value,
  ): Promise<Map<number, Value>> {
    const byKey = new Map([...new Set(numbers)].map((number) => [keyOf(number), number]));
    const items = await readMany([...byKey.keys()]);
    return new Map(items.map((item) => [byKey.get(item['id']?.S ?? '') ?? Number.NaN, parse(item)]));
  }
  async function writeNumbered<Value>(
    values: ReadonlyMap<number, Value>,
    keyOf: (number: number) => string,
    attributesOf: (value: Value) => object,
  ): Promise<void> {
    await pMap(values, ([number, value]) => write(keyOf(number), attributesOf(value)), {
      concurrency: CONCURRENT_WRITES,
    });
  }
  return {
    readPoll: (resource) => read(poll.key(resource), poll.schema),
    writePoll: (resource, written) => write(poll.key(resource), written),
    readListing: async () => (await read(contactListing.key(), contactListing.schema)) ?? {},
    writeListing: (listing) => write(contactListing.key(), listing),
    readRanges: async () => (await read(contactIndex.key(), contactIndex.schema))?.ranges ?? [],
    writeRanges: (ranges) => write(contactIndex.key(), { ranges }),
    readBuckets: (buckets) =>
      readNumbered(
        buckets,
        contactStates.key,
        (item) => contactStates.schema.parse(unmarshallItem(item)).contacts,
      ),
    writeBuckets: (buckets) => writeNumbered(buckets, contactStates.key, (contacts) => ({ contacts })),
    readItemRanges: async (resource) => (await read(itemIndex.key(resource), itemIndex.schema))?.ranges ?? [],
    writeItemRanges: (resource, ranges) => write(itemIndex.key(resource), { ranges }),
    readItems: (resource, buckets) =>
      readNumbered(
        buckets,
        (bucket) => itemStates.key(resource, bucket),
        (item) => itemStates.schema.parse(unmarshallItem(item)).items,
      ),
    writeItems: (resource, buckets) =>
      writeNumbered(
        buckets,
        (bucket) => itemStates.key(resource, bucket),
        (items) => ({ items }),
      ),
    readOptOutListing: async () =>
      (await read(optOutListing.key(), optOutListing.schema)) ?? { generation: 'a', pages: 0 },
    writeOptOutListing: (listing) => write(optOutListing.key(), listing),
    async readOptOuts(generation, from, end) {
      const length = Math.max(0, end - from);
      const keys = Array.from({ length }, (_, index) => optOutPage.key(generation, from + index));
      const items = await readMany(keys);
      return Object.assign(
        {},
        ...items.map((item) => optOutPage.schema.parse(unmarshallItem(item)).addresses),
      );
    },
    writeOptOuts: (generation, page, addresses) => write(optOutPage.key(generation, page), { addresses }),
    readLog: async () => (await read(eventLog.key(), eventLog.schema)) ?? { counts: {}, recent: [] },
    writeLog: (log) => write(eventLog.key(), log),
  };
}
