import { rmSync } from 'node:fs';
import {
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUNDLES, TEMPLATE } from '../../local-cloud/fixtures/pipeline-stack.ts';
import { writeAssembly } from '../../local-cloud/fixtures/write-assembly.ts';
import { temporaryDirectory } from '../../local-cloud/fixtures/write-bundle.ts';
import { type LocalCloud, startLocalCloud } from '../../local-cloud/local-cloud.ts';

const directory = temporaryDirectory();
const lines: string[] = [];
let cloud: LocalCloud;
let dynamodb: DynamoDBClient;
let sqs: SQSClient;

beforeAll(async () => {
  writeAssembly(directory, TEMPLATE, BUNDLES);
  cloud = await startLocalCloud({
    assembly: directory,
    secrets: { 'crm/key': 'the key' },
    log: ({ functionName, line }) => lines.push(`${functionName}: ${line}`),
  });
  dynamodb = new DynamoDBClient(cloud.sdk('DYNAMODB'));
  sqs = new SQSClient(cloud.sdk('SQS'));
});
afterAll(async () => {
  dynamodb?.destroy();
  sqs?.destroy();
  await cloud?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const output = (name: string) => cloud.outputs[name] ?? '';
const put = (id: string) =>
  dynamodb.send(new PutItemCommand({ TableName: output('Users'), Item: { id: { S: id } } }));
const touch = (id: string, value: string) =>
  dynamodb.send(
    new UpdateItemCommand({
      TableName: output('Users'),
      Key: { id: { S: id } },
      UpdateExpression: 'SET touched = :value',
      ExpressionAttributeValues: { ':value': { S: value } },
    }),
  );
async function done(id: string) {
  const { Items = [] } = await dynamodb.send(
    new QueryCommand({
      TableName: output('Done'),
      KeyConditionExpression: 'id = :id',
      ExpressionAttributeValues: { ':id': { S: id } },
    }),
  );
  return Items.map((item) => item.eventName?.S);
}
async function bodiesOf(queue: string): Promise<string[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: output(queue),
      MaxNumberOfMessages: 10,
      VisibilityTimeout: 0,
      WaitTimeSeconds: 1,
    }),
  );
  return Messages.map(({ Body = '' }) => Body);
}
const send = (id: string) =>
  sqs.send(
    new SendMessageCommand({
      QueueUrl: output('Work'),
      MessageBody: JSON.stringify({ id, eventName: 'SENT' }),
      MessageGroupId: id,
      MessageDeduplicationId: `${id}-${Date.now()}`,
    }),
  );

describe('a stack in the local cloud', () => {
  it('passes changes from a table through stream, function and queue to another table, in order', async () => {
    expect(await cloud.idle()).toBe(true);
    await put('anna');
    await touch('anna', 'first');
    await touch('anna', 'second');
    await dynamodb.send(new DeleteItemCommand({ TableName: output('Users'), Key: { id: { S: 'anna' } } }));
    await cloud.untilIdle(30_000);
    expect(await done('anna')).toEqual(['INSERT', 'MODIFY', 'MODIFY']);
    expect(cloud.statistics().eventSources).toMatchObject({
      Stream: { records: 3 },
      Source: { records: 3, failures: 0 },
    });
    expect(lines.some((line) => line.startsWith('Fixture-Feed: {"names":["anna"'))).toBe(true);
  });

  it('discards only the record that cannot be processed, and reports it to the failure destination', async () => {
    await cloud.pauseEventSources();
    for (const id of ['bert', 'carl', 'poison', 'dora']) await put(id);
    cloud.resumeEventSources();
    await cloud.untilIdle(30_000);
    for (const id of ['bert', 'carl', 'dora']) expect(await done(id)).toEqual(['INSERT']);
    const [discarded = '{}', ...others] = await bodiesOf('Discarded');
    expect(others).toEqual([]);
    expect(JSON.parse(discarded)).toMatchObject({
      requestContext: {
        functionArn: 'arn:aws:lambda:eu-west-1:000000000000:function:Fixture-Feed',
        condition: 'RetryAttemptsExhausted',
      },
      responseContext: { statusCode: 200, functionError: 'Unhandled' },
      version: '1.0',
      DDBStreamBatchInfo: {
        shardId: expect.stringMatching(/^shardId-/),
        startSequenceNumber: expect.stringMatching(/^\d+$/),
        batchSize: 1,
        streamArn: expect.stringContaining('table/Fixture-Users/stream/'),
      },
    });
  });

  it('moves only a message that keeps failing to the dead-letter queue', async () => {
    await Promise.all([send('bad'), send('emil')]);
    await cloud.untilIdle(30_000);
    expect(await done('emil')).toEqual(['SENT']);
    expect(await bodiesOf('Dead')).toEqual([JSON.stringify({ id: 'bad', eventName: 'SENT' })]);
  });

  it('ends an invocation after its timeout; its message is retried and then becomes a dead letter', async () => {
    await send('slow');
    await cloud.untilIdle(30_000);
    expect(cloud.statistics().functions).toMatchObject({ 'Fixture-Worker': { timeouts: 2 } });
    expect(lines.some((line) => line.includes('Task timed out after 2.00 seconds'))).toBe(true);
  });

  it('loses nothing when an environment is killed', async () => {
    await send('slow');
    await expect.poll(() => cloud.killEnvironment('Worker'), { timeout: 10_000, interval: 20 }).toBe(true);
    await send('frida');
    await cloud.untilIdle(30_000);
    expect(await done('frida')).toEqual(['SENT']);
    expect(lines.some((line) => line.includes('signal: killed'))).toBe(true);
  });

  it('invokes a function by name, with access to its secret', async () => {
    expect(await cloud.invoke('Fixture-Worker', { secretId: output('Secret') })).toBe('the key');
    await expect(cloud.invoke('Nobody', {})).rejects.toThrow('There are: Fixture-Feed, Fixture-Worker');
  });
});
