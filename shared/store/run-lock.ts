import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { filledText } from '../values.ts';
import { unmarshallItem } from './unmarshall-item.ts';
import { writeIf } from './write-if.ts';

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

const keyOf = (mode: string) => ({ id: { S: `backfill#${mode}` } });

/** The locks as items of the sync's table. */
export function runLocks(client: DynamoDBClient, TableName: string): RunLocks {
  const read = async (mode: string): Promise<RunLock | undefined> => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName, Key: keyOf(mode), ConsistentRead: true }),
    );
    return Item && lockSchema.parse(unmarshallItem(Item));
  };
  return {
    read,
    async take(mode, lock, previous) {
      const { stored } = await writeIf(() =>
        client.send(
          new PutItemCommand({
            TableName,
            Item: { ...keyOf(mode), ...marshall(lock) },
            ...(previous
              ? {
                  ConditionExpression: 'executionArn = :previous',
                  ExpressionAttributeValues: marshall({ ':previous': previous.executionArn }),
                }
              : { ConditionExpression: 'attribute_not_exists(id)' }),
          }),
        ),
      );
      // The SDK repeats a write whose answer was lost, and the repetition meets the lock that the first one has taken.
      return stored || (await read(mode))?.executionArn === lock.executionArn;
    },
    async release(mode, runId) {
      await writeIf(() =>
        client.send(
          new DeleteItemCommand({
            TableName,
            Key: keyOf(mode),
            ConditionExpression: 'runId = :runId',
            ExpressionAttributeValues: marshall({ ':runId': runId }),
          }),
        ),
      );
    },
  };
}
