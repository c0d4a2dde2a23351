import {
  BatchGetItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, it } from 'vitest';
import { postponedStore } from '../../../shared/store/postponed-store.ts';

const dynamodb = mockClient(DynamoDBClient);
beforeEach(() => dynamodb.reset());
const store = postponedStore(new DynamoDBClient({ region: 'eu-west-1' }), 'sync');
const FAILURE = { reason: 'The CRM failed (500)', at: '2026-06-15T12:00:00.000Z' };

it('a postponed group is one item, which is written and deleted', async () => {
  dynamodb.on(PutItemCommand).resolves({}).on(DeleteItemCommand).resolves({});
  await store.record('ann', FAILURE);
  await store.clear('ann');
  expect(dynamodb.commandCalls(PutItemCommand)[0]?.args[0].input).toEqual({
    TableName: 'sync',
    Item: { id: { S: 'postponed#ann' }, reason: { S: FAILURE.reason }, at: { S: FAILURE.at } },
  });
  expect(dynamodb.commandCalls(DeleteItemCommand)[0]?.args[0].input).toEqual({
    TableName: 'sync',
    Key: { id: { S: 'postponed#ann' } },
  });
});

it('postponed groups are read a hundred at a time, each once', async () => {
  dynamodb.on(BatchGetItemCommand).resolves({
    Responses: { sync: [{ id: { S: 'postponed#7' }, reason: { S: FAILURE.reason }, at: { S: FAILURE.at } }] },
  });
  const groups = Array.from({ length: 150 }, (_, index) => String(index));
  expect(await store.read([...groups, '0'])).toEqual(new Map([['7', FAILURE]]));
  const keys = dynamodb
    .commandCalls(BatchGetItemCommand)
    .map(({ args }) => args[0].input.RequestItems?.['sync']?.Keys?.length);
  expect(keys).toEqual([100, 50]);
});

it('no groups need no request', async () => {
  expect(await store.read([])).toEqual(new Map());
  expect(dynamodb.calls()).toEqual([]);
});
