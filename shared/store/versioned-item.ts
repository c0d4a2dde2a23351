import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type * as z from 'zod/mini';
import type { Versioned, VersionedStore } from '../quota/versioned-store.ts';
import { conditionalPut } from './conditional-write.ts';
import { unmarshallItem } from './unmarshall-item.ts';

/** A versioned value in the sync table, by its kind in `sync-table-items.ts`. */
export function versionedItem<Value>(
  client: DynamoDBClient,
  TableName: string,
  { key, schema }: { key: () => string; schema: z.ZodMiniType<Versioned<Value>> },
): VersionedStore<Value> {
  const id = key();
  return {
    async read() {
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key: { id: { S: id } }, ConsistentRead: true }),
      );
      return Item && schema.parse(unmarshallItem(Item));
    },
    write: (value, over) =>
      conditionalPut(
        client,
        TableName,
        { id, value, version: (over ?? 0) + 1 },
        over === undefined
          ? { ConditionExpression: 'attribute_not_exists(id)' }
          : { ConditionExpression: 'version = :over', values: { ':over': over } },
        (item) => schema.parse(item),
      ),
  };
}
