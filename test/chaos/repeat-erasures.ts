import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  type ErasureRecord,
  type ErasureRecordStore,
  erasureRecordStore,
} from '../../shared/store/erasure-records.ts';
import type { ChaosContext } from './chaos-context.ts';
import { requestErasure } from './user-actions.ts';

/** Records of requests that need not be repeated. `kept`: the contact belongs to another user. */
const CARRIED_OUT: ReadonlySet<ErasureRecord['done']> = new Set(['delete', 'anonymise', 'kept']);

const recordsOf = ({ running: { system } }: ChaosContext): ErasureRecordStore =>
  erasureRecordStore(
    new DynamoDBClient(system.cloud.sdk('DYNAMODB')),
    system.cloud.outputs['SyncTableName'] ?? '',
  );

/**
 * Repeats each erasure request that was not carried out, as `user-sync forget` asks for: a request can come before the user is deleted.
 *
 * @returns ids of the new requests, by user id.
 */
export async function repeatErasures(context: ChaosContext): Promise<ReadonlyMap<string, string>> {
  const { world } = context;
  const records = recordsOf(context);
  const repeated = new Map<string, string>();
  for (const userId of world.forgotten) {
    if (world.users.has(userId)) continue;
    const record = await records.read(userId);
    const isCarriedOut = record?.requestId !== undefined && CARRIED_OUT.has(record.done);
    if (!isCarriedOut) repeated.set(userId, await requestErasure(context, userId));
  }
  return repeated;
}

/** @returns the erasure requests without a record, as text. */
export async function unansweredErasures(
  context: ChaosContext,
  requests: ReadonlyMap<string, string>,
): Promise<string[]> {
  const records = recordsOf(context);
  const unanswered: string[] = [];
  for (const [userId, requestId] of requests) {
    const record = await records.read(userId);
    if (record?.requestId !== requestId) unanswered.push(`${userId}: the erasure request has no record`);
  }
  return unanswered;
}
