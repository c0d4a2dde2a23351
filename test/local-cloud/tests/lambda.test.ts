import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ListFunctionsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lambda, startLambda } from '../emulators/lambda.ts';

const MAPPING = {
  UUID: 'a',
  EventSourceArn: 'arn:stream',
  FunctionArn: 'arn:function',
  State: 'Enabled',
} as const;
let server: Lambda;
let client: LambdaClient;

beforeAll(async () => {
  server = await startLambda();
  server.mappings.set('a', MAPPING);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  client = new LambdaClient({ region: 'us-east-1', endpoint: server.endpoint, credentials, maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

describe('Lambda', () => {
  it('returns an event source mapping', async () => {
    expect(await client.send(new GetEventSourceMappingCommand({ UUID: 'a' }))).toMatchObject(MAPPING);
  });

  it('reports a missing mapping like the service', async () => {
    const missing = client.send(new GetEventSourceMappingCommand({ UUID: 'b' }));
    await expect(missing).rejects.toBeInstanceOf(ResourceNotFoundException);
  });

  it('refuses other operations', async () => {
    await expect(client.send(new ListFunctionsCommand({}))).rejects.toThrow(/does not support GET/);
  });
});
