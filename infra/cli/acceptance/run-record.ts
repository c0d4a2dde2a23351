import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import type { VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { conditionalDelete } from '../../../shared/store/conditional-write.ts';
import { SYNC_TABLE_ITEMS } from '../../../shared/store/sync-table-items.ts';
import { versionedItem } from '../../../shared/store/versioned-item.ts';
import { CommandError } from '../support/command-error.ts';

/** What a run creates. It is stored before anything is created, so that the next run can clean up after a crash. */
export type RunRecord = z.infer<typeof SYNC_TABLE_ITEMS.acceptanceRun.schema>['value'];

/** The record of the run of a stack, in the sync's table. There is at most one. */
export interface RunRecordStore extends VersionedStore<RunRecord> {
  /** Removes the record of a version. */
  remove(version: number): Promise<void>;
}

/** The record in DynamoDB. */
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

/** Another run is in progress, or another process has taken over this one. */
export class OtherRunError extends CommandError {
  override name = 'OtherRunError';
}

/** The record of a run in its own process. */
export interface Recorder {
  current(): RunRecord;
  /**
   * Changes the record. Changes are stored one after another.
   * @throws OtherRunError when another process has taken over the run.
   */
  update(changes: Partial<RunRecord>): Promise<void>;
  /** Deletes the record: nothing of the run is left. */
  remove(): Promise<void>;
}

/** How long a process counts as alive after its last write, in milliseconds. */
export const ALIVE_MS = 30_000;

/**
 * Claims the record of the stack for this process: a new record, or the one of a run that did not clean up.
 *
 * @param over version that was read, or undefined when there was none.
 * @throws OtherRunError when another process claimed it first.
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
      throw new OtherRunError('Another acceptance run has started on this stack. Wait until it has ended.');
    version = (version ?? 0) + 1;
    current = next;
  };
  let last = write({});
  await last;
  return {
    current: () => current,
    update(changes) {
      // The failure of an earlier write is reported to its own caller.
      last = last.catch(() => {}).then(() => write(changes));
      return last;
    },
    async remove() {
      await last.catch(() => {});
      await store.remove(version ?? 0);
    },
  };
}
