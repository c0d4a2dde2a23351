import { afterEach, expect, it, vi } from 'vitest';
import { startDynamoDbLocal } from './emulators/dynamodb-local.ts';

afterEach(() => vi.unstubAllEnvs());

it('says what is missing and the way out when there is no Java', async () => {
  vi.stubEnv('JAVA_HOME', '/nowhere');
  await expect(startDynamoDbLocal(() => undefined)).rejects.toThrow(
    /needs Java.*apt-get install default-jre-headless/s,
  );
});
