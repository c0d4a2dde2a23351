import { afterEach, expect, it, vi } from 'vitest';
import { startDynamoDbLocal } from '../emulators/dynamodb-local.ts';

afterEach(() => vi.unstubAllEnvs());

it('says how to install Java when it is missing', async () => {
  vi.stubEnv('JAVA_HOME', '/nowhere');
  await expect(startDynamoDbLocal()).rejects.toThrow(/needs Java.*apt-get install default-jre-headless/s);
});
