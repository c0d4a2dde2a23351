import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LabelledVersions, type RotationStep, rotate } from '../../../lambdas/rotate-token/rotate.ts';
import { secretVersions } from '../../../lambdas/rotate-token/secret-versions.ts';
import { parseCrmSecret } from '../../../shared/infusionsoft/auth/crm-secret.ts';
import {
  AnswerLostError,
  AuthorizationLostError,
  refreshPair,
  type TokenPair,
} from '../../../shared/infusionsoft/auth/token-endpoint.ts';
import { startSecretsManager } from '../../local-cloud/emulators/secrets-manager.ts';
import { DEFAULT_CLIENT } from '../../simulator/oauth.ts';
import { type RunningSimulator, startSimulator } from '../../simulator/start-simulator.ts';
import { DAY, HOUR, NOW, rotationWorld, SomeError } from '../../support/rotation-world.ts';

const { clientId, clientSecret } = DEFAULT_CLIENT;
const STEPS: RotationStep[] = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];
/** How long a rotation waits for a second read, in milliseconds. */
const SETTLE_MS = 10_000;

describe('a rotation', () => {
  it('renews the pair, and keeps the replaced one as the previous version', async () => {
    const world = rotationWorld();
    const before = world.secretAt('AWSCURRENT');
    await world.rotate();
    expect(world.isUsable()).toBe(true);
    expect(world.secretAt('AWSCURRENT')).not.toEqual(before);
    expect(world.secretAt('AWSPREVIOUS')).toEqual(before);
    await world.rotate();
    expect(world.isUsable()).toBe(true);
    expect(world.refreshes()).toBe(2);
  });

  it('uses one refresh token when each step runs twice', async () => {
    const world = rotationWorld();
    const id = world.begin();
    for (const step of STEPS) {
      await world.step(step, id);
      await world.step(step, id);
    }
    expect(world.refreshes()).toBe(1);
    expect(world.isUsable()).toBe(true);
  });

  it('does nothing when a step is repeated after its end', async () => {
    const world = rotationWorld();
    const id = world.begin();
    for (const step of STEPS) await world.step(step, id);
    const current = world.textAt('AWSCURRENT');
    for (const step of STEPS) {
      const began = world.clock.now;
      await world.step(step, id);
      expect(world.clock.now - began).toBeLessThan(SETTLE_MS);
    }
    expect(world.refreshes()).toBe(1);
    expect(world.textAt('AWSCURRENT')).toBe(current);
  });

  it('forgets a pair that is stored', async () => {
    const world = rotationWorld();
    await world.rotate();
    expect(world.memory.unstored).toBeUndefined();
  });

  it('keeps the only live refresh token when a read does not find it', async () => {
    const world = rotationWorld();
    const id = world.begin();
    await world.step('createSecret', id);
    world.missReadsOf(id, 3);
    for (const step of ['testSecret', 'finishSecret'] as const)
      await expect(world.step(step, id)).rejects.toThrow(/can't find/);
    await expect(world.rotate()).rejects.toThrow(/can't find/);
    await world.rotate();
    expect(world.refreshes()).toBe(1);
    expect(world.isUsable()).toBe(true);
  });

  it('renews the pair of a rotation that was not finished days ago, and is not blocked by it', async () => {
    const world = rotationWorld();
    await world.step('createSecret', world.begin());
    world.clock.now += 2 * DAY;
    await world.rotate();
    expect(world.refreshes()).toBe(2);
    expect(world.isUsable()).toBe(true);
    await world.rotate();
    expect(world.isUsable()).toBe(true);
  });

  it('uses the pair of a rotation that was not finished half an hour ago, without another refresh', async () => {
    const world = rotationWorld();
    await world.step('createSecret', world.begin());
    world.clock.now += HOUR / 2;
    await world.rotate();
    expect(world.refreshes()).toBe(1);
    expect(world.isUsable()).toBe(true);
  });

  it('finds the pair of a cancelled rotation after an operator removed AWSPENDING', async () => {
    const world = rotationWorld();
    await world.step('createSecret', world.begin());
    world.removePending();
    await world.rotate();
    expect(world.isUsable()).toBe(true);
    expect(world.refreshes()).toBe(1);
  });

  it('fails in testSecret when the new access token has expired', async () => {
    const world = rotationWorld();
    const id = world.begin();
    await world.step('createSecret', id);
    world.clock.now += 25 * HOUR;
    await world.step('setSecret', id);
    await expect(world.step('testSecret', id)).rejects.toThrow('has expired');
  });

  it('fails at once when the token endpoint fails, unless the authorization is lost', async () => {
    const world = rotationWorld();
    world.onNextRefresh(() => {
      throw new SomeError('no answer');
    });
    const began = world.clock.now;
    await expect(world.rotate()).rejects.toThrow(SomeError);
    expect(world.clock.now - began).toBeLessThan(2 * SETTLE_MS);
  });

  it.each([0, 1, 2, 3])(
    'keeps credentials that a person stores after step %d, whatever their clock',
    async (steps) => {
      for (const skew of [-3 * DAY, 0, 3 * DAY]) {
        const world = rotationWorld();
        const id = world.begin();
        for (const step of STEPS.slice(0, steps)) await world.step(step, id);
        const theirs = world.authorize({ skew });
        for (const step of STEPS.slice(steps)) await world.step(step, id);
        if (steps > 0) expect(world.secretAt('AWSCURRENT')).toEqual(theirs);
        await world.rotate();
        world.expectHealthy();
      }
    },
  );

  it('keeps a key that a person stores in place of OAuth credentials', async () => {
    const world = rotationWorld();
    const id = world.begin();
    await world.step('createSecret', id);
    const key = '{"kind":"service-account-key","key":"k"}';
    world.store(key);
    await world.step('finishSecret', id);
    await world.rotate();
    expect(world.textAt('AWSCURRENT')).toBe(key);
  });

  it('stores a pair that could not be stored at first, as long as its environment lives', async () => {
    const world = rotationWorld();
    world.failNextStores(1);
    await expect(world.rotate()).rejects.toThrow(SomeError);
    await world.rotate();
    expect(world.refreshes()).toBe(1);
    expect(world.isUsable()).toBe(true);
  });

  it('does not replace a newer pair, which another environment obtained, with an unstored one', async () => {
    const world = rotationWorld();
    const id = world.begin();
    world.loseAnswersOfNextStores(1);
    await expect(world.step('createSecret', id)).rejects.toThrow(SomeError);
    const first = world.memory.unstored;
    expect(first).toBeDefined();
    world.memory.unstored = undefined;
    world.clock.now += 2 * DAY;
    await world.step('createSecret', id);
    world.memory.unstored = first;
    world.clock.now += 2 * HOUR;
    world.removePending();
    await world.rotate();
    world.expectHealthy();
  });

  it('fails with AuthorizationLostError when the new pair died with its process, and works again after an authorization', async () => {
    const world = rotationWorld();
    world.failNextStores(1);
    await expect(world.rotate()).rejects.toThrow(SomeError);
    world.memory.unstored = undefined;
    await expect(world.rotate()).rejects.toThrow(AuthorizationLostError);
    world.authorize();
    await world.rotate();
    world.expectHealthy();
  });

  it('starts again, without AuthorizationLostError, when a person authorizes during the refresh', async () => {
    const world = rotationWorld();
    world.onNextRefresh(() => void world.authorize({ endsOldGrant: true }));
    await expect(world.rotate()).rejects.toThrow('replaced during the rotation');
    await world.rotate();
    world.expectHealthy();
  });

  it('starts again when a person stores a key during the refresh', async () => {
    const world = rotationWorld();
    const key = '{"kind":"service-account-key","key":"k"}';
    world.onNextRefresh(() => {
      world.authorize({ endsOldGrant: true });
      world.store(key);
    });
    await expect(world.rotate()).rejects.toThrow('replaced during the rotation');
    await world.rotate();
    expect(world.textAt('AWSCURRENT')).toBe(key);
  });

  it('copies a key to the version of the rotation, which is current afterwards', async () => {
    const world = rotationWorld();
    const key = '{"kind":"service-account-key","key":"k"}';
    world.store(key);
    const id = world.begin();
    world.removePending();
    await world.step('createSecret', id);
    expect(world.textAt('AWSPENDING')).toBe(key);
    for (const step of STEPS.slice(1)) await world.step(step, id);
    expect(world.textAt('AWSPREVIOUS')).toBe(key);
    const began = world.clock.now;
    await world.step('finishSecret', id);
    expect(world.clock.now - began).toBeLessThan(SETTLE_MS);
  });

  it('does not make a key current from whose version an operator has removed AWSPENDING', async () => {
    const world = rotationWorld();
    const key = '{"kind":"service-account-key","key":"k"}';
    world.store(key);
    const id = world.begin();
    await world.step('createSecret', id);
    world.removePending();
    await world.step('finishSecret', id);
    expect(world.textAt('AWSCURRENT')).toBe(key);
    expect(world.textAt('AWSPREVIOUS')).not.toBe(key);
  });

  it('keeps a key that a person stores in place of another key', async () => {
    const world = rotationWorld();
    const key = (name: string) => `{"kind":"service-account-key","key":"${name}"}`;
    world.store(key('old'));
    const id = world.begin();
    await world.step('createSecret', id);
    world.store(key('new'));
    for (const step of STEPS.slice(1)) await world.step(step, id);
    expect(world.textAt('AWSCURRENT')).toBe(key('new'));
    expect(world.textAt('AWSPENDING')).toBeUndefined();
  });

  it.each([['{"kind":"service-account-key","key":"k"}'], ['{"kind":"unset"}'], ['not JSON']])(
    'does not change credentials that do not expire: %s',
    async (value) => {
      const world = rotationWorld();
      world.store(value);
      await world.rotate();
      expect(world.textAt('AWSCURRENT')).toBe(value);
      await world.rotate();
    },
  );
});

describe('the pair of an unfinished rotation', () => {
  const pair = (n: number) => ({
    accessToken: `a${n}`,
    refreshToken: `r${n}`,
    issuedAt: new Date(NOW).toISOString(),
    expiresAt: new Date(NOW + DAY).toISOString(),
  });
  const oauth = { kind: 'oauth', clientId, clientSecret };

  /**
   * Runs a step at a moment, with a pair that is stored and not current yet.
   *
   * @param staleLabels what the first read returns, if it is some seconds old.
   */
  async function stepAt(
    step: RotationStep,
    now: number,
    { expiresAt = NOW + DAY, staleLabels }: { expiresAt?: number; staleLabels?: LabelledVersions } = {},
  ) {
    let stale = staleLabels;
    const values: Record<string, string> = {
      old: JSON.stringify({ ...oauth, ...pair(0) }),
      next: JSON.stringify({
        ...oauth,
        ...pair(1),
        expiresAt: new Date(expiresAt).toISOString(),
        renews: ['old'],
      }),
    };
    const refreshed: string[] = [];
    const stored: unknown[] = [];
    const moved: string[][] = [];
    let waits = 0;
    await rotate(step, 'next', {
      versions: {
        labelled: async () => stale ?? { current: 'old', pending: 'next', latestPair: 'next' },
        value: async (id) => values[id] ?? '',
        store: async (id, value, labels) => {
          stored.push({ id, labels, renews: JSON.parse(value).renews });
          return id !== 'next';
        },
        promote: async (id, from) => void moved.push(['AWSCURRENT', id, from]),
        removePending: async (id) => void moved.push(['AWSPENDING', id]),
      },
      refresh: async ({ refreshToken }) => {
        refreshed.push(refreshToken);
        return pair(2);
      },
      now: () => now,
      wait: async () => {
        stale = undefined;
        waits++;
      },
      newVersionId: () => 'other',
      memory: {},
    });
    return { refreshed, stored, moved, waits };
  }

  it.each([
    ['just issued', NOW, NOW + DAY, []],
    ['issued less than an hour ago', NOW + HOUR - 1, NOW + DAY, []],
    ['issued an hour ago', NOW + HOUR, NOW + DAY, ['r1']],
    ['issued less than an hour ago by a clock that is fast', NOW - HOUR + 1, NOW + DAY, []],
    ['issued by a clock that is an hour fast', NOW - HOUR, NOW + DAY, ['r1']],
    ['about to expire', NOW, NOW + 1, []],
    ['expired', NOW, NOW, ['r1']],
  ])('is used or refreshed: %s', async (_, now, expiresAt, expected) => {
    expect((await stepAt('createSecret', now, { expiresAt })).refreshed).toEqual(expected);
  });

  it('passes the test until its access token expires', async () => {
    await stepAt('testSecret', NOW, { expiresAt: NOW + 1 });
    await expect(stepAt('testSecret', NOW, { expiresAt: NOW })).rejects.toThrow('has expired');
  });

  it.each<[string, LabelledVersions | undefined, number]>([
    ['at once', undefined, 0],
    ['after a second read, if the first one does not find it', { current: 'old', pending: 'next' }, 1],
  ])('is made current in place of the pair that it renews: %s', async (_, staleLabels, expectedWaits) => {
    const { moved, waits } = await stepAt('finishSecret', NOW, staleLabels && { staleLabels });
    expect(moved).toEqual([['AWSCURRENT', 'next', 'old']]);
    expect(waits).toBe(expectedWaits);
  });

  it('is followed by a pair in a new version, which renews all that went before', async () => {
    const renews = ['old', 'next'];
    expect((await stepAt('createSecret', NOW + HOUR)).stored).toEqual([
      { id: 'next', labels: ['AWSPENDING', 'LATEST_PAIR'], renews },
      { id: 'other', labels: ['LATEST_PAIR'], renews },
    ]);
  });
});

it('a rotation works through the API of Secrets Manager, with each step repeated', async () => {
  const server = await startSecretsManager();
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new SecretsManagerClient({ region: 'eu-west-1', endpoint: server.endpoint, credentials });
  try {
    const pair = (n: number): TokenPair => ({
      accessToken: `a${n}`,
      refreshToken: `r${n}`,
      issuedAt: new Date(Date.now()).toISOString(),
      expiresAt: new Date(Date.now() + DAY).toISOString(),
    });
    const first = JSON.stringify({ kind: 'oauth', clientId, clientSecret, ...pair(0) });
    const secret = server.store.create(
      'crm',
      'arn:aws:secretsmanager:eu-west-1:000000000000:secret:crm-Local0',
      first,
    );
    let refreshes = 0;
    const ports = {
      versions: secretVersions(client, 'crm'),
      refresh: async () => pair(++refreshes),
      now: Date.now,
      wait: () => sleep(0),
      newVersionId: () => crypto.randomUUID(),
      memory: {},
    };
    secret.rotation = async ({ Step, ClientRequestToken }) => {
      await rotate(Step, ClientRequestToken, ports);
      await rotate(Step, ClientRequestToken, ports);
    };
    await server.store.rotate(secret);
    await server.store.rotate(secret);
    const current = secret.versions.find(({ stages }) => stages.has('AWSCURRENT'));
    expect(parseCrmSecret(current?.value)).toMatchObject({ accessToken: 'a2', refreshToken: 'r2' });

    // The value of a version cannot be changed, so the pair is stored in a new version, and the rotation still ends.
    const id = server.store.beginRotation(secret);
    server.store.put(secret, 'something else', { versionId: id, stages: ['AWSPENDING'] });
    await server.store.rotate(secret);
    const next = secret.versions.find(({ stages }) => stages.has('AWSCURRENT'));
    expect(parseCrmSecret(next?.value)).toMatchObject({ accessToken: 'a3', refreshToken: 'r3' });
    expect(next?.id).not.toBe(id);
  } finally {
    client.destroy();
    await server.stop();
  }
});

describe('the token endpoint', () => {
  let crm: RunningSimulator;
  beforeEach(async () => {
    crm = await startSimulator();
  });
  afterEach(() => crm.stop());
  const admin = (path: string, body: unknown) =>
    fetch(`${crm.url}/_simulator/${path}`, { method: 'POST', body: JSON.stringify(body) });
  const firstToken = async () =>
    ((await (await admin('oauth/pair', {})).json()) as { refresh_token: string }).refresh_token;
  const refresh = (refreshToken: string) =>
    refreshPair(crm.url, { clientId, clientSecret, refreshToken }, () => NOW);

  it('issues a new pair for a refresh token, once', async () => {
    const token = await firstToken();
    const pair = await refresh(token);
    expect(pair).toMatchObject({
      issuedAt: '2026-06-15T12:00:00.000Z',
      expiresAt: '2026-06-16T11:55:00.000Z',
    });
    await expect(refresh(token)).rejects.toThrow(AuthorizationLostError);
    await refresh(pair.refreshToken);
  });

  it('gets no second request when its response is lost, since that could end the access token too', async () => {
    const token = await firstToken();
    await admin('oauth', { loseNextAnswer: true });
    await expect(refresh(token)).rejects.toThrow(AnswerLostError);
    await expect(refresh(token)).rejects.toThrow(/invalid_grant/);
  });

  it.each([
    [429, 3],
    [503, 3],
    [500, 1],
    [502, 1],
    [504, 1],
  ])('that responds with %d gets %d requests with the same token', async (status, expected) => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests++;
      response.writeHead(status, { 'retry-after': '0' }).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const failure = refreshPair(`http://127.0.0.1:${port}`, { clientId, clientSecret, refreshToken: 'r' });
    await (expected === 1
      ? expect(failure).rejects.toThrow(AnswerLostError)
      : expect(failure).rejects.not.toThrow(AnswerLostError));
    expect(requests).toBe(expected);
    server.close();
  });

  it('that cannot be reached is no lost response', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const failure = refreshPair(`http://127.0.0.1:${port}`, { clientId, clientSecret, refreshToken: 'r' });
    await expect(failure).rejects.toThrow(/cannot be reached/);
  });

  it('causes errors without secrets', async () => {
    const text = await refreshPair(crm.url, {
      clientId,
      clientSecret: 'wrong-s3cr3t',
      refreshToken: 'r-s3cr3t',
    }).catch((error: Error) => `${error.stack}${JSON.stringify(error)}${error.cause}`);
    expect(text).toMatch(/AuthorizationLostError/);
    expect(text).not.toMatch(/s3cr3t/);
  });
});
