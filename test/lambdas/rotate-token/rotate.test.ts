import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SecretStore } from '../../../infra/local/emulators/secret-store.ts';
import { type RotationPorts, type RotationStep, rotate } from '../../../lambdas/rotate-token/rotate.ts';
import { headerOf, type OAuthSecret, parseCrmSecret } from '../../../shared/infusionsoft/crm-secret.ts';
import { AuthorizationLost, refreshPair } from '../../../shared/infusionsoft/token-endpoint.ts';
import { DEFAULT_CLIENT, OAuth } from '../../simulator/oauth.ts';
import { type RunningSimulator, startSimulator } from '../../simulator/start-simulator.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const HOUR = 3_600_000;
const { clientId, clientSecret } = DEFAULT_CLIENT;

class Crash extends Error {}

/** An account with one secret, and a rotation that can be made to die before or after each of its effects. */
function account() {
  const clock = { now: NOW };
  const oauth = new OAuth({}, () => clock.now);
  const pairOf = (issued: ReturnType<OAuth['issue']>) => ({
    accessToken: issued.access_token,
    refreshToken: issued.refresh_token,
    issuedAt: new Date(clock.now).toISOString(),
    expiresAt: new Date(clock.now + issued.expires_in * 1000 - 300_000).toISOString(),
  });
  const authorized = (): OAuthSecret => ({ kind: 'oauth', clientId, clientSecret, ...pairOf(oauth.issue()) });
  const store = new SecretStore();
  const secret = store.create('crm', 'arn', JSON.stringify(authorized()));
  const withStage = (stage: string) => secret.versions.find(({ stages }) => stages.has(stage));
  const byId = (id: string) => secret.versions.find((version) => version.id === id);

  let crashAt = Number.POSITIVE_INFINITY;
  let effects = 0;
  const effect = async <Result>(does: () => Result): Promise<Result> => {
    if (effects++ === crashAt) throw new Crash('before');
    const result = does();
    if (effects++ === crashAt) throw new Crash('after');
    return result;
  };
  const ports: RotationPorts = {
    now: () => clock.now,
    refresh: (current) =>
      effect(() => {
        const pair = oauth.refresh(current.refreshToken);
        if (!pair) throw new AuthorizationLost('invalid_grant');
        return pairOf(pair);
      }),
    versions: {
      read: async (stage) => withStage(stage)?.value,
      readPending: async (id) => (byId(id)?.stages.has('AWSPENDING') ? byId(id)?.value : undefined),
      currentVersionId: async () => withStage('AWSCURRENT')?.id,
      storePending: (versionId, value) =>
        effect(() => void store.put(secret, value, { versionId, stages: ['AWSPENDING'] })),
      promote: (id) => effect(() => store.move(secret, 'AWSCURRENT', byId(id))),
      abandon: () => effect(() => store.move(secret, 'AWSPENDING', undefined)),
    },
  };
  secret.rotation = ({ Step, ClientRequestToken }) => rotate(Step as RotationStep, ClientRequestToken, ports);
  const tokenIn = (stage: string) =>
    headerOf(parseCrmSecret(withStage(stage)?.value ?? '') as OAuthSecret)[1];
  const works = (stage: string) =>
    withStage(stage) !== undefined && oauth.letsIn(tokenIn(stage).replace('Bearer ', ''));
  return {
    clock,
    store,
    secret,
    ports,
    authorized,
    works,
    tokenIn,
    /** Runs a rotation that dies at the given effect, counted from 0: before it (even) or after it (odd). */
    rotate: async (dieAt = Number.POSITIVE_INFINITY) => {
      crashAt = dieAt;
      effects = 0;
      await store.rotate(secret);
    },
  };
}

