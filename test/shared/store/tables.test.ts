import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { userTable } from '../../../shared/store/user-table.ts';
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

  it('is read consistently: the message says who, the table says what is true', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [item('ann')] } });
    expect(await userTable(client, 'users').read('ann')).toEqual({ user: { userId: 'ann' }, warnings: [] });
    expect(reads()).toEqual([{ Keys: [key('ann')], ConsistentRead: true }]);
  });

  it('has no user where there is no item', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [] } });
    expect(await userTable(client, 'users').read('ann')).toBeUndefined();
  });

  it('is asked once for those who are read at one moment, and again for the same one later', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [item('bob'), item('ann')] } });
    const table = userTable(client, 'users');
    const found = await Promise.all([table.read('ann'), table.read('bob'), table.read('ann')]);
    expect(found.map((each) => each?.user.userId)).toEqual(['ann', 'bob', 'ann']);
    await table.read('ann');
    expect(reads().map((read) => read?.Keys)).toEqual([[key('ann'), key('bob')], [key('ann')]]);
  });

  it('has others than the one whose item is no user', async () => {
    const nobody = '';
    dynamodb.on(BatchGetItemCommand).resolves({ Responses: { users: [item(nobody), item('ann')] } });
    const table = userTable(client, 'users');
    const [wrong, right] = await Promise.allSettled([table.read(nobody), table.read('ann')]);
    expect(wrong).toMatchObject({ status: 'rejected', reason: { name: 'InvalidUserError' } });
    expect(right).toMatchObject({ status: 'fulfilled', value: { user: { userId: 'ann' } } });
    expect(await table.readMany([nobody, 'ann'])).toEqual([{ userId: 'ann' }]);
  });

  it('is asked again for what it has left out, and has to be tried again when it leaves out everything', async () => {
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

  it('is written to in one attribute, over what was read, and only where the user is still there', async () => {
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

describe('the sync’s table', () => {
  it('has no catalog where none was stored, or one of another shape', async () => {
    dynamodb
      .on(GetItemCommand)
      .resolvesOnce({})
      .resolvesOnce({ Item: { id: { S: 'catalog' }, tags: { S: 'x' } } });
    const table = syncTable(client, 'sync');
    expect(await table.readCatalog()).toBeUndefined();
    expect(await table.readCatalog()).toBeUndefined();
  });

  it('removes an id that was stored under a key', async () => {
    await syncTable(client, 'sync').deleteId('array-probe');
    expect(dynamodb.commandCalls(DeleteItemCommand)[0]?.args[0].input).toEqual({
      TableName: 'sync',
      Key: { id: { S: 'array-probe' } },
    });
  });

  it('tells what it found of a versioned value that somebody else was quicker to write', async () => {
    const Item = { id: { S: 'slots' }, slots: { L: [{ N: '5' }] }, version: { N: '3' } };
    dynamodb
      .on(PutItemCommand)
      .rejects(new ConditionalCheckFailedException({ $metadata: {}, message: 'no', Item }));
    expect(await syncTable(client, 'sync').slots.write([6], 1)).toEqual({
      stored: false,
      found: { value: [5], version: 3 },
    });
    expect(dynamodb.commandCalls(PutItemCommand)[0]?.args[0].input).toMatchObject({
      ConditionExpression: 'version = :over',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  });

  it('does not swallow other failures', async () => {
    dynamodb.on(PutItemCommand).rejects(new Error('throttled'));
    const holder = { environment: 'a', number: 1, endsAt: 2 };
    await expect(syncTable(client, 'sync').acquireLease('catalog', holder, 1)).rejects.toThrow('throttled');
  });
});
