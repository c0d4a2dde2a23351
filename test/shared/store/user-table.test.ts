import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DynamoDBClient,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { scanUsers, userTable } from '../../../shared/store/user-table.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';

const dynamodb = mockClient(DynamoDBClient);
beforeEach(() => dynamodb.reset());
const client = new DynamoDBClient({ region: 'eu-west-1' });
const conditionFailed = new ConditionalCheckFailedException({ $metadata: {}, message: 'no' });

describe('the user table', () => {
  const item = (userId: string) => ({ userId: { S: userId }, big: { N: '9'.repeat(30) } });
  const key = (userId: string) => ({ userId: { S: userId } });
  const reads = () =>
    dynamodb.commandCalls(BatchGetItemCommand).map(({ args }) => args[0].input.RequestItems?.['users']);

  it('reads a user consistently', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [item('ann')] } });
    expect(await userTable(client, 'users').read('ann')).toEqual({ user: { userId: 'ann' }, warnings: [] });
    expect(reads()).toEqual([{ Keys: [key('ann')], ConsistentRead: true }]);
  });

  it('returns undefined when there is no such user', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [] } });
    expect(await userTable(client, 'users').read('ann')).toBeUndefined();
  });

  it('combines the reads of one turn of the event loop into one request', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [item('bob'), item('ann')] } });
    const table = userTable(client, 'users');
    const found = await Promise.all([table.read('ann'), table.read('bob'), table.read('ann')]);
    expect(found.map((each) => each?.user.userId)).toEqual(['ann', 'bob', 'ann']);
    await table.read('ann');
    expect(reads().map((read) => read?.Keys)).toEqual([[key('ann'), key('bob')], [key('ann')]]);
  });

  it('fails only the read whose item is not a user', async () => {
    const withoutId = '';
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [item(withoutId), item('ann')] } });
    const table = userTable(client, 'users');
    const [invalid, valid] = await Promise.allSettled([table.read(withoutId), table.read('ann')]);
    expect(invalid).toMatchObject({ status: 'rejected', reason: { name: 'InvalidUserError' } });
    expect(valid).toMatchObject({ status: 'fulfilled', value: { user: { userId: 'ann' } } });
    expect(await table.readMany([withoutId, 'ann'])).toEqual([{ userId: 'ann' }]);
  });

  it('requests unprocessed keys again, and fails with a retryable error when no key was processed', async () => {
    const left = { users: { Keys: [key('bob')] } };
    dynamodb
      .on(BatchGetItemCommand)
      .resolvesOnce({ Responses: { users: [item('ann')] }, UnprocessedKeys: left })
      .resolvesOnce({ Responses: { users: [item('bob')] } })
      .resolves({ UnprocessedKeys: left });
    const table = userTable(client, 'users');
    expect(await table.readMany(['ann', 'bob'])).toEqual([{ userId: 'ann' }, { userId: 'bob' }]);
    await expect(table.read('bob')).rejects.toThrow(RetryableError);
    await expect(table.readMany(['bob'])).rejects.toThrow(RetryableError);
  });

  it('writes only the crm map, over the revision that was read, and never creates a user', async () => {
    const there = { userId: { S: 'ann' } };
    dynamodb
      .on(UpdateItemCommand)
      .resolvesOnce({})
      .resolvesOnce({})
      .rejectsOnce(conditionFailed)
      .rejects(new ConditionalCheckFailedException({ $metadata: {}, message: 'no', Item: there }));
    const table = userTable(client, 'users');
    expect(await table.writeCrm('ann', { contactId: 5, rejection: undefined }, undefined)).toBe('stored');
    expect(await table.writeCrm('ann', { contactId: 5 }, 1)).toBe('stored');
    expect(await table.writeCrm('ann', { contactId: 5 }, 1)).toBe('gone');
    expect(await table.writeCrm('ann', { contactId: 5 }, 1)).toBe('conflict');
    const inputs = dynamodb.commandCalls(UpdateItemCommand).map(({ args }) => args[0].input);
    expect(inputs).toMatchObject([
      {
        UpdateExpression: 'SET crm = :crm',
        ConditionExpression: 'attribute_exists(userId) AND NOT attribute_type(crm.revision, :number)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ExpressionAttributeValues: { ':crm': { M: { contactId: { N: '5' }, revision: { N: '1' } } } },
      },
      {
        ConditionExpression: 'attribute_exists(userId) AND crm.revision = :over',
        ExpressionAttributeValues: { ':crm': { M: { revision: { N: '2' } } }, ':over': { N: '1' } },
      },
      {},
      {},
    ]);
  });
});

describe('a page of the user table', () => {
  const item = (userId: string) => ({ userId: { S: userId } });

  it('begins after the cursor, leaves out items that are not users, and says whether it is the last', async () => {
    dynamodb
      .on(ScanCommand)
      .resolvesOnce({ Items: [item('ann'), item('')], LastEvaluatedKey: item('ann') })
      .resolvesOnce({ Items: [item('bob')] });
    expect(await scanUsers(client, 'users', null, 2)).toEqual({
      users: [{ userId: 'ann' }],
      finished: false,
      next: 'ann',
    });
    expect(await scanUsers(client, 'users', 'ann', 2)).toEqual({
      users: [{ userId: 'bob' }],
      finished: true,
      next: null,
    });
    expect(dynamodb.commandCalls(ScanCommand).map(({ args }) => args[0].input)).toEqual([
      { TableName: 'users', Limit: 2 },
      { TableName: 'users', Limit: 2, ExclusiveStartKey: item('ann') },
    ]);
  });
});
