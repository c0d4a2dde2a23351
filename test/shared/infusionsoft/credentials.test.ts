import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { secretCredentials } from '../../../shared/infusionsoft/credentials.ts';
import { Retryable } from '../../../shared/sync/errors.ts';

vi.stubEnv('AWS_REGION', 'eu-west-1');
const secrets = mockClient(SecretsManagerClient);
/** Powertools caches by name: each test has a secret of its own. */
let secretId = '';
let tests = 0;
beforeEach(() => {
  secrets.reset();
  tests++;
  secretId = `user-sync/crm-${tests}`;
});
const holding = (...values: string[]) => {
  let step = secrets.on(GetSecretValueCommand);
  for (const SecretString of values) step = step.resolvesOnce({ SecretString });
};

describe('credentials', () => {
  it.each([
    ['{"kind":"service-account-key","key":"k1"}', ['x-keap-api-key', 'k1']],
    ['{"kind":"bearer","accessToken":"t1"}', ['authorization', 'Bearer t1']],
  ])('%s', async (secret, header) => {
    holding(secret);
    expect(await secretCredentials(secretId).current()).toEqual(header);
  });

  it('are read once, and again when somebody asks: once for all who ask together', async () => {
    holding('{"kind":"bearer","accessToken":"t1"}', '{"kind":"bearer","accessToken":"t2"}');
    const credentials = secretCredentials(secretId);
    await credentials.current();
    await credentials.current();
    expect(secrets.commandCalls(GetSecretValueCommand)).toHaveLength(1);
    const again = await Promise.all([credentials.reread(), credentials.reread(), credentials.current()]);
    expect(new Set(again.map(([, value]) => value))).toEqual(new Set(['Bearer t2']));
    expect(secrets.commandCalls(GetSecretValueCommand)).toHaveLength(2);
  });

  it.each([['{"kind":"unset","placeholder":"s3cr3t"}'], ['s3cr3t'], ['{"kind":"bearer"}'], ['']])(
    '%j are none: users wait until a person fills them in',
    async (secret) => {
      holding(secret);
      const failure = secretCredentials(secretId).current();
      await expect(failure).rejects.toThrow(Retryable);
      await expect(failure).rejects.toThrow(`${secretId} holds no credentials`);
      await expect(failure).rejects.not.toThrow(/s3cr3t/);
    },
  );
});
