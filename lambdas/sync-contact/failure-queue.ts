import { randomUUID } from 'node:crypto';
import { ChangeMessageVisibilityBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { sendAll } from '../../shared/queue/send-batch.ts';
import { CloudError, type RejectedError, type RetryableError } from '../../shared/sync/errors.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { messageGroupOf } from '../../shared/sync/message-group.ts';

/** Moves messages that were not handled: back to the queue, to the dead-letter queue, or into new messages. */
export interface FailureQueue {
  /** Hides messages in the queue until a retry makes sense. */
  scheduleRetry(records: readonly SQSRecord[], error: RetryableError): Promise<void>;
  /** Sends a copy of a message to the dead-letter queue, with the reason and without personal data. */
  reject(record: SQSRecord, error: RejectedError): Promise<void>;
  /** Sends new messages about users who have to be synced one by one. */
  requeue(messages: readonly UserMessage[]): Promise<void>;
}

const SECOND_MS = 1000;
/**
 * Longest wait between two tries of a message when nothing says how long to wait. Long enough that the 1,000 deliveries of a
 * message (`maxReceiveCount`, `infra/constructs/contact-sync.ts`) last for the 14 days that the queue keeps it: an outage makes no dead letter.
 */
const MAX_BACKOFF_MS = 22 * 60 * SECOND_MS;
/**
 * Longest wait after a failure of our own cloud, for about the first hour: when such a fault ends, nobody waits much longer than that.
 * After so many deliveries it is no passing fault, and they have to last as those of others do.
 */
const MAX_CLOUD_BACKOFF_MS = 60 * SECOND_MS;
const CLOUD_DELIVERIES = 50;

/**
 * Longest time that a message is hidden at once, however long a pause lasts: it may be lifted by hand. So a message of 14 days,
 * the oldest that a queue keeps, has come back 336 times, which its `maxReceiveCount` has to allow (`infra/constructs/contact-sync.ts`).
 */
const MAX_HIDDEN_MS = 60 * 60 * SECOND_MS;
/** Those who wait for one moment come back within this time after it. */
const MAX_SPREAD_MS = 30 * SECOND_MS;

/**
 * How long to wait until the next try, in milliseconds: as long as the error says, or twice as long with each delivery.
 *
 * @param receiveCount deliveries of the message so far, this one included.
 * @param random from 0 to 1: spreads the retries of messages that failed together.
 */
export function backoffMs(receiveCount: number, error: RetryableError, random: number): number {
  const { afterMs } = error;
  if (afterMs === undefined) {
    const isPassing = error instanceof CloudError && receiveCount <= CLOUD_DELIVERIES;
    const longest = isPassing ? MAX_CLOUD_BACKOFF_MS : MAX_BACKOFF_MS;
    return Math.min(longest, SECOND_MS * 2 ** receiveCount) * (1 + random / 2);
  }
  const base = Math.min(MAX_HIDDEN_MS, afterMs);
  return base + Math.min(base / 2, MAX_SPREAD_MS) * random;
}

/** The failure queue over Amazon SQS. */
export function failureQueue({
  queueUrl,
  deadLetterQueueUrl,
}: {
  queueUrl: string;
  deadLetterQueueUrl: string;
}): FailureQueue {
  const sqs = new SQSClient({ requestHandler });
  return {
    async scheduleRetry(records, error) {
      const receiveCount = Math.max(
        ...records.map(({ attributes }) => Number(attributes.ApproximateReceiveCount)),
      );
      const seconds = Math.ceil(backoffMs(receiveCount, error, Math.random()) / SECOND_MS);
      await sqs.send(
        new ChangeMessageVisibilityBatchCommand({
          QueueUrl: queueUrl,
          Entries: records.map(({ receiptHandle }, index) => ({
            Id: String(index),
            ReceiptHandle: receiptHandle,
            VisibilityTimeout: seconds,
          })),
        }),
      );
    },
    async requeue(messages) {
      await sendAll(
        sqs,
        queueUrl,
        messages.map((message) => ({
          message,
          groupId: messageGroupOf(message.userId),
          deduplicationId: randomUUID(),
        })),
      );
    },
    async reject({ body, messageId, attributes }, { reason, status, errorId, otherUserId }) {
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: deadLetterQueueUrl,
          MessageBody: body,
          MessageGroupId: attributes.MessageGroupId ?? messageId,
          MessageDeduplicationId: errorId,
          MessageAttributes: {
            reason: { DataType: 'String', StringValue: reason },
            errorId: { DataType: 'String', StringValue: errorId },
            ...(otherUserId && { otherUserId: { DataType: 'String', StringValue: otherUserId } }),
            ...(status && { status: { DataType: 'Number', StringValue: String(status) } }),
          },
        }),
      );
    },
  };
}
