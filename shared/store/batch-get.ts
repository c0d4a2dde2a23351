import { type AttributeValue, BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CloudError } from '../sync/errors.ts';

/** Most keys of one BatchGetItem (Amazon DynamoDB quotas). */
export const MAX_KEYS = 100;

type Item = Record<string, AttributeValue>;

/**
 * Reads items by their keys, consistently, with one request for each hundred. Keys without an item are left out.
 *
 * @param keys without duplicates.
 * @throws CloudError when the table is throttled.
 */
export async function batchGet(
  client: DynamoDBClient,
  tableName: string,
  keys: readonly Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  let left = [...keys];
  while (left.length > 0) {
    const request = { [tableName]: { Keys: left.slice(0, MAX_KEYS), ConsistentRead: true } };
    const { Responses, UnprocessedKeys } = await client.send(
      new BatchGetItemCommand({ RequestItems: request }),
    );
    items.push(...(Responses?.[tableName] ?? []));
    const unprocessed = UnprocessedKeys?.[tableName]?.Keys ?? [];
    if (unprocessed.length === Math.min(left.length, MAX_KEYS))
      throw new CloudError(`The table ${tableName} is throttled`);
    left = [...unprocessed, ...left.slice(MAX_KEYS)];
  }
  return items;
}
