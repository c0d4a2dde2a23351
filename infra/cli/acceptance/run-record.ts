import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import type { VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { conditionalDelete } from '../../../shared/store/conditional-write.ts';
import { SYNC_TABLE_ITEMS } from '../../../shared/store/sync-table-items.ts';
import { versionedItem } from '../../../shared/store/versioned-item.ts';
import { CommandError } from '../command-error.ts';

/** What a run has made. It is written before it is made, so that the next start can remove it whatever happens to this one. */
export type RunRecord = z.infer<typeof SYNC_TABLE_ITEMS.acceptanceRun.schema>['value'];

/** The record of the one run of a stack, in the sync's table: it survives the machine. */
export interface RunRecordStore extends VersionedStore<RunRecord> {
  /** Removes the record of a version. */
  remove(version: number): Promise<void>;
}

/** The record over DynamoDB. */
export function runRecordStore(client: DynamoDBClient, TableName: string): RunRecordStore {
  return {
    ...versionedItem(client, TableName, SYNC_TABLE_ITEMS.acceptanceRun),
    remove: (version) =>
      conditionalDelete(client, {
        TableName,
        Key: { id: { S: SYNC_TABLE_ITEMS.acceptanceRun.key() } },
        ConditionExpression: 'version = :version',
        ExpressionAttributeValues: marshall({ ':version': version }),
      }),
  };
}

/** Another process has taken the run over, or there is one already. */
export class OtherRunError extends CommandError {
  override name = 'OtherRunError';
}

/** The record of a run as its own process keeps it. */
export interface Recorder {
  current(): RunRecord;
  /**
   * Changes the record. Changes are stored one after another.
   * @throws OtherRunError when another process has taken the run over.
   */
  update(changes: Partial<RunRecord>): Promise<void>;
  /** Ends the run: nothing of it is left. */
  remove(): Promise<void>;
}

/** How long a process counts as alive after it last wrote, in milliseconds. */
export const ALIVE_MS = 30_000;

/**
 * Takes the record of the stack for this process: a new one, or that of a run that was left behind.
 *
 * @param over version that was read, or undefined where there was none.
 * @throws OtherRunError when somebody else was quicker.
 */
export async function takeRecord(
  store: RunRecordStore,
  record: Omit<RunRecord, 'aliveUntil'>,
  over: number | undefined,
  now: () => number = Date.now,
): Promise<Recorder> {
  let version = over;
  let current: RunRecord = { ...record, aliveUntil: 0 };
  const write = async (changes: Partial<RunRecord>): Promise<void> => {
    const next = { ...current, ...changes, aliveUntil: now() + ALIVE_MS };
    const written = await store.write(next, version);
    if (!written.stored)
      throw new OtherRunError('Another acceptance run has begun on this stack. Wait until it has ended.');
    version = (version ?? 0) + 1;
    current = next;
  };
  let last = write({});
  await last;
  return {
    current: () => current,
    update(changes) {
      // One that failed is the failure of its own caller.
      last = last.catch(() => {}).then(() => write(changes));
      return last;
    },
    async remove() {
      await last.catch(() => {});
      await store.remove(version ?? 0);
    },
  };
}
