import {
  ChangeMessageVisibilityBatchCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { failureQueue } from '../../../lambdas/sync-contact/failure-queue.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { userMessage } from '../../support/user-message.ts';

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

  it('hides messages for longer the more often the oldest of them has failed', async () => {
    sqs.on(ChangeMessageVisibilityBatchCommand).resolves({});
    await failureQueue(queues).scheduleRetry([record(1), record(3)], new RetryableError('down'));
    const [call] = sqs.commandCalls(ChangeMessageVisibilityBatchCommand);
    const entries = call?.args[0].input.Entries ?? [];
    expect(entries).toHaveLength(2);
    for (const { VisibilityTimeout } of entries) {
      expect(VisibilityTimeout).toBeGreaterThanOrEqual(8);
      expect(VisibilityTimeout).toBeLessThanOrEqual(12);
    }
  });

  it('sends each user who has to be synced a message in its own group, also when one was sent before', async () => {
    sqs.on(SendMessageBatchCommand).resolves({});
    const messages = [userMessage('ann'), userMessage('bob'), userMessage('ann')];
    await failureQueue(queues).requeue(messages);
    const [call] = sqs.commandCalls(SendMessageBatchCommand);
    const { QueueUrl, Entries = [] } = call?.args[0].input ?? {};
    expect(QueueUrl).toBe(queues.queueUrl);
    expect(Entries.map(({ MessageBody }) => JSON.parse(MessageBody ?? ''))).toEqual(messages);
    expect(Entries.map(({ MessageGroupId }) => MessageGroupId)).toEqual(['ann', 'bob', 'ann']);
    expect(new Set(Entries.map((entry) => entry.MessageDeduplicationId)).size).toBe(3);
  });

  it('names the other user of a rejected message', async () => {
    sqs.on(SendMessageCommand).resolves({});
    const error = new RejectedError('contact-of-another-user', 'no', { otherUserId: 'bob' });
    await failureQueue(queues).reject(record(1), error);
    expect(sqs.commandCalls(SendMessageCommand)[0]?.args[0].input.MessageAttributes).toEqual({
      reason: { DataType: 'String', StringValue: 'contact-of-another-user' },
      errorId: { DataType: 'String', StringValue: error.errorId },
      otherUserId: { DataType: 'String', StringValue: 'bob' },
    });
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
