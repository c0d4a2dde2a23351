import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { secretCredentials } from '../../../../shared/infusionsoft/auth/credentials.ts';
import { RetryableError } from '../../../../shared/sync/errors.ts';

vi.stubEnv('AWS_REGION', 'eu-west-1');
const NOW = Date.parse('2026-06-15T12:00:00Z');
const MINUTE = 60_000;
const secrets = mockClient(SecretsManagerClient);
let clock = NOW;
let stages: { AWSCURRENT: string; LATEST_PAIR?: string };
beforeEach(() => {
  clock = NOW;
  secrets.reset();
  secrets.on(GetSecretValueCommand).callsFake(({ VersionStage }: { VersionStage: keyof typeof stages }) => {
    const SecretString = stages[VersionStage];
    if (SecretString === undefined) throw new ResourceNotFoundException({ message: 'no', $metadata: {} });
    return { SecretString, VersionId: `version of ${VersionStage}` };
  });
});
const credentials = () => secretCredentials('user-sync/crm', { now: () => clock });
const reads = () => secrets.commandCalls(GetSecretValueCommand).length;
const oauth = (accessToken: string, expiresAt = NOW + 60 * MINUTE) =>
  JSON.stringify({
    kind: 'oauth',
    clientId: 'c',
    clientSecret: 's3cr3t',
    accessToken,
    refreshToken: 's3cr3t-r',
    issuedAt: new Date(NOW).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
  });
const renewing = (version: string) => JSON.stringify({ ...JSON.parse(oauth('t2')), renews: [version] });

describe('credentials', () => {
  it.each([
    ['{"kind":"service-account-key","key":"k1"}', ['x-keap-api-key', 'k1']],
    ['{"kind":"bearer","accessToken":"t1"}', ['authorization', 'Bearer t1']],
    [oauth('t1'), ['authorization', 'Bearer t1']],
  ])('%#: have the header of their kind', async (secret, header) => {
    stages = { AWSCURRENT: secret };
    expect(await credentials().current()).toEqual(header);
  });

  it('are read once for parallel requests, and again after five minutes', async () => {
    stages = { AWSCURRENT: oauth('t1') };
    const each = credentials();
    await Promise.all([each.current(), each.current()]);
    await each.current();
    expect(reads()).toBe(1);
    stages = { AWSCURRENT: oauth('t2') };
    clock += 5 * MINUTE;
    expect(await each.current()).toEqual(['authorization', 'Bearer t2']);
  });

  it('of OAuth report their age at each read, also when they have expired', async () => {
    const ages: number[] = [];
    const onTokenAge = (ms: number) => ages.push(ms);
    const each = secretCredentials('user-sync/crm', { now: () => clock, onTokenAge });
    stages = { AWSCURRENT: oauth('t1', NOW + 4 * MINUTE) };
    await each.current();
    await each.current();
    clock += 5 * MINUTE;
    await expect(each.current()).rejects.toThrow(RetryableError);
    expect(ages).toEqual([0, 5 * MINUTE]);
    stages = { AWSCURRENT: '{"kind":"service-account-key","key":"k1"}' };
    clock += 5 * MINUTE;
    await each.current();
    expect(ages).toHaveLength(2);
  });

  it('that were refused are read again once for parallel requests, and not sent again', async () => {
    stages = { AWSCURRENT: oauth('t1') };
    const each = credentials();
    const refused = await each.current();
    stages = { AWSCURRENT: oauth('t2') };
    const fresh = await Promise.all([each.renew(refused), each.renew(refused), each.current()]);
    expect(new Set(fresh.map((header) => header?.[1]))).toEqual(new Set(['Bearer t2']));
    expect(reads()).toBe(2);
  });

  it('that were refused and have not changed throw an error; the secret is read every few seconds', async () => {
    stages = { AWSCURRENT: oauth('t1') };
    const each = credentials();
    expect(await each.renew(await each.current())).toBeUndefined();
    await expect(each.current()).rejects.toThrow(RetryableError);
    const before = reads();
    await expect(each.current()).rejects.toThrow(RetryableError);
    expect(reads()).toBe(before);
    clock += 10_000;
    stages = { AWSCURRENT: oauth('t2') };
    expect(await each.current()).toEqual(['authorization', 'Bearer t2']);
  });

  it('that were refused by mistake are retried, at growing intervals', async () => {
    stages = { AWSCURRENT: '{"kind":"bearer","accessToken":"t1"}' };
    const each = credentials();
    for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
      await each.renew(await each.current());
      clock += seconds * 1000 - 1;
      await expect(each.current()).rejects.toThrow(RetryableError);
      clock += 5000;
      expect(await each.current()).toEqual(['authorization', 'Bearer t1']);
    }
  });

  it('that are about to expire are not sent: the secret is read first', async () => {
    stages = { AWSCURRENT: oauth('t1', NOW + MINUTE) };
    const each = credentials();
    await each.current();
    clock += MINUTE;
    stages = { AWSCURRENT: oauth('t2', clock + 60 * MINUTE) };
    expect(await each.current()).toEqual(['authorization', 'Bearer t2']);
  });

  it('of a rotation that died before its last step are used', async () => {
    stages = { AWSCURRENT: oauth('t1', NOW - 1), LATEST_PAIR: renewing('version of AWSCURRENT') };
    const each = credentials();
    expect(await each.current()).toEqual(['authorization', 'Bearer t2']);
    expect(await each.current()).toEqual(['authorization', 'Bearer t2']);
    expect(reads()).toBe(2);
  });

  it.each([
    ['tokens', oauth('t1', NOW - 1)],
    ['a key', '{"kind":"service-account-key","key":"t1"}'],
  ])('that a person has replaced are not used: %s', async (_, current) => {
    stages = { AWSCURRENT: current, LATEST_PAIR: renewing('an older version') };
    const each = credentials();
    await each.renew(['x-keap-api-key', 't1']);
    await expect(each.current()).rejects.toThrow(RetryableError);
  });

  it.each([['{"kind":"unset","placeholder":"s3cr3t"}'], ['s3cr3t'], ['{"kind":"bearer"}'], ['']])(
    'are missing in %j: the error names the secret and quotes nothing',
    async (secret) => {
      stages = { AWSCURRENT: secret };
      const failure = credentials().current();
      await expect(failure).rejects.toThrow(RetryableError);
      await expect(failure).rejects.toThrow(/user-sync\/crm holds no credentials.*npm run authorize/);
      await expect(failure).rejects.not.toThrow(/s3cr3t/);
    },
  );
});
