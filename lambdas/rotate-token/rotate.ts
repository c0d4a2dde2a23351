import {
  LATEST_PAIR,
  type OAuthSecret,
  parseCrmSecret,
  renewedPair,
} from '../../shared/infusionsoft/auth/crm-secret.ts';
import { AuthorizationLostError, type TokenPair } from '../../shared/infusionsoft/auth/token-endpoint.ts';

/** The steps of a rotation, in this order (AWS Secrets Manager, "Rotation by Lambda function"). */
export type RotationStep = 'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret';

/** Ids of the versions with a staging label. */
export interface LabelledVersions {
  current: string;
  /** The version that Secrets Manager created for the running rotation. It has no value until `createSecret` stores one. */
  pending?: string | undefined;
  /** The token pair that a rotation obtained last. */
  latestPair?: string | undefined;
}

/** The versions of the secret. Every call can fail, and reads can be some seconds old. */
export interface SecretVersions {
  labelled(): Promise<LabelledVersions>;
  /** @throws when the version or its value cannot be read or does not exist. */
  value(versionId: string): Promise<string>;
  /**
   * Adds a version and moves these labels to it, in one write. Can be repeated with the same value.
   * @returns false, and stores nothing, if the id belongs to a version with another value.
   */
  store(versionId: string, value: string, labels: readonly string[]): Promise<boolean>;
  /** Makes a version current. @throws when AWSCURRENT is no longer on the version `from`. */
  promote(versionId: string, from: string): Promise<void>;
  /** Removes AWSPENDING from a version. Its value and its other labels stay. */
  removePending(versionId: string): Promise<void>;
}

/** A pair that was obtained and could not be stored, and the refresh token that was used up for it. */
export interface RotationMemory {
  unstored?: { pair: OAuthSecret; usedRefreshToken: string } | undefined;
}

export interface RotationPorts {
  versions: SecretVersions;
  /** Uses up the refresh token. @throws AuthorizationLostError. */
  refresh(secret: OAuthSecret): Promise<TokenPair>;
  /** Epoch milliseconds. */
  now(): number;
  wait(ms: number): Promise<void>;
  /** An id for a version that Secrets Manager did not create. */
  newVersionId(): string;
  /** Survives a failed invocation: the next one in the same environment stores the pair that could not be stored. */
  memory: RotationMemory;
}

/** A pair of an unfinished rotation is refreshed again if it is older than this, in milliseconds. */
const FRESH_MS = 3_600_000;

/**
 * How long to wait, in milliseconds, before a second read confirms the first one. For reads that decide whether a refresh token is used up,
 * or whether the rotation ends without a new pair. Changes of a secret "aren't always immediately visible" (AWS Secrets Manager,
 * "Troubleshooting"). A rotation runs twice a day, so the wait costs nothing.
 */
const SETTLE_MS = 10_000;

/**
 * Runs one step of a rotation. Each step can be repeated, and a crash at any point is safe:
 *
 * - The token endpoint uses up the old refresh token when it responds, so the new pair is stored at once, with a label of our own.
 *   Secrets Manager and operators move and remove AWSPENDING; nobody else moves LATEST_PAIR.
 * - A stored pair names the versions that it renews. It is live as long as one of them is current. If a person has stored other
 *   credentials since, those are live. No clocks are compared.
 * - Only a compare-and-set makes a pair current, so credentials that a person stores at the same moment are not overwritten.
 *
 * One loss cannot be prevented: the response of the token endpoint is lost, or the process dies before it stores the pair. Only the
 * next refresh can detect it, and fails with `AuthorizationLostError`.
 *
 * Credentials that do not expire are copied to the new version.
 *
 * @param versionId id of the version that Secrets Manager created for this rotation.
 * @throws AuthorizationLostError when a person has to authorize again; other errors when the rotation has to be retried.
 */
export async function rotate(step: RotationStep, versionId: string, ports: RotationPorts): Promise<void> {
  switch (step) {
    case 'createSecret':
      return createSecret(versionId, ports);
    case 'setSecret':
      return undefined;
    case 'testSecret':
      return testSecret(ports);
    case 'finishSecret':
      return finishSecret(versionId, ports);
  }
}

