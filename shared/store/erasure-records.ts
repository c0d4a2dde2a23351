import { type DynamoDBClient, GetItemCommand, PutItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { positiveInt, utcMoment } from '../zod-types.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const erasureRecordSchema = z.object({
  userId: z.string(),
  /** The contact that the user had; none where nobody knew of one. */
  contactId: z.optional(positiveInt),
  /**
   * What was done with the contact; or why nothing was: it is another user's by now, nobody knows of one, or the user is still in the
   * table, so that the next change would make it again.
   */
  done: z.enum(['mark', 'untag', 'leave', 'delete', 'anonymise', 'kept', 'no-contact', 'not-deleted']),
  /** When, in ISO 8601. */
  doneAt: utcMoment,
  /** Which request to be forgotten it answers; without one, the user was deleted in the app. */
  requestId: z.optional(z.string()),
});
/** A record of a user who has gone: ids and times, and no data of the person. It is kept as the proof. */
export type ErasureRecord = z.infer<typeof erasureRecordSchema>;

/** Users who have gone, in the sync's table. */
export interface ErasureRecordStore {
  read(userId: string): Promise<ErasureRecord | undefined>;
  write(erasureRecord: ErasureRecord): Promise<void>;
  /** All, in no order. Reads the whole table of the sync. */
  list(): Promise<ErasureRecord[]>;
}

const PREFIX = 'erasure#';

/** Departures over DynamoDB. */
export function erasureRecordStore(client: DynamoDBClient, TableName: string): ErasureRecordStore {
  return {
    async read(userId) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key: { id: { S: PREFIX + userId } }, ConsistentRead: true }),
      );
      return Item && erasureRecordSchema.parse(unmarshallItem(Item));
    },
    async write(erasureRecord) {
      const Item = marshall(
        { ...erasureRecord, id: PREFIX + erasureRecord.userId },
        { removeUndefinedValues: true },
      );
      await client.send(new PutItemCommand({ TableName, Item }));
    },
    async list() {
      const erasureRecords: ErasureRecord[] = [];
      const scan = {
        TableName,
        FilterExpression: 'begins_with(id, :prefix)',
        ExpressionAttributeValues: marshall({ ':prefix': PREFIX }),
      };
      for await (const { Items = [] } of paginateScan({ client }, scan))
        erasureRecords.push(...Items.map((item) => erasureRecordSchema.parse(unmarshallItem(item))));
      return erasureRecords;
    },
  };
}
