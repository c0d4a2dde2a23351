import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Invocation } from '../../../shared/invocation.ts';
import { NO_SLOTS } from '../../../shared/quota/rate-lease.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { fakeDynamoDb } from '../../support/fake-dynamodb.ts';

describe('the sync table', () => {
  const dynamodb = mockClient(DynamoDBClient);
  beforeEach(() => dynamodb.reset());
  // The lease tests below use a real client.
  afterAll(() => dynamodb.restore());
  const table = () => syncTable(new DynamoDBClient({ region: 'eu-west-1' }), 'sync');

  it('has no catalog before the first one is stored, and ignores one of another shape', async () => {
    dynamodb
      .on(GetItemCommand)
      .resolvesOnce({})
      .resolvesOnce({ Item: { id: { S: 'catalog' }, tags: { S: 'x' } } });
    expect(await table().readCatalog()).toBeUndefined();
    expect(await table().readCatalog()).toBeUndefined();
  });

  it('stores and reads an id of a company in the CRM', async () => {
    const Item = { id: { S: 'company#a' }, crmId: { N: '5' } };
    dynamodb.on(GetItemCommand).resolves({ Item });
    await table().writeCompanyId('company#a', 5);
    expect(await table().readCompanyId('company#a')).toBe(5);
    expect(dynamodb.commandCalls(PutItemCommand)[0]?.args[0].input).toEqual({ TableName: 'sync', Item });
  });

  it('stores, reads and deletes the email of the probe contact', async () => {
    const probe = { email: 'probe@example.com', startedAt: '2026-06-15T12:00:00.000Z' };
    const Item = marshall({ id: 'array-probe', ...probe });
    dynamodb.on(GetItemCommand).resolvesOnce({}).resolves({ Item });
    expect(await table().readProbe()).toBeUndefined();
    await table().writeProbe(probe);
    expect(await table().readProbe()).toMatchObject(probe);
    await table().deleteProbe();
    const key = { TableName: 'sync', Key: { id: { S: 'array-probe' } } };
    expect(dynamodb.commandCalls(PutItemCommand)[0]?.args[0].input).toEqual({ TableName: 'sync', Item });
    expect(dynamodb.commandCalls(GetItemCommand)[0]?.args[0].input).toEqual({ ...key, ConsistentRead: true });
    expect(dynamodb.commandCalls(DeleteItemCommand)[0]?.args[0].input).toEqual(key);
  });

  it('returns the stored value and its version when another writer was faster', async () => {
    const [found, written] = [5, 6].map((slot) => ({ slots: [slot], at: slot, leases: [] }));
    const Item = marshall({ id: 'slots', value: found, version: 3 });
    dynamodb
      .on(PutItemCommand)
      .rejects(new ConditionalCheckFailedException({ $metadata: {}, message: 'no', Item }));
    expect(await table().slots.write(written ?? NO_SLOTS, 1)).toEqual({
      stored: false,
      found: { value: found, version: 3 },
    });
    expect(dynamodb.commandCalls(PutItemCommand)[0]?.args[0].input).toMatchObject({
      ConditionExpression: 'version = :over',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  });

  it('throws other errors', async () => {
    dynamodb.on(PutItemCommand).rejects(new Error('throttled'));
    const holder = { environment: 'a', number: 1, endsAt: 2 };
    await expect(table().acquireLease('catalog', holder, 1)).rejects.toThrow('throttled');
  });
});

describe('a lease', () => {
  const table = () => syncTable(fakeDynamoDb().client, 'sync');
  const holder = (environment: string, number = 1): Invocation => ({ environment, number, endsAt: 50 });

  it('belongs to one environment until its invocation ends', async () => {
    const sync = table();
    expect(await sync.acquireLease('catalog', holder('a'), 1)).toBe(true);
    expect(await sync.acquireLease('catalog', holder('b'), 50)).toBe(false);
    expect(await sync.acquireLease('catalog', holder('b'), 51)).toBe(true);
  });

  it('cannot be taken twice by one invocation', async () => {
    const sync = table();
    await sync.acquireLease('catalog', holder('a'), 1);
    expect(await sync.acquireLease('catalog', holder('a'), 1)).toBe(false);
  });

  it('of an earlier invocation is free for the same environment, and only its new owner can release it', async () => {
    const sync = table();
    await sync.acquireLease('catalog', holder('a', 1), 1);
    expect(await sync.acquireLease('catalog', holder('a', 2), 2)).toBe(true);
    await sync.releaseLease('catalog', holder('a', 1));
    expect(await sync.acquireLease('catalog', holder('b'), 2)).toBe(false);
  });
});
