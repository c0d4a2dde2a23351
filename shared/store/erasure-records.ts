import { type DynamoDBClient, GetItemCommand, PutItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import { SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const { key, schema } = SYNC_TABLE_ITEMS.erasureRecord;
/** The proof of what was done with the contact of a deleted user. */
export type ErasureRecord = z.infer<typeof schema>;

/** The records of deleted users. */
export interface ErasureRecordStore {
  read(userId: string): Promise<ErasureRecord | undefined>;
  write(erasureRecord: ErasureRecord): Promise<void>;
  /** All records, in no order. Scans the whole sync table. */
  list(): Promise<ErasureRecord[]>;
}

/** The records in the sync table. */
export function erasureRecordStore(client: DynamoDBClient, TableName: string): ErasureRecordStore {
  return {
    async read(userId) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key: { id: { S: key(userId) } }, ConsistentRead: true }),
      );
      return Item && schema.parse(unmarshallItem(Item));
    },
    async write(erasureRecord) {
      const Item = marshall(
        { ...erasureRecord, id: key(erasureRecord.userId) },
        { removeUndefinedValues: true },
      );
      await client.send(new PutItemCommand({ TableName, Item }));
    },
    async list() {
      const erasureRecords: ErasureRecord[] = [];
      const scan = {
        TableName,
        FilterExpression: 'begins_with(id, :prefix)',
        ExpressionAttributeValues: marshall({ ':prefix': key('') }),
      };
      for await (const { Items = [] } of paginateScan({ client }, scan))
        erasureRecords.push(...Items.map((item) => schema.parse(unmarshallItem(item))));
      return erasureRecords;
    },
  };
}
