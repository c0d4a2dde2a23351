import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { runLocks } from '../../../shared/store/run-lock.ts';

const dynamodb = mockClient(DynamoDBClient);
beforeEach(() => dynamodb.reset());
const locks = runLocks(new DynamoDBClient({ region: 'eu-west-1' }), 'sync');
const conditionFailed = new ConditionalCheckFailedException({ $metadata: {}, message: 'no' });
const LOCK = { runId: 'run-1', executionArn: 'arn:run-1', busyUntil: 9 };
const ITEM = {
  id: { S: 'backfill#contacts' },
  runId: { S: 'run-1' },
  executionArn: { S: 'arn:run-1' },
  busyUntil: { N: '9' },
};

describe('the lock of a mode', () => {
  it('is read consistently', async () => {
    dynamodb.on(GetItemCommand).resolves({ Item: ITEM });
    expect(await locks.read('contacts')).toEqual(LOCK);
    expect(dynamodb.commandCalls(GetItemCommand)[0]?.args[0].input).toEqual({
      TableName: 'sync',
      Key: { id: { S: 'backfill#contacts' } },
      ConsistentRead: true,
    });
  });

  it('is taken if there is none, or over the execution that was read', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    expect(await locks.take('contacts', LOCK, undefined)).toBe(true);
    expect(await locks.take('contacts', LOCK, { ...LOCK, executionArn: 'arn:run-0' })).toBe(true);
    const inputs = dynamodb.commandCalls(PutItemCommand).map(({ args }) => args[0].input);
    expect(inputs).toMatchObject([
      { Item: ITEM, ConditionExpression: 'attribute_not_exists(id)' },
      {
        Item: ITEM,
        ConditionExpression: 'executionArn = :previous',
        ExpressionAttributeValues: { ':previous': { S: 'arn:run-0' } },
      },
    ]);
  });

  it('is not taken when another run was faster', async () => {
    dynamodb.on(PutItemCommand).rejects(conditionFailed);
    dynamodb.on(GetItemCommand).resolves({ Item: { ...ITEM, executionArn: { S: 'arn:run-2' } } });
    expect(await locks.take('contacts', LOCK, undefined)).toBe(false);
  });

  it('is released only by its own run', async () => {
    dynamodb.on(DeleteItemCommand).rejects(conditionFailed);
    await locks.release('contacts', 'run-1');
    expect(dynamodb.commandCalls(DeleteItemCommand)[0]?.args[0].input).toMatchObject({
      ConditionExpression: 'runId = :runId',
      ExpressionAttributeValues: { ':runId': { S: 'run-1' } },
    });
  });
});
