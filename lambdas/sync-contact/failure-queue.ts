import { randomUUID } from 'node:crypto';
import { ChangeMessageVisibilityBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { sendAll } from '../../shared/queue/send-batch.ts';
import { backoffMs } from '../../shared/quota/retry-policy.ts';
import type { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';

/** The queue's side of a failure: what has to wait, what nobody can mend by waiting, and what has to be done another way. */
export interface FailureQueue {
  /** Makes messages come back when a new try makes sense. */
  postpone(records: readonly SQSRecord[], error: RetryableError): Promise<void>;
  /** Sends a copy of a message to the dead-letter queue with the reason, and no data of the person. */
  reject(record: SQSRecord, error: RejectedError): Promise<void>;
  /** Sends messages about users who have to be looked at one by one. */
  lookAgain(messages: readonly UserMessage[]): Promise<void>;
}

/** Handles failures through Amazon SQS. */
export function failureQueue({
  queueUrl,
  deadLetterQueueUrl,
}: {
  queueUrl: string;
  deadLetterQueueUrl: string;
}): FailureQueue {
  const sqs = new SQSClient({ requestHandler });
  return {
    async postpone(records, error) {
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
    async lookAgain(messages) {
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
