import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type SqsServer, startSqsServer } from '../emulators/sqs.ts';
import { SqsEventSource, type SqsEventSourceSettings, type SqsRecord } from './sqs-event-source.ts';

let server: SqsServer;
let sqs: SQSClient;
let queues = 0;
const sources: SqsEventSource[] = [];

beforeAll(async () => {
  server = await startSqsServer('us-east-1');
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sqs = new SQSClient({ region: 'us-east-1', endpoint: server.endpoint, credentials });
});
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()));
});
afterAll(async () => {
  sqs.destroy();
  await server.stop();
});

/** A queue with an event source for a handler. Not started yet. */
async function setUp(
  handler: (records: SqsRecord[]) => unknown,
  settings: Partial<SqsEventSourceSettings> = {},
) {
  const name = `queue-${queues++}.fifo`;
  const Attributes = { FifoQueue: 'true', VisibilityTimeout: '2' };
  const { QueueUrl: url = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  const batches: string[][] = [];
  const invoke = async (event: unknown) => {
    const { Records } = event as { Records: SqsRecord[] };
    batches.push(Records.map(({ body }) => body));
    return handler(Records);
  };
  const source = new SqsEventSource({
    sqs,
    queue: {
      url,
      arn: `arn:aws:sqs:us-east-1:000000000000:${name}`,
      fifo: true,
      visibilityTimeoutSeconds: 1,
    },
    region: 'us-east-1',
    target: { invoke },
    batchSize: 10,
    maximumConcurrency: 2,
    reportBatchItemFailures: true,
    ...settings,
  });
  sources.push(source);
  const send = async (...bodies: string[]) => {
    for (const body of bodies)
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: url,
          MessageBody: body,
          MessageGroupId: body.slice(0, 1),
          MessageDeduplicationId: body,
          MessageAttributes: { reason: { DataType: 'String', StringValue: 'why' } },
        }),
      );
  };
  return { source, send, batches };
}

const untilIdle = (source: SqsEventSource) =>
  expect.poll(() => source.idle(), { timeout: 15_000 }).toBe(true);

describe('SqsEventSource', () => {
  it('passes messages in the format of Lambda', async () => {
    const seen: SqsRecord[] = [];
    const { source, send } = await setUp((records) => void seen.push(...records));
    await send('a1');
    source.start();
    await untilIdle(source);
    expect(seen).toEqual([
      {
        messageId: expect.any(String),
        receiptHandle: expect.any(String),
        body: 'a1',
        attributes: {
          ApproximateReceiveCount: '1',
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          SenderId: expect.any(String),
          MessageGroupId: 'a',
          MessageDeduplicationId: 'a1',
          SequenceNumber: expect.stringMatching(/^\d{20}$/),
        },
        messageAttributes: {
          reason: { stringValue: 'why', stringListValues: [], binaryListValues: [], dataType: 'String' },
        },
        md5OfBody: '8a8bb7cd343aa2ad99b7d762030857a2',
        md5OfMessageAttributes: expect.any(String),
        eventSource: 'aws:sqs',
        eventSourceARN: expect.stringMatching(/^arn:aws:sqs:us-east-1:000000000000:queue-\d+.fifo$/),
        awsRegion: 'us-east-1',
      },
    ]);
  });

  it('deletes what succeeded and retries what was reported, before later messages of its group', async () => {
    const firstTime = new Set(['a1']);
    const { source, send, batches } = await setUp((records) => ({
      batchItemFailures: records
        .filter(({ body }) => firstTime.delete(body))
        .map(({ messageId }) => ({ itemIdentifier: messageId })),
    }));
    await send('a1', 'b1');
    source.start();
    await expect.poll(() => batches.length).toBe(1);
    await send('a2');
    await untilIdle(source);
    expect(batches).toEqual([
      ['a1', 'b1'],
      ['a1', 'a2'],
    ]);
    expect(source.statistics).toEqual({ batches: 2, records: 4, failures: 1, discarded: 0 });
  });

  it.each([
    ['an error', () => Promise.reject(new Error('down'))],
    ['a malformed response', () => ({ batchItemFailures: [{ itemIdentifier: 'unknown' }] })],
  ])('treats %s as a failure of the whole batch', async (_, failure) => {
    let failures = 1;
    const { source, send, batches } = await setUp(() => (failures-- > 0 ? failure() : undefined));
    await send('a1', 'b1');
    source.start();
    await untilIdle(source);
    expect(batches.flat().toSorted()).toEqual(['a1', 'a1', 'b1', 'b1']);
  });

  it('never processes two batches of one group at a time, nor more batches than its maximum', async () => {
    const active = new Set<string>();
    const most = { batches: 0 };
    let running = 0;
    const { source, send, batches } = await setUp(
      async (records) => {
        const groups = new Set(records.map(({ body }) => body.slice(0, 1)));
        for (const group of groups) expect(active).not.toContain(group);
        for (const group of groups) active.add(group);
        most.batches = Math.max(most.batches, ++running);
        await new Promise((resolve) => setTimeout(resolve, 20));
        running--;
        for (const group of groups) active.delete(group);
      },
      { batchSize: 2 },
    );
    const bodies = ['a1', 'b1', 'c1', 'd1', 'e1'].flatMap((body) => [
      body,
      body.replace('1', '2'),
      body.replace('1', '3'),
    ]);
    await send(...bodies);
    source.start();
    await untilIdle(source);
    expect(source.statistics.failures).toBe(0);
    expect(most.batches).toBe(2);
    for (const group of 'abcde')
      expect(batches.flat().filter((body) => body.startsWith(group))).toEqual([
        `${group}1`,
        `${group}2`,
        `${group}3`,
      ]);
  });

  it('reads nothing while it is paused', async () => {
    const { source, send, batches } = await setUp(() => undefined);
    source.start();
    await source.pause();
    await send('a1');
    expect(await source.idle()).toBe(false);
    expect(batches).toEqual([]);
    source.start();
    await untilIdle(source);
    expect(batches).toEqual([['a1']]);
  });
});
