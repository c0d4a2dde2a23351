import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { filledText } from '../zod-types.ts';
import { conditionalDelete, conditionalPut } from './conditional-write.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const lockSchema = z.object({
  runId: filledText,
  executionArn: filledText,
  /** Until when the run takes a part of the pace, in epoch milliseconds. A run that ended without a word takes none after it. */
  busyUntil: z.number(),
});
/** The backfill that runs in a mode. */
export type RunLock = z.infer<typeof lockSchema>;

/** One lock for each mode of the backfill. */
export interface RunLocks {
  read(mode: string): Promise<RunLock | undefined>;
  /** Takes the lock over from `previous`, or renews one's own. @returns false when somebody else was quicker. */
  take(mode: string, lock: RunLock, previous: RunLock | undefined): Promise<boolean>;
  /** Gives the lock of a run back; one that another run has taken over is left to it. */
  release(mode: string, runId: string): Promise<void>;
}

const idOf = (mode: string) => `backfill#${mode}`;

/** The locks as items of the sync's table. */
export function runLocks(client: DynamoDBClient, TableName: string): RunLocks {
  return {
    async read(mode) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key: { id: { S: idOf(mode) } }, ConsistentRead: true }),
      );
      return Item && lockSchema.parse(unmarshallItem(Item));
    },
    async take(mode, lock, previous) {
      const { stored } = await conditionalPut(
        client,
        TableName,
        { id: idOf(mode), ...lock },
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
        Key: { id: { S: idOf(mode) } },
        ConditionExpression: 'runId = :runId',
        ExpressionAttributeValues: marshall({ ':runId': runId }),
      }),
  };
}
