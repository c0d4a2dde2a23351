import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, it, vi } from 'vitest';
import { requestHandler } from '../../../shared/aws/request-handler.ts';

afterEach(() => vi.unstubAllEnvs());

it('makes the SDK repeat a request that is not answered', async () => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    if (requests > 1) response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  try {
    const get = new GetItemCommand({ TableName: 'users', Key: { userId: { S: 'ann' } } });
    expect(await new DynamoDBClient({ requestHandler }).send(get)).toMatchObject({
      $metadata: { attempts: 2 },
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
