import { ChangeMessageVisibilityBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { failureQueue } from '../../../lambdas/sync-contact/failure-queue.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';

const sqs = mockClient(SQSClient);
beforeEach(() => sqs.reset());

const queues = { queueUrl: 'https://sqs/queue.fifo', deadLetterQueueUrl: 'https://sqs/dead.fifo' };
const record = (receiveCount: number) =>
  ({
    messageId: 'm1',
    receiptHandle: 'r1',
    body: '{"userId":"ann"}',
    attributes: { MessageGroupId: 'ann', ApproximateReceiveCount: String(receiveCount) },
  }) as SQSRecord;

describe('the failure queue', () => {
  it('hides messages for as long as the failure says', async () => {
    sqs.on(ChangeMessageVisibilityBatchCommand).resolves({});
    await failureQueue(queues).scheduleRetry(
      [record(1), record(3)],
      new RetryableError('down', { afterMs: 60_000 }),
    );
    const [call] = sqs.commandCalls(ChangeMessageVisibilityBatchCommand);
    const entries = call?.args[0].input.Entries ?? [];
    expect(entries).toHaveLength(2);
    for (const { VisibilityTimeout } of entries) {
      expect(VisibilityTimeout).toBeGreaterThanOrEqual(60);
      expect(VisibilityTimeout).toBeLessThanOrEqual(90);
    }
  });

  it('sends a rejected message with its reason and without personal data', async () => {
    sqs.on(SendMessageCommand).resolves({});
    const error = new RejectedError('refused-by-crm', 'no', { status: 400 });
    await failureQueue(queues).reject(record(1), error);
    expect(sqs.commandCalls(SendMessageCommand)[0]?.args[0].input).toEqual({
      QueueUrl: queues.deadLetterQueueUrl,
      MessageBody: '{"userId":"ann"}',
      MessageGroupId: 'ann',
      MessageDeduplicationId: error.errorId,
      MessageAttributes: {
        reason: { DataType: 'String', StringValue: 'refused-by-crm' },
        errorId: { DataType: 'String', StringValue: error.errorId },
        status: { DataType: 'Number', StringValue: '400' },
      },
    });
  });
});
