import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { requestHandler } from '../../aws/request-handler.ts';
import { CREDENTIALS_RETRY } from '../../quota/retry-policy.ts';
import { RetryableError } from '../../sync/errors.ts';
import {
  type AuthorizationHeader,
  type CrmSecret,
  headerOf,
  LATEST_PAIR,
  parseCrmSecret,
  renewedPair,
} from './crm-secret.ts';

/** The sync's credentials for the CRM. They are only read here: the rotation of the secret renews them. */
export interface Credentials {
  /**
   * The header to send: from memory, or from the secret.
   * @throws RetryableError while the secret has no credentials that the CRM accepts.
   */
  current(): Promise<AuthorizationHeader>;
  /** The header in memory; undefined if the secret has to be read. */
  cached(): AuthorizationHeader | undefined;
  /**
   * Reads the secret again after the CRM has refused a header (401).
   * @returns another header, or undefined if the secret has no other.
   */
  renew(refused: AuthorizationHeader): Promise<AuthorizationHeader | undefined>;
}

/** How long credentials are kept in memory, in milliseconds. */
const MAX_AGE_MS = 5 * 60_000;

/**
 * Credentials from Secrets Manager: the current version, or the pair that renews it, if a rotation died before it made the pair current. A
 * pair that renews an older version is not used, since it may belong to another account.
 *
 * @param secretId name or ARN of the secret.
 * @param now epoch milliseconds.
 * @param onTokenAge called at each read with the age of the OAuth tokens, in milliseconds.
 */
export function secretCredentials(
  secretId: string,
  {
    client = new SecretsManagerClient({ requestHandler }),
    now = Date.now,
    onTokenAge,
  }: { client?: SecretsManagerClient; now?: () => number; onTokenAge?: (ms: number) => void } = {},
): Credentials {
  let known: { secret: CrmSecret; readAt: number } | undefined;
  let reading: Promise<CrmSecret> | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  const refusals = new Map<string, { times: number; until: number }>();

  const isUsable = (secret: CrmSecret): boolean =>
    (secret.kind !== 'oauth' || Date.parse(secret.expiresAt) > now()) &&
    now() >= (refusals.get(headerOf(secret)[1])?.until ?? Number.NEGATIVE_INFINITY);
  const ifUsable = (secret: CrmSecret | undefined) => (secret && isUsable(secret) ? secret : undefined);

  const readVersion = (VersionStage: string) =>
    client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage }));

  /** The pair of an unfinished rotation. Without one, Secrets Manager has no version with the label. */
  const readRenewal = async (currentId: string): Promise<CrmSecret | undefined> => {
    try {
      return renewedPair((await readVersion(LATEST_PAIR)).SecretString, currentId);
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  };

  const readSecret = async (): Promise<CrmSecret> => {
    const { SecretString, VersionId = '' } = await readVersion('AWSCURRENT');
    const stored = parseCrmSecret(SecretString);
    if (stored?.kind === 'oauth') onTokenAge?.(now() - Date.parse(stored.issuedAt));
    const secret =
      ifUsable(stored) ?? (stored?.kind === 'oauth' ? ifUsable(await readRenewal(VersionId)) : undefined);
    if (!secret) {
      failedAt = now();
      throw unusable(secretId, stored);
    }
    known = { secret, readAt: now() };
    return secret;
  };

  const cachedHeader = (): AuthorizationHeader | undefined =>
    known && now() - known.readAt < MAX_AGE_MS && isUsable(known.secret) ? headerOf(known.secret) : undefined;

  const current = async (): Promise<AuthorizationHeader> => {
    const header = cachedHeader();
    if (header) return header;
    if (!reading && now() - failedAt < CREDENTIALS_RETRY.readAgainMs) throw unusable(secretId, known?.secret);
    reading ??= readSecret().finally(() => {
      reading = undefined;
    });
    return headerOf(await reading);
  };
  return {
    current,
    cached: cachedHeader,
    async renew([, refused]) {
      const { times = 0, until = 0 } = refusals.get(refused) ?? {};
      // Requests that were under way together count as one refusal.
      if (now() >= until) {
        const { firstRefusalMs, maxRefusalMs } = CREDENTIALS_RETRY;
        const forMs = Math.min(maxRefusalMs, firstRefusalMs * 2 ** Math.min(times, 10));
        refusals.set(refused, { times: times + 1, until: now() + forMs });
        known = undefined;
      }
      try {
        return await current();
      } catch (error) {
        if (error instanceof RetryableError) return undefined;
        throw error;
      }
    },
  };
}

function unusable(secretId: string, secret: CrmSecret | undefined): RetryableError {
  const why = secret
    ? 'holds credentials that the CRM does not take any more; the rotation renews them, or npm run authorize'
    : 'holds no credentials for the CRM. Run npm run authorize';
  return new RetryableError(`The secret ${secretId} ${why}. Users wait in the queue until then.`);
}
