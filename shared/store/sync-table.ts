import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { accountSchema } from '../infusionsoft/catalog/account.ts';
import { type Catalog, catalogSchema } from '../infusionsoft/catalog/catalog.ts';
import type { Invocation } from '../invocation.ts';
import { type Progress, progressSchema } from '../queue/progress.ts';
import { type Ledger, ledgerSchema } from '../quota/ledger.ts';
import type { VersionedStore } from '../quota/versioned-store.ts';
import { positiveInt, utcMoment } from '../zod-types.ts';
import { conditionalDelete, conditionalPut } from './conditional-write.ts';
import { unmarshallItem } from './unmarshall-item.ts';
import { versionedItem } from './versioned-item.ts';

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
  /** Removes the id that was stored under a key, if there is one. */
  deleteId(key: string): Promise<void>;
  /** The ledger of requests. */
  ledger: VersionedStore<Ledger>;
  /** What the consumer has achieved lately, and who waits. */
  progress: VersionedStore<Progress>;
  /** The last request slots of all environments, in epoch milliseconds, oldest first. */
  slots: VersionedStore<number[]>;
  /**
   * Takes a lease for the rest of an invocation, unless another holds it. One that an earlier invocation of the same environment has
   * left behind is free: that invocation has ended.
   *
   * @param now epoch milliseconds.
   * @returns whether the invocation holds it now.
   */
  acquireLease(name: string, holder: Invocation, now: number): Promise<boolean>;
  /** Gives a lease back; one that another has taken over in the meantime is left to it. */
  releaseLease(name: string, holder: Invocation): Promise<void>;
}

/** A report on the CRM's account. */
const inspectionSchema = z.object({
  inspectionId: z.string(),
  /** ISO 8601. */
  inspectedAt: utcMoment,
  /** Whether contacts of some tags are still to be counted. */
  isPartial: z.boolean(),
  account: accountSchema,
});
export type Inspection = z.infer<typeof inspectionSchema>;

const idSchema = z.object({ crmId: positiveInt });
const INSPECTION_KEY = { id: { S: 'inspection' } };
const CATALOG_KEY = { id: { S: 'catalog' } };
const leaseId = (name: string): string => `lease#${name}`;

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
    async deleteId(key) {
      await client.send(new DeleteItemCommand({ TableName: tableName, Key: { id: { S: key } } }));
    },
    ledger: versionedItem(client, tableName, { id: 'quota', attribute: 'ledger', schema: ledgerSchema }),
    progress: versionedItem(client, tableName, {
      id: 'progress',
      attribute: 'progress',
      schema: progressSchema,
    }),
    slots: versionedItem(client, tableName, {
      id: 'slots',
      attribute: 'slots',
      schema: z.array(z.number()),
    }),
    async acquireLease(name, { environment, number, endsAt }, now) {
      const { stored } = await conditionalPut(
        client,
        tableName,
        { id: leaseId(name), environment, invocation: number, until: endsAt },
        {
          ConditionExpression:
            'attribute_not_exists(id) OR #until < :now OR (environment = :environment AND invocation <> :invocation)',
          ExpressionAttributeNames: { '#until': 'until' },
          values: { ':now': now, ':environment': environment, ':invocation': number },
        },
        () => undefined,
      );
      return stored;
    },
    releaseLease: (name, { environment, number }) =>
      conditionalDelete(client, {
        TableName: tableName,
        Key: { id: { S: leaseId(name) } },
        ConditionExpression: 'environment = :environment AND invocation = :invocation',
        ExpressionAttributeValues: marshall({ ':environment': environment, ':invocation': number }),
      }),
  };
}
