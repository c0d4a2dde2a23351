import { expect, it } from 'vitest';
import { toStreamRecord } from './event-sources/stream-record.ts';

it('passes changes on as Lambda does: epoch seconds, and base64 for binary values at any depth', () => {
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
