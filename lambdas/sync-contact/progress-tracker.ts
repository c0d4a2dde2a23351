import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { PausedError } from '../../shared/infusionsoft/http/request-gate.ts';
import { addResults, type GroupResult, MAX_WAITING, type Progress } from '../../shared/queue/progress.ts';
import { backoffMs } from '../../shared/quota/retry-policy.ts';
import { updateVersioned, type Versioned, type VersionedStore } from '../../shared/quota/versioned-store.ts';
import { RejectedError, type RetryableError } from '../../shared/sync/errors.ts';
import { type MessageGroup, receiveCountOf } from './message-groups.ts';

/** What a group did with the CRM: whether it made a request, and whether the CRM accepted a change of a contact. */
interface GroupWork {
  requested: boolean;
  hasWritten: boolean;
}

/**
 * Records the results of this environment. check-health reads them, and they show whether the CRM fails for one contact only
 * (docs/decisions/0012-contact-faults.md).
 */
export interface ProgressTracker {
  succeeded(group: MessageGroup, work: GroupWork): void;
  failed(group: MessageGroup, error: RejectedError | RetryableError): void;
  /**
   * Writes the results of a batch: by one conditional write if a group failed or came back, and otherwise once a minute. Results that could
   * not be written are written with the next batch.
   */
  flush(): Promise<void>;
}

export interface ProgressTrackerOptions {
  store: VersionedStore<Progress>;
  logger: Pick<Logger, 'warn'>;
  /** Epoch milliseconds. */
  now: () => number;
}

const WRITE_EVERY_MS = 60_000;
/** Most results that are kept while they cannot be written. */
const MAX_UNWRITTEN = 10 * MAX_WAITING;

/** Progress of one environment, in the sync table. */
export function progressTracker({ store, logger, now }: ProgressTrackerOptions): ProgressTracker {
  let unwritten: GroupResult[] = [];
  let isUrgent = false;
  let known: Versioned<Progress> | undefined;
  let writtenAt = Number.NEGATIVE_INFINITY;

  const add = (group: MessageGroup, result: Omit<GroupResult, 'group' | 'at' | 'changedAt'>) => {
    unwritten.push({ group: group.id, at: now(), changedAt: changedAtOf(group, now()), ...result });
    const isOver = result.result === 'synced' || result.result === 'settled';
    // Once the list is full, another failure adds nothing to it. So a failing backlog of thousands does not cost a write for each batch.
    if (isOver ? receiveCountOf(group) > 1 : (known?.value.waiting.length ?? 0) < MAX_WAITING)
      isUrgent = true;
  };
  return {
    succeeded(group, { requested, hasWritten }) {
      add(group, requested ? { result: 'synced', hasWritten } : { result: 'settled' });
    },
    failed(group, error) {
      if (error instanceof RejectedError) return add(group, { result: 'settled' });
      const isHeld = error instanceof PausedError && error.reason !== 'minute';
      add(group, {
        result: isHeld ? 'held' : 'failed',
        retryAt: now() + backoffMs(receiveCountOf(group), error, 1),
        isBackfill: error instanceof PausedError && error.reason === 'backfill',
      });
    },
    async flush() {
      if (unwritten.length === 0 || (!isUrgent && now() - writtenAt < WRITE_EVERY_MS)) return;
      const results = unwritten;
      unwritten = [];
      try {
        known = await updateVersioned(store, (before) => addResults(before, results), known);
        isUrgent = false;
        writtenAt = now();
      } catch (error) {
        unwritten = [...results, ...unwritten].slice(-MAX_UNWRITTEN);
        logger.warn('Could not record progress, retrying with the next batch', {
          error: error instanceof Error ? error.name : typeof error,
        });
      }
    },
  };
}

/** When the oldest change of the group was made, in epoch milliseconds. */
function changedAtOf({ deliveries }: MessageGroup, now: number): number {
  return Math.min(
    ...deliveries.map(({ record, message }) =>
      'changedAt' in message ? Date.parse(message.changedAt) : sentAt(record, now),
    ),
  );
}

const sentAt = ({ attributes }: SQSRecord, now: number): number => Number(attributes.SentTimestamp) || now;
