import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { type ForgetDependencies, forgetUser } from '../../shared/contacts/forget-user.ts';
import type { PendingTags } from '../../shared/contacts/pending-tags.ts';
import { runTagJob, type TagJobDependencies } from '../../shared/contacts/tag-job.ts';
import { UncertainError } from '../../shared/infusionsoft/http/failures.ts';
import { PausedError, pausedFor } from '../../shared/infusionsoft/http/request-gate.ts';
import type { RequestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { BACKFILL_WAIT, POSTPONED_AFTER } from '../../shared/quota/retry-policy.ts';
import type { PostponedStore } from '../../shared/store/postponed-store.ts';
import { CloudError, RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { TagUsersMessage, UserMessage } from '../../shared/sync/message.ts';
import { type Group, groupsOf } from './delivery.ts';
import type { FailureQueue } from './failure-queue.ts';
import { type InspectAccountDependencies, inspectAccount } from './inspect-account.ts';
import { type ProcessUserDependencies, processUser, type UserOutcome } from './process-user.ts';
import type { ProgressKeeper } from './progress-keeper.ts';
import type { Allowance, QuotaKeeper } from './quota-keeper.ts';

export interface ProcessBatchDependencies
  extends ProcessUserDependencies,
    ForgetDependencies,
    InspectAccountDependencies,
    TagJobDependencies {
  queue: FailureQueue;
  /** Told of groups that fail again and again, and when they no longer do. */
  postponed: Pick<PostponedStore, 'record' | 'clear'>;
  quota: QuotaKeeper;
  progress: ProgressKeeper;
  journal: RequestJournal;
  logger: Logger;
  /** Counts one user's outcome. */
  count: (outcome: UserOutcome['outcome'] | 'rejected' | 'postponed' | 'withoutOwner') => void;
  /** Told how long after its change a user was in sync, in milliseconds. */
  lag: (ms: number) => void;
}

/**
 * Works through a batch of the queue: users side by side, each user's messages together and in order. A user that fails
 * holds up nobody else: what can be tried again stays in the queue, what cannot goes to the dead-letter queue at once.
 *
 * @returns the messages that stay in the queue.
 */
export async function processBatch(
  records: readonly SQSRecord[],
  dependencies: ProcessBatchDependencies,
): Promise<SQSBatchResponse> {
  const allowance = await dependencies.quota.open();
  const kept = await Promise.all(
    groupsOf(records).map((group) =>
      dependencies.journal.during(() => processGroup(group, allowance, dependencies)),
    ),
  );
  await Promise.all([dependencies.quota.close(), dependencies.progress.close()]);
  return { batchItemFailures: kept.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

async function processGroup(
  group: Group,
  allowance: Allowance,
  dependencies: ProcessBatchDependencies,
): Promise<SQSRecord[]> {
  try {
    checkAllowance(group, allowance, dependencies.now());
    const requested = await handleGroup(group, dependencies);
    dependencies.progress.done(group, requested);
    if (deliveriesOf(group) > POSTPONED_AFTER) await dependencies.postponed.clear(group.id);
    return [];
  } catch (error) {
    const failure = knownFailure(error, dependencies.logger);
    dependencies.progress.failed(group, failure);
    return fail(group, failure, dependencies);
  }
}

/** A failure of no known kind, a fault of this program perhaps, is logged whole. */
function knownFailure(error: unknown, logger: Logger): RejectedError | RetryableError {
  if (error instanceof RejectedError || error instanceof RetryableError) return error;
  logger.error('Unexpected failure', { error });
  return new CloudError('Unexpected failure', { cause: error });
}

/** @throws RetryableError while the quota is spent: for all users, or for those of a backfill alone. */
function checkAllowance(group: Group, { pause, backfillPausedUntil }: Allowance, now: number): void {
  if (pause) throw pausedFor(pause, now);
  const isBackfill = group.deliveries.every(
    ({ message }) =>
      !(message instanceof RejectedError) &&
      (message.kind === 'tag-users' || (message.kind === 'user' && message.cause === 'backfill')),
  );
  if (isBackfill && backfillPausedUntil !== undefined)
    throw new PausedError('backfill', "The backfill's part of the quota is spent", backfillPausedUntil - now);
}

const deliveriesOf = ({ deliveries }: Group): number =>
  Math.max(...deliveries.map(({ record }) => Number(record.attributes.ApproximateReceiveCount)));

/** What ties the line about a user to the stream record, and what its requests were. */
function traceOf(group: Group, journal: RequestJournal) {
  const messages = group.deliveries.map(({ message }) => message);
  return {
    correlationIds: messages.flatMap((message) =>
      'correlationId' in message && message.correlationId ? [message.correlationId] : [],
    ),
    deliveries: deliveriesOf(group),
    requests: journal.lines(),
  };
}

/** @returns the messages that stay in the queue: none where nothing can be mended by waiting. */
async function fail(
  group: Group,
  error: RejectedError | RetryableError,
  { queue, postponed, journal, logger, count, now }: ProcessBatchDependencies,
): Promise<SQSRecord[]> {
  const { deliveries } = group;
  const records = deliveries.map(({ record }) => record);
  const { message, record } = deliveries.at(-1) ?? deliveries[0];
  const userId = 'userId' in message ? message.userId : undefined;
  const about = { userId, ...traceOf(group, journal) };
  try {
    if (error instanceof RejectedError) {
      if (deliveriesOf(group) > POSTPONED_AFTER) await postponed.clear(group.id);
      await queue.reject(record, error);
      const { reason, status, errorId, otherUserId } = error;
      logger.error('Rejected', { ...about, reason, status, errorId, otherUserId, problem: error.message });
      count('rejected');
      return [];
    }
    // The cause may hold an answer of the CRM, and so data of the person: only its name is logged.
    const cause = error.cause instanceof Error ? error.cause.name : undefined;
    logger.warn('Postponed', { ...about, messages: records.length, problem: error.message, cause });
    count('postponed');
    await queue.postpone(records, error);
    // A failure that knows when it ends, such as a lease or a pause, is a wait. One without an answer of the CRM may fail again and again.
    if (
      (error.afterMs === undefined || error instanceof UncertainError) &&
      deliveriesOf(group) >= POSTPONED_AFTER
    )
      await postponed.record(group.id, { reason: error.message, at: new Date(now()).toISOString() });
  } catch (queueError) {
    // Then they come back after the visibility time-out of the queue.
    logger.error('The queue failed', { ...about, messages: records.length, error: queueError });
  }
  return records;
}

/**
 * All messages of a group are about one user, apart from those about many or the account, and unreadable ones.
 *
 * @returns whether the CRM was asked for anything.
 */
async function handleGroup(group: Group, dependencies: ProcessBatchDependencies): Promise<boolean> {
  const { queue, journal, logger, count, lag, now } = dependencies;
  const aboutUser: UserMessage[] = [];
  let tagged = false;
  for (const { record, message } of group.deliveries) {
    if (message instanceof RejectedError) {
      await queue.reject(record, message);
      logger.error('Rejected', {
        reason: message.reason,
        errorId: message.errorId,
        messageId: record.messageId,
      });
      count('rejected');
    } else if (message.kind === 'inspect-account') {
      const { inspectionId } = message;
      logger.info('Account inspected', {
        inspectionId,
        problems: await inspectAccount(message, dependencies),
      });
    } else if (message.kind === 'tag-users') {
      tagged = await handleTags(message, group, dependencies);
    } else if (message.kind === 'forget') {
      const { userId, requestId } = message;
      const done = await forgetUser(message, dependencies);
      logger.info('Forgotten', { userId, requestId, done, ...traceOf(group, journal) });
      count('retired');
    } else {
      aboutUser.push(isTooLateForTags(message, group, now()) ? { ...message, tagsLater: false } : message);
    }
  }
  const [first, ...rest] = aboutUser;
  if (!first) return tagged || journal.lines().length > 0;
  const startedAt = now();
  const { outcome, contactId, warnings } = await processUser([first, ...rest], dependencies);
  const lagMs = now() - Date.parse(first.changedAt);
  const causes = aboutUser.map(({ cause }) => cause);
  logger.info('Done', {
    userId: first.userId,
    contactId,
    outcome,
    causes,
    ...traceOf(group, journal),
    lagMs,
    durationMs: now() - startedAt,
    ...(warnings.length > 0 && { warnings }),
  });
  count(outcome);
  lag(lagMs);
  if (warnings.some(({ reason }) => reason === 'unknown-staff')) count('withoutOwner');
  return journal.lines().length > 0;
}

/** Whether a backfill may no longer wait for the user, so that nobody else would bring its tags. */
const isTooLateForTags = ({ changedAt }: UserMessage, group: Group, now: number): boolean =>
  deliveriesOf(group) >= POSTPONED_AFTER || now - Date.parse(changedAt) > BACKFILL_WAIT.tagsMs;

/** One line for each user, as if it had been alone. @returns whether the tags of any user were changed. */
async function handleTags(
  message: TagUsersMessage,
  group: Group,
  dependencies: ProcessBatchDependencies,
): Promise<boolean> {
  const { journal, logger, count, did, lag, now } = dependencies;
  let requested = false;
  const { correlationIds, deliveries } = traceOf(group, journal);
  const onTagged = ({ userId, contactId, plan, requests }: PendingTags) => {
    const lagMs = now() - Date.parse(message.changedAt);
    const about = { userId, contactId, outcome: 'synced', causes: ['backfill'] };
    logger.info('Done', { ...about, correlationIds, deliveries, requests, lagMs });
    count('synced');
    if (requests.length > 0) requested = true;
    if (plan.remove.length + plan.add.length > 0) did('tagged');
    lag(lagMs);
  };
  await runTagJob(message, dependencies, onTagged);
  return requested;
}
