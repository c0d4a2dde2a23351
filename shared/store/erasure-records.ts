import { type DynamoDBClient, GetItemCommand, PutItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import { ERASURE_OUTCOMES, SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const { key, schema } = SYNC_TABLE_ITEMS.erasureRecord;
/** The proof of what was done with the contact of a deleted user. */
export type ErasureRecord = z.infer<typeof schema>;

/** The records of deleted users. */
export interface ErasureRecordStore {
  read(userId: string): Promise<ErasureRecord | undefined>;
  /**
   * Stores the stronger of this record and the stored one ({@link strongest}). The write needs no condition, since the messages of a user
   * are handled one after the other.
   */
  write(erasureRecord: ErasureRecord): Promise<void>;
  /** All records, in no order. Scans the whole sync table. */
  list(): Promise<ErasureRecord[]>;
}

/** Whether an outcome says as much as another, or more. */
export const isAtLeast = (one: ErasureRecord['done'], other: ErasureRecord['done']): boolean =>
  ERASURE_OUTCOMES.indexOf(one) >= ERASURE_OUTCOMES.indexOf(other);

/**
 * The record to keep. A new record that says less does not replace the old one if it is about the same contact, or about none, or if nothing
 * was done: only its request and the answer to it are added. The contact of an earlier account is remembered until it is deleted.
 */
export function strongest(before: ErasureRecord | undefined, record: ErasureRecord): ErasureRecord {
  const { contactId, done, doneAt, requestId, answeredAt: at = doneAt } = record;
  const request = requestId === undefined ? {} : { requestId, answeredAt: at };
  if (!before) return { ...record, ...request };
  const isOther = contactId !== undefined && contactId !== before.contactId;
  // A request that names a wrong contact does nothing to it.
  const didNothing = !isAtLeast(done, 'kept');
  if ((!isOther || didNothing) && !isAtLeast(done, before.done))
    return requestId === undefined ? before : { ...before, ...request, answer: done };
  const earlier = new Set(before.earlierContactIds);
  if (isOther && before.contactId !== undefined && before.done !== 'delete') earlier.add(before.contactId);
  if (contactId !== undefined) earlier.delete(contactId);
  const { requestId: lastRequest, answeredAt, unread } = before;
  return {
    ...(unread && !isOther && done === before.done && { unread }),
    ...record,
    contactId: contactId ?? before.contactId,
    ...(earlier.size > 0 && { earlierContactIds: [...earlier] }),
    ...(lastRequest !== undefined && { requestId: lastRequest, answeredAt }),
    ...request,
  };
}

/** The records in the sync table. */
export function erasureRecordStore(client: DynamoDBClient, TableName: string): ErasureRecordStore {
  const read: ErasureRecordStore['read'] = async (userId) => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName, Key: { id: { S: key(userId) } }, ConsistentRead: true }),
    );
    return Item && schema.parse(unmarshallItem(Item));
  };
  return {
    read,
    async write(erasureRecord) {
      const Item = marshall(
        { ...strongest(await read(erasureRecord.userId), erasureRecord), id: key(erasureRecord.userId) },
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
