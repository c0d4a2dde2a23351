import {
  DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { replay } from '../../../../infra/cli/replay/replay.ts';
import { CommandError } from '../../../../infra/cli/support/command-error.ts';
import { messageSchema } from '../../../../shared/sync/message.ts';
import { mapping } from '../../../../shared/user/mapping.ts';

const sqs = mockClient(SQSClient);
const streams = mockClient(DynamoDBStreamsClient);
beforeEach(() => {
  sqs.reset();
  streams.reset();
  streams.on(GetShardIteratorCommand).resolves({ ShardIterator: 'i1' });
  sqs.on(SendMessageBatchCommand).resolves({});
  sqs.on(GetQueueAttributesCommand).resolves({ Attributes: { ApproximateNumberOfMessages: '0' } });
});

const failing = (...bodies: unknown[]) =>
  sqs
    .on(ReceiveMessageCommand)
    .resolvesOnce({
      Messages: bodies.map((body, index) => ({
        MessageId: `m${index}`,
        ReceiptHandle: `r${index}`,
        Body: typeof body === 'string' ? body : JSON.stringify(body),
      })),
    })
    .resolves({});
const POSITION = {
  requestContext: { condition: 'RetryAttemptsExhausted' },
  DDBStreamBatchInfo: {
    shardId: 'shard-1',
    startSequenceNumber: '100',
    endSequenceNumber: '102',
    streamArn: 'arn:stream',
    batchSize: 3,
  },
};
const recordOf = (sequence: number, userId: string, more: object = {}) => ({
  eventID: `e${sequence}`,
  eventName: 'MODIFY' as const,
  dynamodb: { SequenceNumber: String(sequence), Keys: { userId: { S: userId } }, ...more },
});
const run = (options: { dryRun?: boolean; discardExpired?: boolean } = {}) =>
  replay(new DynamoDBStreamsClient(), new SQSClient(), {
    queueUrl: 'q',
    failureQueueUrl: 'f',
    mapping,
    ...options,
  });
const sent = () =>
  sqs
    .commandCalls(SendMessageBatchCommand)
    .flatMap(({ args }) => args[0].input.Entries ?? [])
    .map(({ MessageBody = '' }) => messageSchema.parse(JSON.parse(MessageBody)));
const released = () =>
  sqs.commandCalls(ChangeMessageVisibilityCommand).map(({ args }) => args[0].input.ReceiptHandle);
const deletions = () => sqs.commandCalls(DeleteMessageCommand).length;

describe('a replay', () => {
  it('sends a message for each user of the position, and then deletes the position', async () => {
    failing(POSITION);
    const removed = {
      ...recordOf(102, 'cleo', { OldImage: { crm: { M: { contactId: { N: '7' } } } } }),
      eventName: 'REMOVE' as const,
    };
    streams
      .on(GetRecordsCommand, { ShardIterator: 'i1' })
      .resolves({ Records: [recordOf(100, 'ann'), recordOf(101, 'bob')], NextShardIterator: 'i2' })
      .on(GetRecordsCommand, { ShardIterator: 'i2' })
      .resolves({ Records: [removed, recordOf(103, 'later')], NextShardIterator: 'i3' });
    expect(await run()).toEqual({ positions: 1, users: 3, expired: 0, unreadable: 0, heldElsewhere: 0 });
    expect(sent()).toMatchObject([
      { userId: 'ann', cause: 'changed' },
      { userId: 'bob', cause: 'changed' },
      { userId: 'cleo', cause: 'deleted', contactId: 7 },
    ]);
    expect(deletions()).toBe(1);
  });

  it('sends and deletes nothing in a dry run', async () => {
    failing(POSITION);
    streams.on(GetRecordsCommand).resolves({ Records: [recordOf(102, 'ann')] });
    expect(await run({ dryRun: true })).toMatchObject({ positions: 1, users: 1 });
    expect(sent()).toEqual([]);
    expect(deletions()).toBe(0);
    expect(released()).toEqual(['r0']);
  });

  it('polls again after an empty poll, with long polls', async () => {
    sqs
      .on(ReceiveMessageCommand)
      .resolvesOnce({})
      .resolvesOnce({ Messages: [{ MessageId: 'm', ReceiptHandle: 'r', Body: JSON.stringify(POSITION) }] })
      .resolves({});
    streams.on(GetRecordsCommand).resolves({ Records: [recordOf(102, 'ann')] });
    expect(await run()).toMatchObject({ positions: 1, users: 1 });
    expect(released()).toEqual([]);
    for (const { args } of sqs.commandCalls(ReceiveMessageCommand))
      expect(args[0].input.WaitTimeSeconds).toBeGreaterThan(0);
  });

  it('counts positions that another reader has received', async () => {
    failing(POSITION);
    streams.on(GetRecordsCommand).resolves({ Records: [recordOf(102, 'ann')] });
    sqs.on(GetQueueAttributesCommand).resolves({
      Attributes: { ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '3' },
    });
    expect(await run({ dryRun: true })).toMatchObject({ positions: 1, heldElsewhere: 2 });
    expect(await run()).toMatchObject({ positions: 0, heldElsewhere: 3 });
  });

  it.each([
    [{}, 0],
    [{ discardExpired: true }, 1],
  ])(
    'keeps a position whose records have left the stream, unless told otherwise: %j',
    async (options, deleted) => {
      failing(POSITION);
      streams
        .on(GetShardIteratorCommand)
        .rejects(new TrimmedDataAccessException({ message: 'gone', $metadata: {} }));
      expect(await run(options)).toMatchObject({ expired: 1, users: 0 });
      expect(deletions()).toBe(deleted);
    },
  );

  it('deletes nothing when SQS rejects the messages', async () => {
    failing(POSITION);
    streams.on(GetRecordsCommand).resolves({ Records: [recordOf(102, 'ann')] });
    sqs.on(SendMessageBatchCommand).resolves({
      Successful: [],
      Failed: [{ Id: '0', Code: 'Throttled', SenderFault: false }],
    });
    await expect(run()).rejects.toThrow('run this again');
    expect(deletions()).toBe(0);
  });

  it.each([
    ['was not read to its end within 100 pages', undefined],
    [
      'was read so slowly that its iterator expired',
      new ExpiredIteratorException({ message: 'too old', $metadata: {} }),
    ],
  ])('sends and deletes nothing if a position %s, and says to run it again', async (_, failure) => {
    failing(POSITION);
    streams.on(GetRecordsCommand).resolves({ Records: [recordOf(100, 'ann')], NextShardIterator: 'i2' });
    if (failure) streams.on(GetRecordsCommand, { ShardIterator: 'i2' }).rejects(failure);
    const replayed = run({ discardExpired: true });
    await expect(replayed).rejects.toThrow(CommandError);
    await expect(replayed).rejects.toThrow('run this again');
    expect(sent()).toEqual([]);
    expect(deletions()).toBe(0);
    expect(released()).toEqual(['r0']);
  });

  it('takes the end of a closed shard for the end of a position', async () => {
    failing(POSITION);
    streams
      .on(GetRecordsCommand, { ShardIterator: 'i1' })
      .resolves({ Records: [recordOf(100, 'ann')], NextShardIterator: 'i2' })
      .on(GetRecordsCommand, { ShardIterator: 'i2' })
      .resolves({ Records: [] });
    expect(await run()).toMatchObject({ positions: 1, users: 1, expired: 0 });
    expect(sent()).toMatchObject([{ userId: 'ann' }]);
    expect(deletions()).toBe(1);
  });

  it('leaves entries that are not positions', async () => {
    failing('not ours', { DDBStreamBatchInfo: { shardId: 1 } });
    expect(await run()).toEqual({ positions: 0, users: 0, expired: 0, unreadable: 2, heldElsewhere: 0 });
    expect(released()).toEqual(['r0', 'r1']);
    expect(deletions()).toBe(0);
  });
});
