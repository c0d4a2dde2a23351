import {
  type DynamoDBClient,
  GetItemCommand,
  paginateScan,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import { conditionalPut } from './conditional-write.ts';
import { ERASURE_OUTCOMES, SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const { key, schema } = SYNC_TABLE_ITEMS.erasureRecord;
/** The proof of what was done with the contact of a deleted user. */
export type ErasureRecord = z.infer<typeof schema>;

/** The records of deleted users. */
export interface ErasureRecordStore {
  read(userId: string): Promise<ErasureRecord | undefined>;
  /**
   * Stores a record, unless there is one of the same contact that says more, or this one knows no contact. A request is then answered in the
   * stronger record.
   */
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
      const { userId, contactId, done, requestId } = erasureRecord;
      const weaker = ERASURE_OUTCOMES.slice(0, ERASURE_OUTCOMES.indexOf(done) + 1);
      const values = Object.fromEntries(weaker.map((each, index) => [`:${index}`, each]));
      const isWeaker = `done IN (${Object.keys(values).join(', ')})`;
      const { stored } = await conditionalPut(
        client,
        TableName,
        { ...erasureRecord, id: key(userId) },
        {
          ConditionExpression: `attribute_not_exists(id) OR ${isWeaker}${
            contactId === undefined ? '' : ' OR contactId <> :contactId'
          }`,
          values: { ...values, ...(contactId !== undefined && { ':contactId': contactId }) },
        },
        () => undefined,
      );
      if (stored || requestId === undefined) return;
      await client.send(
        new UpdateItemCommand({
          TableName,
          Key: { id: { S: key(userId) } },
          UpdateExpression: 'SET requestId = :requestId, answer = :answer',
          ExpressionAttributeValues: marshall({ ':requestId': requestId, ':answer': done }),
        }),
      );
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
