import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { type Catalog, catalogSchema } from '../infusionsoft/catalog.ts';
import { unmarshallItem } from './unmarshall-item.ts';
import { whenConditionHolds } from './when-condition-holds.ts';

/** The sync's own table: one item for each thing that environments share. */
export interface SyncTable {
  /** The catalog, or undefined where none was stored yet or it is of an older shape. */
  readCatalog(): Promise<Catalog | undefined>;
  writeCatalog(catalog: Catalog): Promise<void>;
  /**
   * Takes the lease unless somebody else holds it. Times are epoch milliseconds.
   * @returns whether `owner` holds it now.
   */
  acquireLease(name: string, owner: string, times: { now: number; until: number }): Promise<boolean>;
  /** Gives a lease back; one that somebody else took over in the meantime is left to them. */
  releaseLease(name: string, owner: string): Promise<void>;
}

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
    acquireLease: (name, owner, { now, until }) =>
      whenConditionHolds(() =>
        client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: { ...leaseKey(name), ...marshall({ owner, until }) },
            ConditionExpression: 'attribute_not_exists(id) OR #until < :now',
            ExpressionAttributeNames: { '#until': 'until' },
            ExpressionAttributeValues: marshall({ ':now': now }),
          }),
        ),
      ),
    async releaseLease(name, owner) {
      await whenConditionHolds(() =>
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
