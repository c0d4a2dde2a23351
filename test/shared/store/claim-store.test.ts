import { ConditionalCheckFailedException, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { claimStore } from '../../../shared/store/claim-store.ts';

const dynamodb = mockClient(DynamoDBClient);
beforeEach(() => dynamodb.reset());
const store = claimStore(new DynamoDBClient({ region: 'eu-west-1' }), 'sync');
const written = () => dynamodb.commandCalls(PutItemCommand)[0]?.args[0].input;

describe('a claim', () => {
  it('is stored only if there is none, when no expected claim is given', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    expect(await store.write('contact#5', { userId: 'ann', claimedAt: 9 })).toEqual({ stored: true });
    expect(written()).toMatchObject({
      TableName: 'sync',
      Item: { id: { S: 'contact#5' }, userId: { S: 'ann' }, claimedAt: { N: '9' } },
      ConditionExpression: 'attribute_not_exists(id)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  });

  it('is stored over the expected claim: of one user, not retiring, made before a moment', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    await store.write('contact#5', { userId: 'bob' }, { userId: 'ann', notRetiringAt: 7, claimedBefore: 8 });
    expect(written()).toMatchObject({
      ConditionExpression:
        'attribute_not_exists(id) OR (userId = :userId AND (attribute_not_exists(retiringUntil) OR retiringUntil < :now) AND (attribute_not_exists(claimedAt) OR claimedAt < :before))',
      ExpressionAttributeValues: { ':userId': { S: 'ann' }, ':now': { N: '7' }, ':before': { N: '8' } },
    });
  });

  it('is not stored over the claim of another user, which is returned', async () => {
    const Item = { id: { S: 'contact#5' }, userId: { S: 'bob' }, claimedAt: { N: '9' } };
    dynamodb
      .on(PutItemCommand)
      .rejects(new ConditionalCheckFailedException({ $metadata: {}, message: 'no', Item }));
    expect(await store.write('contact#5', { userId: 'ann' })).toEqual({
      stored: false,
      found: { userId: 'bob', claimedAt: 9 },
    });
  });
});
