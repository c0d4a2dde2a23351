import {
  LATEST_PAIR,
  type OAuthSecret,
  parseCrmSecret,
  renewedPair,
} from '../../shared/infusionsoft/auth/crm-secret.ts';
import { AuthorizationLostError, type TokenPair } from '../../shared/infusionsoft/auth/token-endpoint.ts';

/** The steps of a rotation, in this order (AWS Secrets Manager, "Rotation by Lambda function"). */
export type RotationStep = 'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret';

/** Ids of the versions that carry a staging label. */
export interface LabelledVersions {
  current: string;
  /** The version that Secrets Manager made for the rotation in progress. It has no value before `createSecret` stores one. */
  pending?: string | undefined;
  /** The pair that was obtained last by a rotation. */
  latestPair?: string | undefined;
}

/** The versions of the secret. Every call can fail, and reads may be some seconds old. */
export interface SecretVersions {
  labelled(): Promise<LabelledVersions>;
  /** @throws when the version or its value cannot be read, also because it is not there. */
  value(versionId: string): Promise<string>;
  /**
   * Adds a version and moves these labels to it, in one write. It can be repeated with the same value.
   * @returns false, and stores nothing, when the id belongs to a version with another value.
   */
  store(versionId: string, value: string, labels: readonly string[]): Promise<boolean>;
  /** Makes a version current. @throws when AWSCURRENT is not on the version `from` any more. */
  promote(versionId: string, from: string): Promise<void>;
  /** Removes AWSPENDING from a version. Its value and its other labels stay. */
  removePending(versionId: string): Promise<void>;
}

/** A pair that was obtained and could not be stored, and the refresh token that it cost. */
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
  /** An id for a version that no rotation asked for. */
  newVersionId(): string;
  /** Outlives an invocation that failed: the next one in the same environment stores the pair that this one could not. */
  memory: RotationMemory;
}

/** A pair that an unfinished rotation left is refreshed again when it is older than this, in milliseconds. */
const FRESH_MS = 3_600_000;

/**
 * How long to wait, in milliseconds, before a reading is believed that would use up a refresh token or end a rotation without a
 * new pair. Changes of a secret "aren't always immediately visible" (AWS Secrets Manager, "Troubleshooting"). Twice a day, it
 * costs nothing.
 */
const SETTLE_MS = 10_000;

/**
 * Runs one step of a rotation. Each step can be repeated, and the order of crashes does not matter:
 *
 * - The token endpoint uses up the old refresh token when it answers, so the new pair is stored at once, under a label of our
 *   own. Secrets Manager and operators move and remove AWSPENDING; nobody else moves LATEST_PAIR.
 * - A stored pair names the versions that it renews. It is live as long as one of them is current; once a person stored other
 *   credentials, theirs count. No clocks are compared.
 * - Only a compare-and-set makes a pair current, so credentials that a person stores at the same moment are not undone.
 *
 * One loss remains: the answer of the token endpoint never arrives, or the process dies before it is stored. Nothing can bring
 * that pair back, and only the next refresh shows it, by `AuthorizationLostError`.
 *
 * Credentials that do not expire are copied to the new version.
 *
 * @param versionId id of the version that Secrets Manager made for this rotation.
 * @throws AuthorizationLostError when a person has to authorize again; other errors when the rotation has to be tried again.
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

interface Reading {
  labels: LabelledVersions;
  /** Value of the current version. */
  text: string;
  /** The credentials with the refresh token that is live, as far as can be read. Undefined when they are not OAuth. */
  live: OAuthSecret | undefined;
  /** Version of a live pair that is not current yet. */
  renewal: string | undefined;
}

async function read(versions: SecretVersions): Promise<Reading> {
  const labels = await versions.labelled();
  const text = await versions.value(labels.current);
  const current = parseCrmSecret(text);
  if (current?.kind !== 'oauth') return { labels, text, live: undefined, renewal: undefined };
  const { latestPair } = labels;
  const renewed =
    latestPair === undefined || latestPair === labels.current
      ? undefined
      : renewedPair(await versions.value(latestPair), labels.current);
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
  await refuseIfReplaced(live, versions);
  const { unstored } = memory;
  if (unstored?.usedRefreshToken === live.refreshToken) return storePair(unstored.pair, versionId, ports);
  let pair: TokenPair;
  try {
    pair = await refresh(live);
  } catch (error) {
    if (!(error instanceof AuthorizationLostError)) throw error;
    // A person who authorizes again can end the old authorization: then there is nothing to alarm about.
    await wait(SETTLE_MS);
    await refuseIfReplaced(live, versions);
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
  // An earlier attempt of this rotation stored another value in its version, and values cannot be changed.
  if (!(await versions.store(versionId, value, ['AWSPENDING', LATEST_PAIR])))
    await versions.store(newVersionId(), value, [LATEST_PAIR]);
  memory.unstored = undefined;
}

/** @throws Error when another refresh token is live now. */
async function refuseIfReplaced({ refreshToken }: OAuthSecret, versions: SecretVersions): Promise<void> {
  const { live } = await read(versions);
  if (live?.refreshToken !== refreshToken)
    throw new Error('The credentials were replaced during the rotation. The next attempt starts from them.');
}

/** Sends no request to the API: the token endpoint has just issued the token, and each request counts against the quota. */
async function testSecret({ versions, now }: RotationPorts): Promise<void> {
  const { live, renewal } = await read(versions);
  if (live && renewal !== undefined && Date.parse(live.expiresAt) <= now())
    throw new Error('The new access token has expired. The next attempt renews it');
}

async function finishSecret(versionId: string, { versions, wait }: RotationPorts): Promise<void> {
  let reading = await read(versions);
  if (reading.labels.current === versionId) return;
  let next = await successor(reading, versionId, versions);
  if (next === undefined) {
    await wait(SETTLE_MS);
    reading = await read(versions);
    next = await successor(reading, versionId, versions);
  }
  const { current, pending } = reading.labels;
  if (next !== undefined) await versions.promote(next, current);
  // AWSPENDING on a version that is not current would block the next rotation (API reference of `RotateSecret`).
  if (next !== versionId && current !== versionId && pending === versionId)
    await versions.removePending(versionId);
}

/** The version that has to follow the current one. None when a person stored credentials meanwhile. */
async function successor(
  { labels, text, live, renewal }: Reading,
  versionId: string,
  versions: SecretVersions,
): Promise<string | undefined> {
  if (live) return renewal;
  return labels.pending === versionId && (await versions.value(versionId)) === text ? versionId : undefined;
}

function isFresh({ issuedAt, expiresAt }: OAuthSecret, now: number): boolean {
  return Math.abs(now - Date.parse(issuedAt)) < FRESH_MS && Date.parse(expiresAt) > now;
}
