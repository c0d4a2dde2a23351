import { getSecret } from '@aws-lambda-powertools/parameters/secrets';
import * as z from 'zod';
import { Retryable } from '../sync/errors.ts';

/** What the secret holds: a key that never expires, or a token that somebody else renews. */
const secretSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('service-account-key'), key: z.string().min(1) }),
  z.object({ kind: z.literal('bearer'), accessToken: z.string().min(1) }),
]);

/** Name and value of the header that identifies the caller. */
export type AuthorizationHeader = readonly [name: string, value: string];

export interface Credentials {
  /** The header to send, from the cache of the environment. */
  current(): Promise<AuthorizationHeader>;
  /** The header after another look at the secret. Callers at the same time share one look. */
  reread(): Promise<AuthorizationHeader>;
}

/** How long an environment trusts the secret that it has read, in seconds. A 401 makes it look again at once. */
const MAX_AGE_S = 300;
/** How long users wait for a person who has to fill in the secret, in milliseconds. */
const UNUSABLE_AFTER_MS = 5 * 60_000;

/**
 * Credentials from Secrets Manager.
 *
 * @param secretId name or ARN of the secret.
 */
export function secretCredentials(secretId: string): Credentials {
  let reading: Promise<AuthorizationHeader> | undefined;
  const read = async (forceFetch: boolean) =>
    toHeader(secretId, await getSecret(secretId, { maxAge: MAX_AGE_S, forceFetch }));
  return {
    current: () => reading ?? read(false),
    reread() {
      reading ??= read(true).finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}

function toHeader(secretId: string, secret: unknown): AuthorizationHeader {
  const parsed = secretSchema.safeParse(parseJson(secret));
  if (!parsed.success) {
    throw new Retryable(
      `The secret ${secretId} holds no credentials for the CRM. Store {"kind":"service-account-key","key":"…"} or ` +
        '{"kind":"bearer","accessToken":"…"} in it; users wait in the queue until then.',
      { afterMs: UNUSABLE_AFTER_MS },
    );
  }
  return parsed.data.kind === 'bearer'
    ? ['authorization', `Bearer ${parsed.data.accessToken}`]
    : ['x-keap-api-key', parsed.data.key];
}

/** Not JSON is the same as no credentials; the parser's message would quote the secret. */
function parseJson(secret: unknown): unknown {
  try {
    return JSON.parse(String(secret));
  } catch {
    return undefined;
  }
}
