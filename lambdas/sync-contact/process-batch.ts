import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { Rejected, Retryable } from '../../shared/sync/errors.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { type Group, groupsOf } from './delivery.ts';
import { type ProcessUserDependencies, processUser, type UserOutcome } from './process-user.ts';
import type { FailureQueue } from './queue.ts';

export interface ProcessBatchDependencies extends ProcessUserDependencies {
  queue: FailureQueue;
  logger: Logger;
  /** Counts one user's outcome. */
  count: (outcome: UserOutcome['outcome'] | 'rejected' | 'postponed') => void;
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
  const kept = await Promise.all(groupsOf(records).map((group) => processGroup(group, dependencies)));
  return { batchItemFailures: kept.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

async function processGroup(group: Group, dependencies: ProcessBatchDependencies): Promise<SQSRecord[]> {
  const { queue, logger, count } = dependencies;
  const records = group.deliveries.map(({ record }) => record);
  try {
    await handleGroup(group, dependencies);
    return [];
  } catch (error) {
    const { message, record } = group.deliveries[group.deliveries.length - 1] ?? group.deliveries[0];
    const userId = 'userId' in message ? message.userId : undefined;
    if (error instanceof Rejected) {
      const { reason, status, errorId } = error;
      await queue.reject(record, error);
      logger.error('Rejected', { userId, reason, status, errorId, problem: error.message });
      count('rejected');
      return [];
    }
    const failure =
      error instanceof Retryable ? error : new Retryable('Unexpected failure', { cause: error });
    logger.warn('Postponed', { userId, messages: records.length, problem: failure.message, error: failure });
    count('postponed');
    await queue.postpone(records, failure);
    return records;
  }
}

/** All messages of a group are about one user, apart from those of the catalog and unreadable ones. */
async function handleGroup(group: Group, dependencies: ProcessBatchDependencies): Promise<void> {
  const { catalog, queue, logger, count, now } = dependencies;
  const aboutUser: UserMessage[] = [];
  for (const { record, message } of group.deliveries) {
    if (message instanceof Rejected) {
      await queue.reject(record, message);
      logger.error('Rejected', {
        reason: message.reason,
        errorId: message.errorId,
        messageId: record.messageId,
      });
      count('rejected');
    } else if (message.kind === 'refresh-catalog') {
      const { tags, customFields } = await catalog.newerThan(now());
      logger.info('Catalog refreshed', { tags, customFields });
    } else {
      aboutUser.push(message);
    }
  }
  const [first, ...rest] = aboutUser;
  if (!first) return;
  const startedAt = now();
  const { outcome, contactId, warnings } = await processUser([first, ...rest], dependencies);
  const lagMs = startedAt - Date.parse(first.changedAt);
  const causes = aboutUser.map(({ cause }) => cause);
  logger.info('Done', {
    userId: first.userId,
    contactId,
    outcome,
    causes,
    lagMs,
    durationMs: now() - startedAt,
    ...(warnings.length > 0 && { warnings }),
  });
  count(outcome);
}
