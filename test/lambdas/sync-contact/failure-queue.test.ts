import { ChangeMessageVisibilityBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { backoffMs, failureQueue } from '../../../lambdas/sync-contact/failure-queue.ts';
import { CloudError, RejectedError, RetryableError } from '../../../shared/sync/errors.ts';

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

describe('the wait before a retry', () => {
  it.each([
    [1, undefined, 2000],
    [4, undefined, 16_000],
    [30, undefined, 1_320_000],
    [1, 5000, 5000],
    [9, 0, 0],
    [1, 24 * 3_600_000, 3_600_000],
  ])('after %d deliveries and an error with afterMs %s is %d ms', (receiveCount, afterMs, expected) => {
    expect(backoffMs(receiveCount, new RetryableError('', { afterMs }), 0)).toBe(expected);
  });

  it('of messages that wait for the same moment is spread by half a minute at most', () => {
    expect(backoffMs(1, new RetryableError('', { afterMs: 3_000_000 }), 1)).toBe(3_030_000);
    expect(backoffMs(1, new RetryableError('', { afterMs: 2000 }), 1)).toBe(3000);
  });

  it('after a failure of our own cloud is a minute and a half at most, for about an hour', () => {
    const waits = Array.from({ length: 50 }, (_, index) => backoffMs(index + 1, new CloudError(''), 1));
    expect(Math.max(...waits)).toBe(90_000);
    const shortest = waits.map((_, index) => backoffMs(index + 1, new CloudError(''), 0));
    expect(shortest.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(45 * 60_000);
    expect(backoffMs(51, new CloudError(''), 0)).toBe(1_320_000);
  });

  it('is never longer than SQS can hide a message, and never negative', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.option(fc.nat(), { nil: undefined }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (count, afterMs, random) => {
          const wait = backoffMs(count, new RetryableError('', { afterMs }), random);
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThan(12 * 3_600_000);
        },
      ),
    );
  });
});

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
