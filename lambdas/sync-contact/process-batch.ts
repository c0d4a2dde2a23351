import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { UncertainError } from '../../shared/infusionsoft/http/failures.ts';
import { PausedError, pausedFor } from '../../shared/infusionsoft/http/request-gate.ts';
import type { RequestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { POSTPONED_AFTER } from '../../shared/quota/retry-policy.ts';
import type { PostponedStore } from '../../shared/store/postponed-store.ts';
import { CloudError, RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { FailureQueue } from './failure-queue.ts';
import { correlationIdsOf, type MessageGroup, messageGroups, receiveCountOf } from './message-groups.ts';
import type { SyncMetrics } from './metrics.ts';
import type { ProgressTracker } from './progress-tracker.ts';
import type { Allowance, QuotaTracker } from './quota-tracker.ts';

interface HandleFailureDependencies {
  queue: Pick<FailureQueue, 'scheduleRetry' | 'reject'>;
  /** Groups that have failed several times in a row. */
  postponed: Pick<PostponedStore, 'record' | 'clear'>;
  journal: Pick<RequestJournal, 'lines'>;
  metrics: Pick<SyncMetrics, 'countOutcome'>;
  logger: Pick<Logger, 'warn' | 'error'>;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface ProcessBatchDependencies extends HandleFailureDependencies {
  /** @returns whether a request was made to the CRM. */
  processGroup: (group: MessageGroup) => Promise<boolean>;
  quota: QuotaTracker;
  progress: ProgressTracker;
  journal: Pick<RequestJournal, 'during' | 'lines'>;
}

/**
 * Handles a batch of the queue: users side by side, and the messages of each user together and in order. A user that fails does not hold
 * up the others. Messages that can succeed later stay in the queue; messages that cannot go to the dead-letter queue at once.
 *
 * @returns the messages that stay in the queue.
 */
export async function processBatch(
  records: readonly SQSRecord[],
  dependencies: ProcessBatchDependencies,
): Promise<SQSBatchResponse> {
  const { quota, progress, journal, postponed, logger, now } = dependencies;
  const allowance = await quota.refresh();
  const process = async (group: MessageGroup): Promise<SQSRecord[]> => {
    try {
      assertAllowed(group, allowance, now());
      const requested = await dependencies.processGroup(group);
      progress.succeeded(group, requested);
      if (receiveCountOf(group) > POSTPONED_AFTER) await postponed.clear(group.id);
      return [];
    } catch (error) {
      const failure = toFailure(error, logger);
      progress.failed(group, failure);
      return handleFailure(group, failure, dependencies);
    }
  };
  const kept = await Promise.all(messageGroups(records).map((group) => journal.during(() => process(group))));
  await Promise.all([quota.recordUsage(), progress.flush()]);
  return { batchItemFailures: kept.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

/** An error of another kind may be a bug, so it is logged whole. */
function toFailure(error: unknown, logger: Pick<Logger, 'error'>): RejectedError | RetryableError {
  if (error instanceof RejectedError || error instanceof RetryableError) return error;
  logger.error('Unexpected error', { error });
  return new CloudError('Unexpected error', { cause: error });
}

/** @throws PausedError while the quota is spent, or while a backfill's part of it is and the group belongs to a backfill. */
function assertAllowed(group: MessageGroup, { pause, backfillPausedUntil }: Allowance, now: number): void {
  if (pause) throw pausedFor(pause, now);
  const isBackfill = group.deliveries.every(
    ({ message }) =>
      !(message instanceof RejectedError) &&
      (message.kind === 'tag-users' || (message.kind === 'user' && message.cause === 'backfill')),
  );
  if (isBackfill && backfillPausedUntil !== undefined)
    throw new PausedError('backfill', "The backfill's part of the quota is spent", backfillPausedUntil - now);
}

/** @returns the messages that stay in the queue: none of a group that was rejected. */
async function handleFailure(
  group: MessageGroup,
  error: RejectedError | RetryableError,
  { queue, postponed, journal, metrics, logger, now }: HandleFailureDependencies,
): Promise<SQSRecord[]> {
  const { deliveries } = group;
  const records = deliveries.map(({ record }) => record);
  const { message, record } = deliveries.at(-1) ?? deliveries[0];
  const context = {
    userId: 'userId' in message ? message.userId : undefined,
    correlationIds: correlationIdsOf(group),
    deliveries: receiveCountOf(group),
    requests: journal.lines(),
  };
  try {
    if (error instanceof RejectedError) {
      if (receiveCountOf(group) > POSTPONED_AFTER) await postponed.clear(group.id);
      await queue.reject(record, error);
      const { reason, status, errorId, otherUserId } = error;
      logger.error('Rejected', { ...context, reason, status, errorId, otherUserId, problem: error.message });
      metrics.countOutcome('rejected');
      return [];
    }
    // The cause can hold an answer of the CRM with personal data, so only its name is logged.
    const cause = error.cause instanceof Error ? error.cause.name : undefined;
    const messages = records.length;
    logger.warn('Retry scheduled', { ...context, messages, problem: error.message, cause });
    metrics.countOutcome('postponed');
    await queue.scheduleRetry(records, error);
    // A failure with a known end, such as a lease or a pause, is only a wait. A request without an answer can fail again and again.
    if (
      (error.afterMs === undefined || error instanceof UncertainError) &&
      receiveCountOf(group) >= POSTPONED_AFTER
    )
      await postponed.record(group.id, { reason: error.message, at: new Date(now()).toISOString() });
  } catch (queueError) {
    // The messages come back after the visibility timeout of the queue.
    logger.error('Could not update the queue', { ...context, messages: records.length, error: queueError });
  }
  return records;
}
