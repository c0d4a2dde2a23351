import { syncBuiltinESMExports } from 'node:module';
import {
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import FakeTimers, { type Clock } from '@sinonjs/fake-timers';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ShardReader } from './event-sources/shard-reader.ts';

let clock: Clock;
beforeEach(() => {
  clock = FakeTimers.install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  // Imports of `timers/promises` by name follow.
  syncBuiltinESMExports();
});
afterEach(() => {
  clock.uninstall();
  syncBuiltinESMExports();
});

/** Reads a shard for some time. @returns how often it was read, and the sequence numbers that were delivered. */
async function readFor(ms: number, countOf: (read: number) => number) {
  const streams = mockClient(DynamoDBStreamsClient);
  const stopping = new AbortController();
  const delivered: number[] = [];
  let [reads, written] = [0, 0];
  streams.on(GetShardIteratorCommand).resolves({ ShardIterator: 'here' });
  streams.on(GetRecordsCommand).callsFake(() => ({
    Records: Array.from({ length: countOf(reads++) }, () => ({
      eventName: 'INSERT',
      dynamodb: { SequenceNumber: String(++written) },
    })),
    NextShardIterator: 'further',
  }));
  const reader = new ShardReader({
    streams: new DynamoDBStreamsClient({ region: 'eu-west-1' }),
    streamArn: 'arn:stream',
    shardId: 'shard-1',
    region: 'eu-west-1',
    position: 'TRIM_HORIZON',
    parallelizationFactor: 1,
    batchSize: 10_000,
    batchingWindowSeconds: 0,
    passes: () => true,
    signal: stopping.signal,
    deliver: async (_, batch) => {
      delivered.push(...batch.map(({ dynamodb }) => Number(dynamodb.SequenceNumber)));
    },
  });
  await reader.open();
  reader.start();
  const reading = reader.run();
  await clock.tickAsync(ms);
  stopping.abort();
  await reading;
  return { reads, delivered };
}

it('reads a busy shard ten times a second, and not again for each record', async () => {
  const { reads, delivered } = await readFor(450, (read) => (read < 100 ? 1 : 0));
  expect(reads).toBe(5);
  expect(delivered).toEqual([1, 2, 3, 4, 5]);
});

it('reads on at once while a read is full', async () => {
  const { reads, delivered } = await readFor(50, (read) => (read < 3 ? 1000 : 0));
  expect(reads).toBe(4);
  expect(delivered).toHaveLength(3000);
});
