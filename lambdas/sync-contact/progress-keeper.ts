import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { PausedError } from '../../shared/infusionsoft/http/request-gate.ts';
import { addResults, type GroupResult, MAX_WAITING, type Progress } from '../../shared/queue/progress.ts';
import { backoffMs } from '../../shared/quota/retry-policy.ts';
import { updateVersioned, type Versioned, type VersionedStore } from '../../shared/quota/versioned-store.ts';
import { RejectedError, type RetryableError } from '../../shared/sync/errors.ts';
import type { Group } from './delivery.ts';

/** Tells check-health what this environment achieves. */
export interface ProgressKeeper {
  /** A group is done. @param requested whether the CRM was asked for anything. */
  done(group: Group, requested: boolean): void;
  /** A group failed: it is rejected for good, or comes back. */
  failed(group: Group, error: RejectedError | RetryableError): void;
  /** Ends a batch. One conditional write where a group was postponed or came back, and otherwise one a minute. */
  close(): Promise<void>;
}

export interface ProgressKeeperOptions {
  store: VersionedStore<Progress>;
  logger: Logger;
  /** Epoch milliseconds. */
  now: () => number;
}

const WRITE_EVERY_MS = 60_000;
/** Results that are kept while they cannot be written. */
const MAX_UNWRITTEN = 10 * MAX_WAITING;

/** Progress that cannot be written is a warning, and no reason to stop: it is written with the next batch. */
export function progressKeeper({ store, logger, now }: ProgressKeeperOptions): ProgressKeeper {
  let unwritten: GroupResult[] = [];
  let isUrgent = false;
  let known: Versioned<Progress> | undefined;
  let writtenAt = Number.NEGATIVE_INFINITY;

  const note = (group: Group, result: GroupResult) => {
    unwritten.push(result);
    const isOver = result.result === 'synced' || result.result === 'settled';
    // A list that is full says all there is to say: a backlog of thousands that fails costs no write for each batch.
    if (isOver ? receiveCountOf(group) > 1 : (known?.value.waiting.length ?? 0) < MAX_WAITING)
      isUrgent = true;
  };
  const about = (group: Group) => ({ group: group.id, at: now(), changedAt: changedAtOf(group, now()) });
  return {
    done(group, requested) {
      note(group, { ...about(group), result: requested ? 'synced' : 'settled' });
    },
    failed(group, error) {
      if (error instanceof RejectedError) return note(group, { ...about(group), result: 'settled' });
      const isHeld = error instanceof PausedError && error.reason !== 'minute';
      note(group, {
        ...about(group),
        result: isHeld ? 'held' : 'failed',
        retryAt: now() + backoffMs(receiveCountOf(group), error, 1),
        isBackfill: error instanceof PausedError && error.reason === 'backfill',
      });
    },
    async close() {
      if (unwritten.length === 0 || (!isUrgent && now() - writtenAt < WRITE_EVERY_MS)) return;
      const results = unwritten;
      unwritten = [];
      try {
        known = await updateVersioned(store, (before) => addResults(before, results), known);
        isUrgent = false;
        writtenAt = now();
      } catch (error) {
        unwritten = [...results, ...unwritten].slice(-MAX_UNWRITTEN);
        logger.warn('The progress of this batch is recorded with the next', {
          error: error instanceof Error ? error.name : typeof error,
        });
      }
    },
  };
}

const receiveCountOf = ({ deliveries }: Group): number =>
  Math.max(...deliveries.map(({ record }) => Number(record.attributes.ApproximateReceiveCount)));

function changedAtOf({ deliveries }: Group, now: number): number {
  return Math.min(
    ...deliveries.map(({ record, message }) =>
      'changedAt' in message ? Date.parse(message.changedAt) : sentAt(record, now),
    ),
  );
}

const sentAt = ({ attributes }: SQSRecord, now: number): number => Number(attributes.SentTimestamp) || now;
