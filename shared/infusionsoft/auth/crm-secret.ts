import * as z from 'zod/mini';
import { filledText, jsonText, utcMoment } from '../../zod-types.ts';

const oauthSchema = z.object({
  kind: z.literal('oauth'),
  clientId: filledText,
  clientSecret: filledText,
  accessToken: filledText,
  /** Single use: the next refresh invalidates it. */
  refreshToken: filledText,
  /** When the pair was issued, in ISO 8601. */
  issuedAt: utcMoment,
  /** Until when the access token is used: five minutes before it expires. */
  expiresAt: utcMoment,
  /**
   * Versions of the secret whose refresh tokens led to this pair: the version that was current, and those that renewed it without becoming
   * current. Missing for a pair that a person authorized.
   */
  renews: z.optional(z.array(filledText)),
});

/**
 * Staging label of the pair that the rotation obtained last. AWSPENDING cannot identify it: Secrets Manager also puts it on versions
 * without a value, and its documentation asks operators to remove it by hand.
 */
export const LATEST_PAIR = 'LATEST_PAIR';

/** The value of the secret: a key that never expires, a token that another system renews, or an OAuth pair that the stack renews. */
const crmSecretSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('service-account-key'), key: filledText }),
  z.object({ kind: z.literal('bearer'), accessToken: filledText }),
  oauthSchema,
]);

export type CrmSecret = z.infer<typeof crmSecretSchema>;
export type OAuthSecret = z.infer<typeof oauthSchema>;

/** Name and value of the header with the credentials. */
export type AuthorizationHeader = readonly [name: string, value: string];

const secretTextSchema = z.pipe(jsonText, crmSecretSchema);

/** Parses a secret. @returns undefined for an invalid one: an error message would quote the secret. */
export function parseCrmSecret(text: string | undefined): CrmSecret | undefined {
  return secretTextSchema.safeParse(text).data;
}

/** The pair in a version with the label LATEST_PAIR, if it renews the current version: then its refresh token is the valid one. */
export function renewedPair(text: string | undefined, currentVersionId: string): OAuthSecret | undefined {
  const secret = parseCrmSecret(text);
  return secret?.kind === 'oauth' && secret.renews?.includes(currentVersionId) ? secret : undefined;
}

/** The header with these credentials. */
export function headerOf(secret: CrmSecret): AuthorizationHeader {
  return secret.kind === 'service-account-key'
    ? ['x-keap-api-key', secret.key]
    : ['authorization', `Bearer ${secret.accessToken}`];
}
