import {
  type AttributeValue,
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { filledText, utcMoment } from '../zod-types.ts';
import { unmarshallItem } from './unmarshall-item.ts';

/** Why the messages of a FIFO group fail again and again. */
export interface Postponement {
  /** Without personal data: it is logged and reported. */
  reason: string;
  /** When they failed last, in ISO 8601. */
  at: string;
}

/**
 * Message groups that have failed several times in a row. An item is written at such a failure and removed when the group succeeds, so a
 * group that succeeds at once costs nothing.
 */
export interface PostponedStore {
  record(group: string, postponement: Postponement): Promise<void>;
  clear(group: string): Promise<void>;
  /** @returns postponements by group, of those groups that have one. Eventually consistent. */
  read(groups: readonly string[]): Promise<Map<string, Postponement>>;
}

const itemSchema = z.object({ id: filledText, reason: z.string(), at: utcMoment });
const PREFIX = 'postponed#';
const keyOf = (group: string) => ({ id: { S: `${PREFIX}${group}` } });
/** Most keys of one BatchGetItem (Amazon DynamoDB quotas). */
const MAX_KEYS = 100;

/** Postponed message groups as items of the sync's table. */
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
      const found = new Map<string, Postponement>();
      for (let from = 0; from < groups.length; from += MAX_KEYS) {
        const Keys = [...new Set(groups.slice(from, from + MAX_KEYS))].map(keyOf);
        const { Responses } = await client.send(
          new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys } } }),
        );
        // Keys that a throttled table leaves out are asked for with the next look.
        for (const item of Responses?.[TableName] ?? []) add(found, item);
      }
      return found;
    },
  };
}

function add(found: Map<string, Postponement>, stored: Record<string, AttributeValue>): void {
  const { id, ...postponement } = itemSchema.parse(unmarshallItem(stored));
  found.set(id.slice(PREFIX.length), postponement);
}
