import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';

/**
 * A DynamoDB item as a plain object. Numbers beyond what JavaScript can hold lose digits instead of failing the item:
 * those that the sync reads are small, and the others are not its own.
 */
export function unmarshallItem(item: Record<string, AttributeValue>): Record<string, unknown> {
  return unmarshall(item, { wrapNumbers: Number });
}
