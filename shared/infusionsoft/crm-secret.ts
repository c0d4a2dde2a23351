import * as z from 'zod/mini';

const instant = z.iso.datetime();

const oauthSchema = z.object({
  kind: z.literal('oauth'),
  clientId: z.string().check(z.minLength(1)),
  clientSecret: z.string().check(z.minLength(1)),
  accessToken: z.string().check(z.minLength(1)),
  /** Single use: the next refresh kills it. */
  refreshToken: z.string().check(z.minLength(1)),
  /** When the pair was issued, in ISO 8601. */
  issuedAt: instant,
  /** Until when the access token may be used: five minutes before it expires. */
  expiresAt: instant,
});

/** What the secret holds: a key that never expires, a token that somebody else renews, or an OAuth pair that the stack renews. */
const crmSecretSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('service-account-key'), key: z.string().check(z.minLength(1)) }),
  z.object({ kind: z.literal('bearer'), accessToken: z.string().check(z.minLength(1)) }),
  oauthSchema,
]);

export type CrmSecret = z.infer<typeof crmSecretSchema>;
export type OAuthSecret = z.infer<typeof oauthSchema>;

/** Name and value of the header that identifies the caller. */
export type AuthorizationHeader = readonly [name: string, value: string];

/** The credentials in a secret, or undefined where it holds none: a parser's message would quote the secret. */
export function parseCrmSecret(text: string | undefined): CrmSecret | undefined {
  try {
    return crmSecretSchema.safeParse(JSON.parse(text ?? '')).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The header for a request with these credentials. */
export function headerOf(secret: CrmSecret): AuthorizationHeader {
  return secret.kind === 'service-account-key'
    ? ['x-keap-api-key', secret.key]
    : ['authorization', `Bearer ${secret.accessToken}`];
}
