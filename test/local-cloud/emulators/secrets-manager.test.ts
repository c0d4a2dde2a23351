import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SecretsManager, startSecretsManager } from './secrets-manager.ts';

const ARN = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:crm-Local0';
let server: SecretsManager;
let client: SecretsManagerClient;

beforeAll(async () => {
  server = await startSecretsManager();
  server.store.create('crm', ARN, 'first');
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  client = new SecretsManagerClient({ region: 'us-east-1', endpoint: server.endpoint, credentials });
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

const get = (SecretId: string, VersionStage?: string) =>
  client.send(new GetSecretValueCommand({ SecretId, ...(VersionStage && { VersionStage }) }));

describe('Secrets Manager', () => {
  it.each(['crm', ARN, ARN.replace('-Local0', '')])('finds a secret by %s', async (secretId) => {
    expect(await get(secretId)).toMatchObject({
      ARN,
      Name: 'crm',
      SecretString: 'first',
      VersionStages: ['AWSCURRENT'],
    });
  });

  it('keeps the previous value when a new one is stored', async () => {
    const put = new PutSecretValueCommand({ SecretId: 'crm', SecretString: 'second' });
    await client.send(put);
    expect(await get('crm')).toMatchObject({ SecretString: 'second', CreatedDate: expect.any(Date) });
    expect(await get('crm', 'AWSPREVIOUS')).toMatchObject({ SecretString: 'first' });
    const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId: 'crm' }));
    expect(Object.values(VersionIdsToStages).flat().toSorted()).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
  });

  it('reports a missing secret like the service', async () => {
    await expect(get('other')).rejects.toBeInstanceOf(ResourceNotFoundException);
  });
});