interface SecretState {
  labels: LabelledVersions;
  /** Value of the current version. */
  text: string;
  /** The credentials whose refresh token is live, as far as can be read. Undefined if they are not OAuth. */
  live: OAuthSecret | undefined;
  /** The version of a live pair that is not current yet. */
  renewal: string | undefined;
}

async function read(versions: SecretVersions): Promise<SecretState> {
  const labels = await versions.labelled();
  const text = await versions.value(labels.current);
  const current = parseCrmSecret(text);
  if (current?.kind !== 'oauth') return { labels, text, live: undefined, renewal: undefined };
  const { latestPair } = labels;
  const renewed =
    latestPair === undefined ? undefined : renewedPair(await versions.value(latestPair), labels.current);
  return { labels, text, live: renewed ?? current, renewal: renewed && latestPair };
}

async function createSecret(versionId: string, ports: RotationPorts): Promise<void> {
  const { versions, refresh, now, wait, memory } = ports;
  const { labels, text, live, renewal } = await read(versions);
  if (labels.current === versionId) return;
  if (!live) {
    await versions.store(versionId, text, ['AWSPENDING']);
    return;
  }
  if (renewal !== undefined && isFresh(live, now())) return;
  await wait(SETTLE_MS);
  await checkNotReplaced(live, versions);
  const { unstored } = memory;
  if (unstored?.usedRefreshToken === live.refreshToken) return storePair(unstored.pair, versionId, ports);
  let pair: TokenPair;
  try {
    pair = await refresh(live);
  } catch (error) {
    if (!(error instanceof AuthorizationLostError)) throw error;
    // A person who authorizes again can end the old authorization, which is no reason for an alarm.
    await wait(SETTLE_MS);
    await checkNotReplaced(live, versions);
    throw error;
  }
  const renews = renewal === undefined ? [labels.current] : [...(live.renews ?? []), renewal];
  const renewed = { ...live, ...pair, renews };
  memory.unstored = { pair: renewed, usedRefreshToken: live.refreshToken };
  await storePair(renewed, versionId, ports);
}

async function storePair(
  pair: OAuthSecret,
  versionId: string,
  { versions, newVersionId, memory }: RotationPorts,
): Promise<void> {
  const value = JSON.stringify(pair);
  // If an earlier attempt of this rotation has stored another value in its version, that value cannot be changed.
  if (!(await versions.store(versionId, value, ['AWSPENDING', LATEST_PAIR])))
    await versions.store(newVersionId(), value, [LATEST_PAIR]);
  memory.unstored = undefined;
}

/** @throws Error when another refresh token is live now. */
async function checkNotReplaced({ refreshToken }: OAuthSecret, versions: SecretVersions): Promise<void> {
  const { live } = await read(versions);
  if (live?.refreshToken !== refreshToken)
    throw new Error('The credentials were replaced during the rotation. The next attempt starts from them.');
}

/** Makes no request to the API: the token endpoint has just issued the token, and each request counts against the quota. */
async function testSecret({ versions, now }: RotationPorts): Promise<void> {
  const { live, renewal } = await read(versions);
  if (live && renewal !== undefined && Date.parse(live.expiresAt) <= now())
    throw new Error('The new access token has expired. The next attempt renews it');
}

async function finishSecret(versionId: string, { versions, wait }: RotationPorts): Promise<void> {
  let state = await read(versions);
  if (state.labels.current === versionId) return;
  let next = await nextVersion(state, versionId, versions);
  if (next === undefined) {
    await wait(SETTLE_MS);
    state = await read(versions);
    next = await nextVersion(state, versionId, versions);
  }
  const { current, pending } = state.labels;
  if (next !== undefined) await versions.promote(next, current);
  // AWSPENDING on a version that is not current would block the next rotation (API reference of `RotateSecret`).
  if (next !== versionId && pending === versionId) await versions.removePending(versionId);
}

/** The version to make current. Undefined if a person has stored credentials in the meantime. */
async function nextVersion(
  { labels, text, live, renewal }: SecretState,
  versionId: string,
  versions: SecretVersions,
): Promise<string | undefined> {
  if (live) return renewal;
  return labels.pending === versionId && (await versions.value(versionId)) === text ? versionId : undefined;
}

function isFresh({ issuedAt, expiresAt }: OAuthSecret, now: number): boolean {
  return Math.abs(now - Date.parse(issuedAt)) < FRESH_MS && Date.parse(expiresAt) > now;
}
