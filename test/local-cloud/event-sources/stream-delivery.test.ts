import { describe, expect, it } from 'vitest';
import { ThrottledError } from '../lambda/lambda-function.ts';
import { type EventSourceStatistics, newStatistics } from './event-source.ts';
import { toStreamRecord } from './shard-reader.ts';
import type { DiscardedBatch } from './stream-delivery.ts';
import { type DeliverySettings, deliver } from './stream-delivery.ts';

const record = (sequenceNumber: number, at = new Date()) =>
  toStreamRecord(
    {
      eventName: 'INSERT',
      dynamodb: { SequenceNumber: String(sequenceNumber), ApproximateCreationDateTime: at },
    },
    'arn:stream',
    'us-east-1',
  );
const records = (count: number) => Array.from({ length: count }, (_, index) => record(index + 1));

/** Delivers to a function that gets the sequence numbers; collects its batches and what was given up. */
async function run(
  handler: (numbers: string[], invocation: number) => unknown,
  settings: Partial<DeliverySettings> = {},
  batch = records(4),
) {
  const batches: string[] = [];
  const discarded: Pick<DiscardedBatch, 'reason' | 'invocations' | 'functionError'>[] = [];
  const statistics: EventSourceStatistics = newStatistics();
  const invoke = async (event: unknown) => {
    const numbers = (event as { Records: typeof batch }).Records.map(
      ({ dynamodb }) => dynamodb.SequenceNumber,
    );
    batches.push(numbers.join(' '));
    return handler(numbers, batches.length);
  };
  const onFailure = async ({ records, ...rest }: DiscardedBatch) =>
    void discarded.push({
      ...rest,
      numbers: records.map(({ dynamodb }) => dynamodb.SequenceNumber).join(' '),
    } as never);
  await deliver(
    {
      target: { invoke, arn: 'arn:function' },
      reportBatchItemFailures: true,
      bisectBatchOnFunctionError: false,
      maximumRetryAttempts: -1,
      maximumRecordAgeSeconds: -1,
      onFailure,
      statistics,
      signal: new AbortController().signal,
      ...settings,
    },
    'shard-1',
    batch,
  );
  return { batches, discarded, statistics };
}

const failing = (...numbers: string[]) => ({
  batchItemFailures: numbers.map((itemIdentifier) => ({ itemIdentifier })),
});

describe('deliver', () => {
  it('invokes once when all records succeed', async () => {
    const { batches, statistics } = await run(() => undefined);
    expect(batches).toEqual(['1 2 3 4']);
    expect(statistics).toEqual({ batches: 1, records: 4, failures: 0, discarded: 0 });
  });

  it('retries from the lowest failed record', async () => {
    const { batches } = await run((_, invocation) => (invocation === 1 ? failing('4', '2') : undefined));
    expect(batches).toEqual(['1 2 3 4', '2 3 4']);
  });

  it('retries the whole batch after an error', async () => {
    const { batches } = await run((_, invocation) => {
      if (invocation === 1) throw new Error('down');
    });
    expect(batches).toEqual(['1 2 3 4', '1 2 3 4']);
  });

  it('discards records after the last retry', async () => {
    const { batches, discarded, statistics } = await run(() => failing('3'), { maximumRetryAttempts: 2 });
    expect(batches).toEqual(['1 2 3 4', '3 4', '3 4']);
    expect(discarded).toMatchObject([
      {
        numbers: '3 4',
        reason: 'RetryAttemptsExhausted',
        invocations: 3,
        functionError: false,
        shardId: 'shard-1',
      },
    ]);
    expect(statistics.discarded).toBe(2);
  });

  it('bisects a batch after an error until the bad record is alone, without using attempts', async () => {
    const poison = (numbers: string[]) => {
      if (numbers.includes('3')) throw new Error('poison');
    };
    const { batches, discarded } = await run(poison, {
      bisectBatchOnFunctionError: true,
      maximumRetryAttempts: 1,
    });
    expect(batches).toEqual(['1 2 3 4', '1 2', '3 4', '3', '3', '4']);
    expect(discarded).toMatchObject([{ numbers: '3', functionError: true }]);
  });

  it('does not count throttles as attempts', async () => {
    const throttledTwice = (_: unknown, invocation: number) => {
      if (invocation < 3) throw new ThrottledError('function', 1);
    };
    const { discarded, statistics } = await run(throttledTwice, { maximumRetryAttempts: 0 });
    expect(discarded).toEqual([]);
    expect(statistics).toMatchObject({ batches: 1, failures: 0 });
  });

  it('discards expired records before invoking', async () => {
    const batch = [record(1, new Date(Date.now() - 120_000)), record(2)];
    const { batches, discarded } = await run(() => undefined, { maximumRecordAgeSeconds: 60 }, batch);
    expect(batches).toEqual(['2']);
    expect(discarded).toMatchObject([{ numbers: '1', reason: 'RecordAgeExpired', invocations: 0 }]);
  });

  it('ends when the signal is aborted', async () => {
    const stopping = new AbortController();
    const always = () => {
      stopping.abort();
      throw new Error('down');
    };
    await expect(run(always, { signal: stopping.signal })).rejects.toThrow('aborted');
  });
});
