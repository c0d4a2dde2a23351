import { syncBuiltinESMExports } from 'node:module';
import {
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import FakeTimers, { type Clock } from '@sinonjs/fake-timers';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ShardReader, toStreamRecord } from '../event-sources/shard-reader.ts';

let clock: Clock;
beforeEach(() => {
  clock = FakeTimers.install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  // Updates named imports of `timers/promises`.
  syncBuiltinESMExports();
});
afterEach(() => {
  clock.uninstall();
  syncBuiltinESMExports();
});

/** Reads a shard for some time. @returns number of reads, and the delivered sequence numbers. */
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
    batchSize: 10_000,
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

it('reads a busy shard five times a second, not once per record', async () => {
  const { reads, delivered } = await readFor(900, (read) => (read < 100 ? 1 : 0));
  expect(reads).toBe(5);
  expect(delivered).toEqual([1, 2, 3, 4, 5]);
});

it('reads again at once after a full read', async () => {
  const { reads, delivered } = await readFor(50, (read) => (read < 3 ? 1000 : 0));
  expect(reads).toBe(4);
  expect(delivered).toHaveLength(3000);
});

it('passes changes in the format of Lambda: epoch seconds, and base64 for binary values at any depth', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const change = {
    eventID: 'event-1',
    eventName: 'MODIFY' as const,
    eventVersion: '1.1',
    dynamodb: {
      ApproximateCreationDateTime: new Date('2026-01-02T03:04:05.600Z'),
      Keys: { userId: { S: 'user-1' } },
      NewImage: { list: { L: [{ M: { deep: { B: bytes } } }] }, set: { BS: [bytes] }, age: { N: '7' } },
      SequenceNumber: '000000000000000000001',
      SizeBytes: 12,
      StreamViewType: 'NEW_AND_OLD_IMAGES' as const,
    },
  };
  expect(toStreamRecord(change, 'arn:stream', 'us-east-1')).toEqual({
    eventID: 'event-1',
    eventName: 'MODIFY',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    eventSourceARN: 'arn:stream',
    awsRegion: 'us-east-1',
    dynamodb: {
      ApproximateCreationDateTime: 1767323045,
      Keys: { userId: { S: 'user-1' } },
      NewImage: { list: { L: [{ M: { deep: { B: 'AQID' } } }] }, set: { BS: ['AQID'] }, age: { N: '7' } },
      SequenceNumber: '000000000000000000001',
      SizeBytes: 12,
      StreamViewType: 'NEW_AND_OLD_IMAGES',
    },
  });
});
