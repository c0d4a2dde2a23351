import {
  BatchGetItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  type ExecutionStatus,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { backfillMessage, entryOf } from '../../../lambdas/backfill/messages.ts';
import { awsPorts } from '../../../lambdas/backfill/ports.ts';
import { emptyLedger } from '../../../shared/quota/ledger.ts';
import { SYNC_TABLE_ITEMS } from '../../../shared/store/sync-table-items.ts';
import { CATALOG, NOON } from '../../support/backfill-users.ts';

const dynamodb = mockClient(DynamoDBClient);
const sqs = mockClient(SQSClient);
const sfn = mockClient(SFNClient);
beforeEach(() => {
  for (const client of [dynamodb, sqs, sfn]) client.reset();
});

const onFailure = vi.fn();
const ports = () =>
  awsPorts({
    dynamodb: new DynamoDBClient(),
    sqs: new SQSClient(),
    sfn: new SFNClient(),
    userTable: 'users',
    syncTable: 'sync',
    queueUrl: 'https://queue',
    stateMachineArn: 'arn:machine',
    onFailure,
  });

describe('the ports of a backfill on AWS', () => {
  it('read a page of 500 users', async () => {
    dynamodb.on(ScanCommand).resolves({ Items: [marshall({ userId: 'ann' })] });
    expect(await ports().usersAfter(null)).toMatchObject({ users: [{ userId: 'ann' }], finished: true });
    expect(dynamodb.commandCalls(ScanCommand)[0]?.args[0].input).toEqual({ TableName: 'users', Limit: 500 });
  });

  it('read users as they are stored now', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [marshall({ userId: 'ann' })] } });
    expect(await ports().users(['ann', 'gone'])).toEqual([{ userId: 'ann' }]);
    expect(dynamodb.commandCalls(BatchGetItemCommand)[0]?.args[0].input).toMatchObject({
      RequestItems: {
        users: { Keys: [{ userId: { S: 'ann' } }, { userId: { S: 'gone' } }], ConsistentRead: true },
      },
    });
  });

  it('read the catalog', async () => {
    const item = { id: SYNC_TABLE_ITEMS.catalog.key(), ...CATALOG };
    dynamodb.on(GetItemCommand, { TableName: 'sync' }).resolves({ Item: marshall(item) });
    expect(await ports().catalog()).toEqual(CATALOG);
  });

  it.each([
    [{ Table: { ItemCount: 42 } }, 42],
    [{}, 0],
  ])('count the users approximately: %j', async (answer, expected) => {
    dynamodb.on(DescribeTableCommand, { TableName: 'users' }).resolves(answer);
    expect(await ports().countUsers()).toBe(expected);
  });

  it('read the ledger, or none before the first request', async () => {
    dynamodb.on(GetItemCommand).resolvesOnce({});
    expect(await ports().ledger()).toBeUndefined();
    const ledger = emptyLedger(NOON);
    const item = { id: SYNC_TABLE_ITEMS.ledger.key(), value: ledger, version: 1 };
    dynamodb.on(GetItemCommand).resolves({ Item: marshall(item) });
    expect(await ports().ledger()).toEqual(ledger);
  });

  it('send messages with their groups and de-duplication ids', async () => {
    sqs.on(SendMessageBatchCommand).resolves({});
    const message = backfillMessage('ann', 'run-1', NOON);
    await ports().send([message], 'run-1');
    const { groupId, deduplicationId } = entryOf(message, 'run-1');
    expect(sqs.commandCalls(SendMessageBatchCommand)[0]?.args[0].input).toMatchObject({
      QueueUrl: 'https://queue',
      Entries: [{ MessageGroupId: groupId, MessageDeduplicationId: deduplicationId }],
    });
  });

  it.each([
    ['RUNNING', true],
    ['PENDING_REDRIVE', true],
    ['SUCCEEDED', false],
    ['FAILED', false],
    ['ABORTED', false],
    ['TIMED_OUT', false],
  ] as const)('say whether an execution runs: %s, %s', async (status: ExecutionStatus, expected) => {
    sfn.on(DescribeExecutionCommand, { executionArn: 'arn:1' }).resolves({ status });
    expect(await ports().isRunning('arn:1')).toBe(expected);
  });

  it('say that an execution does not run that Step Functions has forgotten, and throw other errors', async () => {
    sfn
      .on(DescribeExecutionCommand)
      .rejectsOnce(new ExecutionDoesNotExist({ message: 'forgotten', $metadata: {} }))
      .rejects(new Error('throttled'));
    expect(await ports().isRunning('arn:1')).toBe(false);
    await expect(ports().isRunning('arn:1')).rejects.toThrow('throttled');
  });

  it('start an execution of the same state machine', async () => {
    sfn.on(StartExecutionCommand).resolvesOnce({ executionArn: 'arn:2' }).resolves({});
    expect(await ports().startExecution('run-1-2', { cursor: 'ann' })).toBe('arn:2');
    expect(sfn.commandCalls(StartExecutionCommand)[0]?.args[0].input).toEqual({
      stateMachineArn: 'arn:machine',
      name: 'run-1-2',
      input: '{"cursor":"ann"}',
    });
    await expect(ports().startExecution('run-1-3', {})).rejects.toThrow('no ARN');
  });

  it('wait as long as they are asked to', async () => {
    const began = performance.now();
    await ports().sleep(20);
    expect(performance.now() - began).toBeGreaterThan(15);
  });
});
