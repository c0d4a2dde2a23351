import { type CrmSecret, type OAuthSecret, parseCrmSecret } from '../../shared/infusionsoft/crm-secret.ts';
import type { TokenPair } from '../../shared/infusionsoft/token-endpoint.ts';

/** The steps of a rotation, in this order (AWS Secrets Manager, "Rotation by Lambda function"). */
export type RotationStep = 'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret';

/** The versions of the secret that a rotation works on. Every call can fail, and every step can be begun again. */
export interface SecretVersions {
  /** Value of the version with this stage, or undefined where there is none. */
  read(stage: 'AWSCURRENT' | 'AWSPENDING'): Promise<string | undefined>;
  /** Value of a version that is pending, by its id. */
  readPending(versionId: string): Promise<string | undefined>;
  currentVersionId(): Promise<string | undefined>;
  storePending(versionId: string, value: string): Promise<void>;
  /** Makes the pending version the current one. */
  promote(versionId: string, from: string): Promise<void>;
  /** Takes the label of the pending version off. */
  abandon(versionId: string): Promise<void>;
}

export interface RotationPorts {
  versions: SecretVersions;
  /** Uses the refresh token up. @throws AuthorizationLost. */
  refresh(secret: OAuthSecret): Promise<TokenPair>;
  /** Epoch milliseconds. */
  now(): number;
}

/** A pair that a rotation has left unfinished is taken over, and not refreshed again, within this time in milliseconds. */
const FRESH_MS = 3_600_000;

/**
 * One step of a rotation. Refresh tokens are single use, so a new pair is stored before anything else happens, and a pair that
 * an unfinished rotation has left behind is the only one that is still good. Keys that do not expire rotate to themselves.
 *
 * @param versionId id of the version that this rotation makes.
 * @throws AuthorizationLost when a person has to authorize again.
 */
export async function rotate(step: RotationStep, versionId: string, ports: RotationPorts): Promise<void> {
  switch (step) {
    case 'createSecret':
      return createSecret(versionId, ports);
    case 'setSecret':
      return undefined;
    case 'testSecret':
      return testSecret(versionId, ports);
    case 'finishSecret':
      return finishSecret(versionId, ports);
  }
}

async function createSecret(versionId: string, { versions, refresh, now }: RotationPorts): Promise<void> {
  if ((await versions.readPending(versionId)) !== undefined) return;
  const text = await versions.read('AWSCURRENT');
  const current = parseCrmSecret(text);
  if (current?.kind !== 'oauth') return versions.storePending(versionId, text ?? '{}');
  const newest = newerOf(current, parseCrmSecret(await versions.read('AWSPENDING')));
  const isLeftOver = newest !== current && now() - Date.parse(newest.issuedAt) < FRESH_MS;
  const next = isLeftOver ? newest : { ...newest, ...(await refresh(newest)) };
  await versions.storePending(versionId, JSON.stringify(next));
}

/** No request to the API: the token endpoint has just given the token, and requests are the currency. */
async function testSecret(versionId: string, { versions, now }: RotationPorts): Promise<void> {
  const pending = parseCrmSecret(await versions.readPending(versionId));
  if (pending?.kind === 'oauth' && Date.parse(pending.expiresAt) <= now())
    throw new Error('The new access token has expired already');
}

async function finishSecret(versionId: string, { versions }: RotationPorts): Promise<void> {
  const currentId = await versions.currentVersionId();
  if (currentId === undefined || currentId === versionId) return;
  const [currentText, pendingText] = [
    await versions.read('AWSCURRENT'),
    await versions.readPending(versionId),
  ];
  const [current, pending] = [parseCrmSecret(currentText), parseCrmSecret(pendingText)];
  const isNewer =
    current?.kind === 'oauth' && pending?.kind === 'oauth'
      ? newerOf(current, pending) === pending
      : currentText === pendingText;
  // Otherwise a person has stored other credentials in the meantime: theirs count.
  if (isNewer) await versions.promote(versionId, currentId);
  else await versions.abandon(versionId);
}

/** The pair that was issued last. A pending version can still be the current one's label, after a rotation that went well. */
function newerOf(current: OAuthSecret, pending: CrmSecret | undefined): OAuthSecret {
  if (pending?.kind !== 'oauth' || pending.accessToken === current.accessToken) return current;
  return Date.parse(pending.issuedAt) >= Date.parse(current.issuedAt) ? pending : current;
}
