import {
  type AttributeValue,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import type { Versioned, VersionedStore } from '../quota/versioned.ts';
import { unmarshallItem } from './unmarshall-item.ts';
import { TELL_WHAT_IS_FOUND, writeIf } from './write-if.ts';

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
  const key = { id: { S: id } };
  const parse = (stored: Record<string, AttributeValue>): Versioned<Value> => {
    const item = unmarshallItem(stored);
    return { value: schema.parse(item[attribute]), version: versionSchema.parse(item).version };
  };
  return {
    async read() {
      const { Item } = await client.send(new GetItemCommand({ TableName, Key: key, ConsistentRead: true }));
      return Item && parse(Item);
    },
    write: (value, over) =>
      writeIf(
        () =>
          client.send(
            new PutItemCommand({
              TableName,
              Item: { ...key, ...marshall({ [attribute]: value, version: (over ?? 0) + 1 }) },
              ...(over === undefined
                ? { ConditionExpression: 'attribute_not_exists(id)' }
                : {
                    ConditionExpression: 'version = :over',
                    ExpressionAttributeValues: marshall({ ':over': over }),
                  }),
              ...TELL_WHAT_IS_FOUND,
            }),
          ),
        parse,
      ),
  };
}
