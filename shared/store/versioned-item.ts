import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import * as z from 'zod/mini';
import type { Versioned, VersionedStore } from '../quota/versioned-store.ts';
import { conditionalPut } from './conditional-write.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const versionSchema = z.object({ version: z.int() });

/**
 * A versioned value as an item of the sync's table.
 *
 * @param attribute of the item that holds the value.
 */
export function versionedItem<Value>(
  client: DynamoDBClient,
  TableName: string,
  { id, attribute, schema }: { id: string; attribute: string; schema: z.ZodMiniType<Value> },
): VersionedStore<Value> {
  const Key = { id: { S: id } };
  const parse = (item: Record<string, unknown>): Versioned<Value> => ({
    value: schema.parse(item[attribute]),
    version: versionSchema.parse(item).version,
  });
  return {
    async read() {
      const { Item } = await client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
      return Item && parse(unmarshallItem(Item));
    },
    write: (value, over) =>
      conditionalPut(
        client,
        TableName,
        { id, [attribute]: value, version: (over ?? 0) + 1 },
        over === undefined
          ? { ConditionExpression: 'attribute_not_exists(id)' }
          : { ConditionExpression: 'version = :over', values: { ':over': over } },
        parse,
      ),
  };
}
