import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { accountSchema } from '../infusionsoft/account.ts';
import { type Catalog, catalogSchema } from '../infusionsoft/catalog.ts';
import { type Ledger, ledgerSchema } from '../quota/ledger.ts';
import type { VersionedStore } from '../quota/versioned.ts';
import { type Progress, progressSchema } from '../sync/progress.ts';
import { positiveInt, utcMoment } from '../values.ts';
import { unmarshallItem } from './unmarshall-item.ts';
import { versionedItem } from './versioned-item.ts';
import { writeIf } from './write-if.ts';

/** The sync's own table: one item for each thing that environments share. */
export interface SyncTable {
  /** The catalog, or undefined where none was stored yet or it is of an older shape. */
  readCatalog(): Promise<Catalog | undefined>;
  writeCatalog(catalog: Catalog): Promise<void>;
  /** The last report on the account, or undefined where there is none yet or it is of an older shape. */
  readInspection(): Promise<Inspection | undefined>;
  writeInspection(inspection: Inspection): Promise<void>;
  /** The id that was stored under a key, of something in the CRM. */
  readId(key: string): Promise<number | undefined>;
  writeId(key: string, crmId: number): Promise<void>;
  /** The ledger of requests. */
  ledger: VersionedStore<Ledger>;
  /** What the consumer has achieved lately, and who waits. */
  progress: VersionedStore<Progress>;
  /** The last starts of requests, in epoch milliseconds, oldest first: what the pace follows from. */
  starts: VersionedStore<number[]>;
  /**
   * Takes the lease unless somebody else holds it. Times are epoch milliseconds.
   * @returns whether `owner` holds it now.
   */
  acquireLease(name: string, owner: string, times: { now: number; until: number }): Promise<boolean>;
  /** Gives a lease back; one that somebody else took over in the meantime is left to them. */
  releaseLease(name: string, owner: string): Promise<void>;
}

/** A report on the CRM's account. */
const inspectionSchema = z.object({
  inspectionId: z.string(),
  /** ISO 8601. */
  inspectedAt: utcMoment,
  account: accountSchema,
});
export type Inspection = z.infer<typeof inspectionSchema>;

const idSchema = z.object({ crmId: positiveInt });
const INSPECTION_KEY = { id: { S: 'inspection' } };
const CATALOG_KEY = { id: { S: 'catalog' } };
const leaseKey = (name: string) => ({ id: { S: `lease#${name}` } });

/** The sync's table over DynamoDB. */
export function syncTable(client: DynamoDBClient, tableName: string): SyncTable {
  return {
    async readCatalog() {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: tableName, Key: CATALOG_KEY, ConsistentRead: true }),
      );
      return Item && catalogSchema.safeParse(unmarshallItem(Item)).data;
    },
    async writeCatalog(catalog) {
      await client.send(
        new PutItemCommand({ TableName: tableName, Item: { ...CATALOG_KEY, ...marshall(catalog) } }),
      );
    },
    async readInspection() {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: tableName, Key: INSPECTION_KEY, ConsistentRead: true }),
      );
      return Item && inspectionSchema.safeParse(unmarshallItem(Item)).data;
    },
    async writeInspection(inspection) {
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: { ...INSPECTION_KEY, ...marshall(inspection, { removeUndefinedValues: true }) },
        }),
      );
    },
    async readId(key) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: tableName, Key: { id: { S: key } }, ConsistentRead: true }),
      );
      return Item && idSchema.parse(unmarshallItem(Item)).crmId;
    },
    async writeId(key, crmId) {
      await client.send(new PutItemCommand({ TableName: tableName, Item: marshall({ id: key, crmId }) }));
    },
    ledger: versionedItem(client, tableName, { id: 'quota', attribute: 'ledger', schema: ledgerSchema }),
    progress: versionedItem(client, tableName, {
      id: 'progress',
      attribute: 'progress',
      schema: progressSchema,
    }),
    starts: versionedItem(client, tableName, {
      id: 'starts',
      attribute: 'starts',
      schema: z.array(z.number()),
    }),
    async acquireLease(name, owner, { now, until }) {
      const { stored } = await writeIf(() =>
        client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: { ...leaseKey(name), ...marshall({ owner, until }) },
            ConditionExpression: 'attribute_not_exists(id) OR #until < :now',
            ExpressionAttributeNames: { '#until': 'until' },
            ExpressionAttributeValues: marshall({ ':now': now }),
          }),
        ),
      );
      return stored;
    },
    async releaseLease(name, owner) {
      await writeIf(() =>
        client.send(
          new DeleteItemCommand({
            TableName: tableName,
            Key: leaseKey(name),
            ConditionExpression: '#owner = :owner',
            ExpressionAttributeNames: { '#owner': 'owner' },
            ExpressionAttributeValues: marshall({ ':owner': owner }),
          }),
        ),
      );
    },
  };
}