describe('a rotation', () => {
  it('renews the pair, and leaves the last one as the previous version', async () => {
    const { rotate, works, tokenIn } = account();
    const before = tokenIn('AWSCURRENT');
    await rotate();
    expect(works('AWSCURRENT')).toBe(true);
    expect(tokenIn('AWSCURRENT')).not.toBe(before);
    expect(tokenIn('AWSPREVIOUS')).toBe(before);
    await rotate();
    expect(works('AWSCURRENT')).toBe(true);
  });

  const POINTS = [
    [0, 'before the refresh'],
    [2, 'before the pair is stored, in the same process, whose memory still has it: SDK retries'],
    [3, 'after the pair is stored'],
    [4, 'before the new version is current'],
    [5, 'after the new version is current'],
  ] as const;
  it.each(POINTS.filter(([point]) => point !== 2))(
    'that dies at effect %d (%s) locks nobody out: consumers go on, and the next rotation mends it',
    async (point) => {
      const { rotate, works, clock } = account();
      await expect(rotate(point)).rejects.toThrow(Crash);
      expect(works('AWSCURRENT') || works('AWSPENDING')).toBe(true);
      clock.now += HOUR / 2;
      await rotate();
      expect(works('AWSCURRENT')).toBe(true);
      clock.now += 12 * HOUR;
      await rotate();
      expect(works('AWSCURRENT')).toBe(true);
    },
  );

  it('that dies over and over at the same place locks nobody out', async () => {
    for (const [point] of POINTS.filter(([each]) => each !== 2)) {
      const { rotate, works, clock } = account();
      for (let time = 0; time < 3; time++) {
        await rotate(point).catch((error: unknown) => expect(error).toBeInstanceOf(Crash));
        clock.now += 2 * HOUR;
      }
      await rotate();
      expect(works('AWSCURRENT')).toBe(true);
    }
  });

  it('whose answer from the token endpoint is lost cannot go on, and says that a person has to authorize', async () => {
    const { rotate } = account();
    await expect(rotate(1)).rejects.toThrow(Crash);
    await expect(rotate()).rejects.toThrow(AuthorizationLost);
  });

  it('does not undo what a person has authorized in the meantime', async () => {
    const { rotate, works, store, secret, authorized, clock, tokenIn } = account();
    await expect(rotate(4)).rejects.toThrow(Crash);
    clock.now += 60_000;
    store.put(secret, JSON.stringify(authorized()));
    const token = tokenIn('AWSCURRENT');
    await rotate();
    expect(tokenIn('AWSCURRENT')).toBe(token);
    clock.now += 12 * HOUR;
    await rotate();
    expect(works('AWSCURRENT')).toBe(true);
  });

  it.each([['{"kind":"service-account-key","key":"k"}'], ['{"kind":"unset"}'], ['not JSON']])(
    'of credentials that do not expire changes nothing: %s',
    async (value) => {
      const { rotate, store, secret } = account();
      store.put(secret, value);
      await rotate();
      expect(secret.versions.find(({ stages }) => stages.has('AWSCURRENT'))?.value).toBe(value);
    },
  );
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

  it('gives a new pair for a refresh token, once', async () => {
    const token = await firstToken();
    const pair = await refresh(token);
    expect(pair).toMatchObject({
      issuedAt: '2026-06-15T12:00:00.000Z',
      expiresAt: '2026-06-16T11:55:00.000Z',
    });
    await expect(refresh(token)).rejects.toThrow(AuthorizationLost);
    await refresh(pair.refreshToken);
  });

  it('whose answer was lost has used the token up', async () => {
    const token = await firstToken();
    await admin('oauth', { loseNextAnswer: true });
    await expect(refresh(token)).rejects.toThrow(/invalid_grant/);
  });

  it('never gives a secret away in a failure', async () => {
    const text = await refreshPair(crm.url, {
      clientId,
      clientSecret: 'wrong-s3cr3t',
      refreshToken: 'r-s3cr3t',
    }).catch((error: Error) => `${error.stack}${JSON.stringify(error)}${error.cause}`);
    expect(text).toMatch(/AuthorizationLost/);
    expect(text).not.toMatch(/s3cr3t/);
  });
});
