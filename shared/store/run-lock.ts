import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import { conditionalDelete, conditionalPut } from './conditional-write.ts';
import { SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const { key, schema } = SYNC_TABLE_ITEMS.runLock;
/** The backfill that runs in a mode. */
export type RunLock = z.infer<typeof schema>;

/** One lock for each mode of the backfill. */
export interface RunLocks {
  read(mode: string): Promise<RunLock | undefined>;
  /** Takes the lock over from `previous`, or renews the caller's own. @returns false when another run was faster. */
  take(mode: string, lock: RunLock, previous: RunLock | undefined): Promise<boolean>;
  /** Releases the lock of a run, unless another run has taken it over. */
  release(mode: string, runId: string): Promise<void>;
}

/** The locks in the sync table. */
export function runLocks(client: DynamoDBClient, TableName: string): RunLocks {
  return {
    async read(mode) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key: { id: { S: key(mode) } }, ConsistentRead: true }),
      );
      return Item && schema.parse(unmarshallItem(Item));
    },
    async take(mode, lock, previous) {
      const { stored } = await conditionalPut(
        client,
        TableName,
        { id: key(mode), ...lock },
        previous
          ? {
              ConditionExpression: 'executionArn = :previous',
              values: { ':previous': previous.executionArn },
            }
          : { ConditionExpression: 'attribute_not_exists(id)' },
        () => undefined,
      );
      return stored;
    },
    release: (mode, runId) =>
      conditionalDelete(client, {
        TableName,
        Key: { id: { S: key(mode) } },
        ConditionExpression: 'runId = :runId',
        ExpressionAttributeValues: marshall({ ':runId': runId }),
      }),
  };
}
