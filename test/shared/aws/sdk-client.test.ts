import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it, vi } from 'vitest';
import { sdkClient } from '../../../shared/aws/sdk-client.ts';

vi.stubEnv('AWS_REGION', 'eu-west-1');

describe('sdkClient', () => {
  it('copies nothing of a call for a log', () => {
    const client = sdkClient(DynamoDBClient);
    const logged = new DynamoDBClient().middlewareStack.identify().filter((name) => name.includes('logger'));
    expect(logged).toHaveLength(1);
    expect(client.middlewareStack.identify()).not.toContain(logged[0]);
  });

  it('puts the middleware of a kind of call together once', async () => {
    const client = sdkClient(DynamoDBClient);
    let resolved = 0;
    let calls = 0;
    client.middlewareStack.add(
      () => {
        resolved++;
        return () => {
          calls++;
          return Promise.resolve({ output: { $metadata: {} }, response: {} });
        };
      },
      { step: 'initialize', priority: 'high' },
    );
    const get = new GetItemCommand({ TableName: 'users', Key: { userId: { S: 'a' } } });
    await client.send(get);
    await client.send(get);
    expect({ resolved, calls }).toEqual({ resolved: 1, calls: 2 });
  });
});
