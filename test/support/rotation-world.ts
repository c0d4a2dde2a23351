import { expect } from 'vitest';
import {
  type LabelledVersions,
  type RotationMemory,
  type RotationPorts,
  type RotationStep,
  rotate,
} from '../../lambdas/rotate-token/rotate.ts';
import { type OAuthSecret, parseCrmSecret } from '../../shared/infusionsoft/auth/crm-secret.ts';
import { AuthorizationLostError } from '../../shared/infusionsoft/auth/token-endpoint.ts';
import { SecretStore } from '../local-cloud/emulators/secrets-manager.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const NOW = Date.parse('2026-06-15T12:00:00Z');
/** Duration of a call. */
const CALL_MS = 100;

/** Thrown by a call that failed. The call may have taken effect. */
export class SomeError extends Error {}

/** What happens in a call instead of a success. */
export type Fault =
  | 'fails'
  /** The call takes effect, and its response is lost. */
  | 'answer lost'
  /** The process dies before the call. */
  | 'dies before'
  /** The process dies after the call took effect. */
  | 'dies after'
  /** A person authorizes just before the call. */
  | 'authorize'
  /** A person authorizes just before the call, which ends the old authorization. */
  | 'authorize anew'
  /** A read returns the state of some seconds ago. */
  | 'stale';

/** Maximum age of a stale read, in milliseconds: less than the rotation waits. */
const STALE_MS = 8000;

/**
 * An account of the CRM and its secret. The account is as strict as possible: a second use of a refresh token ends the authorization,
 * and a refresh ends the old access token.
 *
 * @param faultAt decides what happens in each call.
 */
