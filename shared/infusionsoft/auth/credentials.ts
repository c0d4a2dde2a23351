import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { requestHandler } from '../../aws/request-handler.ts';
import { RetryableError } from '../../sync/errors.ts';
import {
  type AuthorizationHeader,
  type CrmSecret,
  headerOf,
  LATEST_PAIR,
  parseCrmSecret,
  renewedPair,
} from './crm-secret.ts';

/** What identifies the sync to the CRM. Nobody here renews anything: only the rotation of the secret does. */
export interface Credentials {
  /**
   * The header to send, as this environment knows it.
   * @throws RetryableError without a request while the secret holds nothing that the CRM takes.
   */
  current(): Promise<AuthorizationHeader>;
  /** The same, where no look at the secret is needed. */
  known(): AuthorizationHeader | undefined;
  /**
   * Another header than one that was refused (401), after another look at the secret.
   * @returns undefined where the secret holds no other.
   */
  renew(refused: AuthorizationHeader): Promise<AuthorizationHeader | undefined>;
}

const SECOND_MS = 1000;
/** How long an environment trusts what it has read. */
const MAX_AGE_MS = 300 * SECOND_MS;
/** Least time between two looks at a secret that holds nothing usable. */
const LOOK_AGAIN_MS = 5 * SECOND_MS;
/**
 * How long a refused header is not sent again: at first, and twice as long each time, up to the most. A gateway's mistake must not
 * lock the sync out until the next rotation, and a revoked key must not be tried all the time.
 */
const FIRST_REFUSAL_MS = 10 * SECOND_MS;
const MAX_REFUSAL_MS = 300 * SECOND_MS;

/**
 * Credentials from Secrets Manager: the current version, or the pair that renews it where a rotation died before it made that
 * current. A pair that renews an older version is not used: it can belong to another account.
 *
 * @param secretId name or ARN of the secret.
 * @param now epoch milliseconds.
 * @param onTokenAge told with each look how long ago the OAuth tokens were issued, in milliseconds.
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
  let looking: Promise<CrmSecret> | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  const refusals = new Map<string, { times: number; until: number }>();

  const isUsable = (secret: CrmSecret): boolean =>
    (secret.kind !== 'oauth' || Date.parse(secret.expiresAt) > now()) &&
    now() >= (refusals.get(headerOf(secret)[1])?.until ?? Number.NEGATIVE_INFINITY);
  const usable = (secret: CrmSecret | undefined) => (secret && isUsable(secret) ? secret : undefined);

  const read = (VersionStage: string) =>
    client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage }));

  /** The pair of a rotation that has not finished. Without one, the label is missing. */
  const readRenewal = async (currentId: string): Promise<CrmSecret | undefined> => {
    try {
      return renewedPair((await read(LATEST_PAIR)).SecretString, currentId);
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  };

  const look = async (): Promise<CrmSecret> => {
    const { SecretString, VersionId = '' } = await read('AWSCURRENT');
    const current = parseCrmSecret(SecretString);
    if (current?.kind === 'oauth') onTokenAge?.(now() - Date.parse(current.issuedAt));
    const secret =
      usable(current) ?? (current?.kind === 'oauth' ? usable(await readRenewal(VersionId)) : undefined);
    if (!secret) {
      failedAt = now();
      throw unusable(secretId, current);
    }
    known = { secret, readAt: now() };
    return secret;
  };

  const atHand = (): AuthorizationHeader | undefined =>
    known && now() - known.readAt < MAX_AGE_MS && isUsable(known.secret) ? headerOf(known.secret) : undefined;

  const find = async (): Promise<AuthorizationHeader> => {
    const header = atHand();
    if (header) return header;
    if (!looking && now() - failedAt < LOOK_AGAIN_MS) throw unusable(secretId, known?.secret);
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return headerOf(await looking);
  };
  return {
    current: find,
    known: atHand,
    async renew([, refused]) {
      const { times = 0, until = 0 } = refusals.get(refused) ?? {};
      // Those who were on their way together were refused once.
      if (now() >= until) {
        const forMs = Math.min(MAX_REFUSAL_MS, FIRST_REFUSAL_MS * 2 ** Math.min(times, 10));
        refusals.set(refused, { times: times + 1, until: now() + forMs });
        known = undefined;
      }
      try {
        return await find();
      } catch (error) {
        if (error instanceof RetryableError) return undefined;
        throw error;
      }
    },
  };
}

function unusable(secretId: string, secret: CrmSecret | undefined): RetryableError {
  const why = secret
    ? 'holds credentials that the CRM does not take any more; the rotation renews them, or npx --no user-sync authorize'
    : 'holds no credentials for the CRM. Run npx --no user-sync authorize';
  return new RetryableError(`The secret ${secretId} ${why}. Users wait in the queue until then.`);
}
