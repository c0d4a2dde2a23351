import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { ConflictWaitError } from '../../shared/contacts/conflict.ts';
import { UncertainError } from '../../shared/infusionsoft/http/failures.ts';
import { pausedFor } from '../../shared/infusionsoft/http/request-gate.ts';
import type { RequestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { POSTPONED_AFTER } from '../../shared/quota/retry-policy.ts';
import type { PostponedStore } from '../../shared/store/postponed-store.ts';
import { CloudError, RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { FailureQueue } from './failure-queue.ts';
import {
  correlationIdsOf,
  type MessageGroup,
  messageGroups,
  receiveCountOf,
  type Task,
  tasksOf,
} from './message-groups.ts';
import type { SyncMetrics } from './metrics.ts';
import type { ProgressTracker } from './progress-tracker.ts';
import { type Allowance, backfillPausedFor, type QuotaTracker } from './quota-tracker.ts';

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
  /** @returns whether a request shows that the CRM works. */
  processTask: (task: Task) => Promise<boolean>;
  quota: QuotaTracker;
  progress: ProgressTracker;
  journal: Pick<RequestJournal, 'during' | 'lines' | 'hasWritten'>;
}

/**
 * Handles a batch of the queue: groups in parallel, and the messages of each FIFO group in order, task by task. A group that fails does
 * not hold up the others. Messages that can succeed later stay in the queue with all that follow them in their group. A task that cannot
 * succeed becomes one dead letter at once, and the next task goes on.
 *
 * @returns the messages that stay in the queue.
 */
export async function processBatch(
  records: readonly SQSRecord[],
  dependencies: ProcessBatchDependencies,
): Promise<SQSBatchResponse> {
  const { quota, progress, journal } = dependencies;
  const allowance = await quota.refresh();
  const kept = await Promise.all(
    messageGroups(records).map((group) =>
      journal.during(() => handleGroup(group, allowance, dependencies), group.id),
    ),
  );
  await Promise.all([quota.recordUsage(), progress.flush()]);
  return { batchItemFailures: kept.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

/** @returns the messages that stay in the queue. */
async function handleGroup(
  group: MessageGroup,
  allowance: Allowance,
  dependencies: ProcessBatchDependencies,
): Promise<SQSRecord[]> {
  const { quota, progress, postponed, journal, logger, now } = dependencies;
  const tasks = tasksOf(group);
  let requested = false;
  let rejection: RejectedError | undefined;
  for (const [index, task] of tasks.entries()) {
    try {
      assertAllowed(task, allowance, now());
      const work = () => dependencies.processTask(task);
      if (await (isOfBackfill(task) ? quota.asBackfill(work) : work())) requested = true;
    } catch (error) {
      const failure = toFailure(error, logger);
      if (failure instanceof RejectedError && (await reject(task, failure, dependencies)))
        rejection = failure;
      else {
        // A rejection whose dead letter could not be sent is tried again.
        progress.failed(
          group,
          failure instanceof RejectedError ? new CloudError('Could not send a dead letter') : failure,
        );
        const left = tasks.slice(index).flatMap(({ deliveries }) => deliveries.map(({ record }) => record));
        await postpone(task, left, failure, dependencies);
        return left;
      }
    }
  }
  if (rejection) progress.failed(group, rejection);
  else progress.succeeded(group, { requested, hasWritten: journal.hasWritten() });
  if (receiveCountOf(group) > POSTPONED_AFTER)
    // A record that stays says for some time that the group has failed. That is no reason to fail the batch.
    await postponed
      .clear(group.id)
      .catch((error: unknown) =>
        logger.warn('Could not clear a postponement', { error: describeError(error) }),
      );
  return [];
}

function toFailure(error: unknown, logger: Pick<Logger, 'error'>): RejectedError | RetryableError {
  if (error instanceof RejectedError || error instanceof RetryableError) return error;
  logger.error('Unexpected error', { error: describeError(error) });
  return new CloudError('Unexpected error', { cause: error });
}

/**
 * An error as it is logged. The message of an error that AWS did not send may quote the user's data, as one that a mapping throws, so only
 * its name and its place in the code are logged. Other properties are left out: an error of DynamoDB can have the item of a user.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error;
  const message = '$metadata' in error ? error.message : undefined;
  const frames = error.stack?.replace(error.message, '').match(/^ +at .*$/gm) ?? [];
  const cause = error.cause === undefined ? undefined : describeError(error.cause);
  return { name: error.name, message, frames: frames.map((frame) => frame.trim()), cause };
}

/** @throws PausedError while requests are paused. For a poll or a backfill, also while only the reserve for live changes is left. */
function assertAllowed(task: Task, { pause, backfillPausedUntil }: Allowance, now: number): void {
  if (pause) throw pausedFor(pause, now);
  if (backfillPausedUntil !== undefined && isOfBackfill(task))
    throw backfillPausedFor(backfillPausedUntil, now);
}

/** Whether a task must leave the reserve for live changes: a poll, or work of a backfill. */
const isOfBackfill = ({ deliveries }: Task): boolean =>
  deliveries.every(
    ({ message }) =>
      !(message instanceof RejectedError) &&
      (message.kind === 'tag-users' ||
        message.kind === 'poll-crm' ||
        (message.kind === 'user' && message.cause === 'backfill')),
  );

const contextOf = ({ deliveries, ...task }: Task, journal: Pick<RequestJournal, 'lines'>) => {
  const { message, record } = deliveries[0];
  return {
    userId: 'userId' in message ? message.userId : undefined,
    messageId: record.messageId,
    correlationIds: correlationIdsOf({ ...task, deliveries }),
    deliveries: receiveCountOf({ ...task, deliveries }),
    requests: journal.lines(),
  };
};

/** Sends the last message of a task to the dead-letter queue. @returns whether SQS accepted it. */
async function reject(
  task: Task,
  error: RejectedError,
  { queue, journal, metrics, logger }: HandleFailureDependencies,
): Promise<boolean> {
  const context = contextOf(task, journal);
  try {
    await queue.reject((task.deliveries.at(-1) ?? task.deliveries[0]).record, error);
  } catch (queueError) {
    logger.error('Could not send a dead letter', { ...context, error: queueError });
    return false;
  }
  const { reason, status, errorId, otherUserId } = error;
  logger.error('Rejected', { ...context, reason, status, errorId, otherUserId, problem: error.message });
  metrics.countOutcome('rejected');
  return true;
}

/** Hides the messages that stay in the queue until a retry makes sense. */
async function postpone(
  task: Task,
  records: readonly SQSRecord[],
  error: RejectedError | RetryableError,
  { queue, postponed, journal, metrics, logger, now }: HandleFailureDependencies,
): Promise<void> {
  const context = { ...contextOf(task, journal), messages: records.length };
  // The messages of a task whose dead letter was not accepted come back after the visibility timeout of the queue.
  if (error instanceof RejectedError) return;
  try {
    // The cause can hold an answer of the CRM with personal data, so only its name is logged.
    const cause = error.cause instanceof Error ? error.cause.name : undefined;
    logger.warn('Retry scheduled', { ...context, problem: error.message, cause });
    metrics.countOutcome('postponed');
    await queue.scheduleRetry(records, error);
    // A failure with a known end, such as a lease or a pause, is only a wait. Two such failures count all the same: a request without an
    // answer can fail again and again, and a conflict can last longer than a backfill waits.
    const isLong = error instanceof UncertainError || error instanceof ConflictWaitError;
    if ((error.afterMs === undefined || isLong) && receiveCountOf(task) >= POSTPONED_AFTER)
      await postponed.record(task.id, { reason: error.message, at: new Date(now()).toISOString() });
  } catch (queueError) {
    // The messages come back after the visibility timeout of the queue.
    logger.error('Could not update the queue', { ...context, error: queueError });
  }
}
