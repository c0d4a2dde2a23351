import { randomUUID } from 'node:crypto';
import { ChangeMessageVisibilityBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { sendAll } from '../../shared/queue/send-batch.ts';
import { backoffMs } from '../../shared/quota/retry-policy.ts';
import type { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import { messageGroupOf, type UserMessage } from '../../shared/sync/message.ts';

/** Moves messages that were not handled: back to the queue, to the dead-letter queue, or into new messages. */
export interface FailureQueue {
  /** Hides messages in the queue until a retry makes sense. */
  scheduleRetry(records: readonly SQSRecord[], error: RetryableError): Promise<void>;
  /** Sends a copy of a message to the dead-letter queue, with the reason and without personal data. */
  reject(record: SQSRecord, error: RejectedError): Promise<void>;
  /** Sends new messages about users who have to be synced one by one. */
  requeue(messages: readonly UserMessage[]): Promise<void>;
}

/** Implements the failure queue with Amazon SQS. */
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
      const seconds = Math.ceil(backoffMs(receiveCount, error, Math.random()) / 1000);
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
