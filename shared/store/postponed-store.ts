import {
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import { MAX_KEYS } from './batch-get.ts';
import { SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const { key, schema } = SYNC_TABLE_ITEMS.postponed;
/** Why and when the messages of a FIFO group last failed. */
export type Postponement = z.infer<typeof schema>;

/** Message groups that have failed several times in a row. A group that succeeds at once costs no read and no write. */
export interface PostponedStore {
  record(group: string, postponement: Postponement): Promise<void>;
  clear(group: string): Promise<void>;
  /** @returns the postponements by group, of those groups that have one. Eventually consistent. */
  read(groups: readonly string[]): Promise<Map<string, Postponement>>;
}

const keyOf = (group: string) => ({ id: { S: key(group) } });

/** The postponed message groups in the sync table. */
export function postponedStore(client: DynamoDBClient, TableName: string): PostponedStore {
  return {
    async record(group, postponement) {
      await client.send(
        new PutItemCommand({ TableName, Item: { ...keyOf(group), ...marshall(postponement) } }),
      );
    },
    async clear(group) {
      await client.send(new DeleteItemCommand({ TableName, Key: keyOf(group) }));
    },
    async read(groups) {
      const groupByKey = new Map(groups.map((group) => [key(group), group]));
      const keys = [...groupByKey.keys()].map((id) => ({ id: { S: id } }));
      const found = new Map<string, Postponement>();
      for (let from = 0; from < keys.length; from += MAX_KEYS) {
        const Keys = keys.slice(from, from + MAX_KEYS);
        const { Responses } = await client.send(
          new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys } } }),
        );
        // Keys that a throttled table leaves out are read by the next poll.
        for (const item of Responses?.[TableName] ?? []) {
          const group = groupByKey.get(item['id']?.S ?? '');
          if (group !== undefined) found.set(group, schema.parse(unmarshallItem(item)));
        }
      }
      return found;
    },
  };
}