export function rotationWorld(faultAt: (call: number) => Fault | undefined = () => undefined) {
  const clock = { now: NOW };
  const memory: RotationMemory = {};
  let calls = 0;
  let tokens = 0;
  let refreshes = 0;
  let grants = 0;
  /** The current pair of each live authorization. */
  const liveGrants = new Map<number, { refreshToken: string; accessToken: string }>();
  const grantOf = new Map<string, number>();

  const issue = (grant: number, skew = 0) => {
    const [accessToken, refreshToken] = [`access-${++tokens}`, `refresh-${tokens}`];
    grantOf.set(refreshToken, grant);
    liveGrants.set(grant, { refreshToken, accessToken });
    const at = clock.now + skew;
    return {
      accessToken,
      refreshToken,
      issuedAt: new Date(at).toISOString(),
      expiresAt: new Date(at + DAY - 300_000).toISOString(),
    };
  };
  const authorizedPair = (skew?: number): OAuthSecret => ({
    kind: 'oauth',
    clientId: 'c',
    clientSecret: 's',
    ...issue(++grants, skew),
  });

  const store = new SecretStore();
  const secret = store.create('crm', 'arn', JSON.stringify(authorizedPair()));
  const holder = (label: string) => secret.versions.find(({ stages }) => stages.has(label));
  const byId = (id: string) => secret.versions.find((version) => version.id === id);

  const labelsNow = (): LabelledVersions => ({
    current: holder('AWSCURRENT')?.id ?? '',
    pending: holder('AWSPENDING')?.id,
    latestPair: holder('LATEST_PAIR')?.id,
  });
  /** Past states of the secret, with their times. */
  let history: { at: number; labels: LabelledVersions; values: ReadonlyMap<string, string> }[] = [];
  const snapshot = () => ({
    at: clock.now,
    labels: labelsNow(),
    values: new Map(secret.versions.flatMap(({ id, value }) => (value === undefined ? [] : [[id, value]]))),
  });
  const note = () => {
    history = [...history.filter(({ at }) => clock.now - at <= STALE_MS), snapshot()];
  };
  note();

  const misses = new Map<string, number>();
  let failingStores = 0;
  let lostStoreAnswers = 0;
  let beforeRefresh: (() => void) | undefined;

  const authorize = ({ skew = 0, endsOldGrant = false } = {}): OAuthSecret => {
    if (endsOldGrant) liveGrants.clear();
    const pair = authorizedPair(skew);
    store.put(secret, JSON.stringify(pair));
    note();
    return pair;
  };

  const isLiveTokenStored = () =>
    secret.versions
      .filter(({ stages }) => stages.size > 0)
      .map(({ value }) => parseCrmSecret(value))
      .some((each) => each?.kind === 'oauth' && each.refreshToken === liveGrants.get(grants)?.refreshToken);

  class Died extends Error {}
  /** Two losses cannot be prevented, so they are not simulated: a response of the token endpoint, and the only process with a new pair. */
  const isRecoverable = (fault: Fault) => fault !== 'answer lost' && fault !== 'dies after';
  const die = () =>
    memory.unstored && !isLiveTokenStored() ? new SomeError('no answer') : new Died('killed');
  /** Makes a call of a process, with its fault. */
  const call = async <Result>(
    perform: (isStale: boolean) => Result,
    isPossible: (fault: Fault) => boolean = () => true,
  ): Promise<Result> => {
    note();
    const planned = faultAt(calls++);
    const fault = planned && isPossible(planned) ? planned : undefined;
    clock.now += CALL_MS;
    if (fault === 'authorize') authorize();
    if (fault === 'authorize anew') authorize({ endsOldGrant: true });
    if (fault === 'fails') throw new SomeError('throttled');
    if (fault === 'dies before') throw die();
    const result = perform(fault === 'stale');
    note();
    if (fault === 'answer lost') throw new SomeError('no answer');
    if (fault === 'dies after') throw die();
    return result;
  };
  const seen = (isStale: boolean) =>
    (isStale ? history.find(({ at }) => clock.now - at <= STALE_MS) : undefined) ?? snapshot();

  const ports: RotationPorts = {
    memory,
    now: () => clock.now,
    wait: async (ms) => {
      clock.now += ms;
      note();
    },
    newVersionId: () => crypto.randomUUID(),
    refresh: ({ refreshToken }) =>
      call(() => {
        beforeRefresh?.();
        beforeRefresh = undefined;
        refreshes++;
        const grant = grantOf.get(refreshToken) ?? 0;
        if (liveGrants.get(grant)?.refreshToken === refreshToken) return issue(grant);
        liveGrants.delete(grant);
        throw new AuthorizationLostError('400 invalid_grant');
      }, isRecoverable),
    versions: {
      labelled: () => call((isStale) => seen(isStale).labels),
      value: (id) =>
        call((isStale) => {
          const left = misses.get(id) ?? 0;
          misses.set(id, Math.max(0, left - 1));
          const value = left > 0 ? undefined : seen(isStale).values.get(id);
          if (value === undefined) throw new Error(`Secrets Manager can't find the specified secret value.`);
          return value;
        }),
      store: (id, value, labels) =>
        call(() => {
          if (failingStores-- > 0) throw new SomeError('denied');
          const existing = byId(id)?.value;
          if (existing !== undefined && existing !== value) return false;
          if (existing === undefined) store.put(secret, value, { versionId: id, stages: labels });
          if (lostStoreAnswers-- > 0) throw new SomeError('no answer');
          return true;
        }),
      promote: (id, from) =>
        call(() => {
          if (holder('AWSCURRENT')?.id !== from) throw new SomeError('AWSCURRENT is on another version');
          store.move(secret, 'AWSCURRENT', byId(id));
        }),
      removePending: (id) =>
        call(() => {
          if (holder('AWSPENDING')?.id !== id) throw new SomeError('AWSPENDING is on another version');
          store.move(secret, 'AWSPENDING', undefined);
        }),
    },
  };

  const secretAt = (label: string) => parseCrmSecret(holder(label)?.value);
  const liveCurrent = () => {
    const current = secretAt('AWSCURRENT');
    return current?.kind === 'oauth'
      ? [...liveGrants].find(([, pair]) => pair.refreshToken === current.refreshToken)
      : undefined;
  };
  const step = async (name: RotationStep, id: string) => {
    try {
      await rotate(name, id, ports);
    } catch (error) {
      // The memory of a process dies with it.
      if (error instanceof Died) memory.unstored = undefined;
      throw error;
    }
  };
  secret.rotation = ({ Step, ClientRequestToken }) => step(Step, ClientRequestToken);

  return {
    clock,
    memory,
    step,
    authorize,
    secretAt,
    textAt: (label: string) => holder(label)?.value,
    begin: () => store.beginRotation(secret),
    rotate: () => store.rotate(secret),
    refreshes: () => refreshes,
    store: (value: string) => void store.put(secret, value),
    removePending: () => store.move(secret, 'AWSPENDING', undefined),
    missReadsOf: (id: string, times: number) => void misses.set(id, times),
    failNextStores: (times: number) => {
      failingStores = times;
    },
    loseAnswersOfNextStores: (times: number) => {
      lostStoreAnswers = times;
    },
    onNextRefresh: (does: () => void) => {
      beforeRefresh = does;
    },
    /** Whether the two tokens of the current version work. */
    isUsable: () => {
      const current = secretAt('AWSCURRENT');
      return (
        current?.kind === 'oauth' && liveCurrent() !== undefined && Date.parse(current.expiresAt) > clock.now
      );
    },
    /** Expects the current pair to be live and of the last authorization. */
    expectHealthy: () => expect(liveCurrent()?.[0]).toBe(grants),
    /** Whether the live refresh token of the last authorization is in memory or in a version that Secrets Manager keeps. */
    isLiveTokenKept: () =>
      isLiveTokenStored() || memory.unstored?.pair.refreshToken === liveGrants.get(grants)?.refreshToken,
  };
}
