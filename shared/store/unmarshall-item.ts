import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';

/**
 * A DynamoDB item as a plain object. Numbers that JavaScript cannot represent lose digits instead of failing the item: the sync's own
 * numbers are small, and it does not use the others.
 */
export function unmarshallItem(item: Record<string, AttributeValue>): Record<string, unknown> {
  return unmarshall(item, { wrapNumbers: Number });
}
