import {
  BatchWriteItemCommand,
  type BatchWriteItemCommandOutput,
  type DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import type { Item, Items } from '../existing-items.ts';

/** Items of one BatchWriteItem (Amazon DynamoDB quotas), and how many of those are under way at a time. */
const BATCH = 25;
const WRITERS = 8;

/** Writes items into a table, several batches at a time. */
export async function fillTable(client: DynamoDBClient, tableName: string, items: Items): Promise<void> {
  const batches = batchesOf(items);
  const write = async () => {
    for await (const batch of batches) await writeBatch(client, tableName, batch);
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

async function writeBatch(client: DynamoDBClient, tableName: string, items: readonly Item[]): Promise<void> {
  let requests: Record<string, WriteRequest[]> | undefined = {
    [tableName]: items.map((Item) => ({ PutRequest: { Item } })),
  };
  while (requests && Object.keys(requests).length > 0) {
    const written: BatchWriteItemCommandOutput = await client.send(
      new BatchWriteItemCommand({ RequestItems: requests }),
    );
    requests = written.UnprocessedItems;
  }
}

async function* batchesOf(items: Items): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
