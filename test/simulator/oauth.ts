import { randomBytes } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';

export interface OAuthOptions {
  clientId: string;
  clientSecret: string;
  /** Lifetime of access tokens, in seconds. */
  tokenSeconds: number;
  /** Whether the person declines the authorization. */
  declines: boolean;
  /** Whether redirect URIs must use HTTPS. The vendor says so; whether it holds for `localhost` is not known. */
  httpsOnly: boolean;
  /** Whether the response to the next token request is lost. */
  loseNextAnswer: boolean;
}

/** The default OAuth client. */
export const DEFAULT_CLIENT: OAuthOptions = {
  clientId: 'simulator-client',
  clientSecret: 'simulator-secret',
  tokenSeconds: 24 * 3600,
  declines: false,
  httpsOnly: false,
  loseNextAnswer: false,
};

/** Response of the token endpoint. */
export interface IssuedPair {
  access_token: string;
  refresh_token: string;
  token_type: 'bearer';
  expires_in: number;
  scope: string;
}

/**
 * The account's OAuth authorizations. Refresh tokens are single use. A refresh revokes the old refresh token and its access token at
 * once. The vendor does not document that the access token is revoked, so the stricter behavior is simulated.
 */
export class OAuth {
  options: OAuthOptions;
  readonly person = {
    sub: '1',
    global_user_id: 1,
    infusionsoft_id: 'owner@example.com',
    email: 'owner@example.com',
    given_name: 'Olga',
    family_name: 'Owner',
  };
  readonly #now: () => number;
  /** Redirect URIs by code. */
  readonly #codes = new Map<string, string>();
  /** Access tokens by refresh token. */
  readonly #refreshTokens = new Map<string, string>();
  /** Expiry by access token, in epoch milliseconds. */
  readonly #accessTokens = new Map<string, number>();

  constructor(options: Partial<OAuthOptions>, now: () => number) {
    this.options = { ...DEFAULT_CLIENT, ...options };
    this.#now = now;
  }

  change(settings: { [Name in keyof OAuthOptions]?: OAuthOptions[Name] | undefined }): void {
    const given = Object.entries(settings).filter(([, value]) => value !== undefined);
    this.options = { ...this.options, ...Object.fromEntries(given) };
  }

  isValid(accessToken: string): boolean {
    return (this.#accessTokens.get(accessToken) ?? 0) > this.#now();
  }

  isClient(id: string | undefined, secret: string | undefined): boolean {
    return id === this.options.clientId && secret === this.options.clientSecret;
  }

  /** @returns an authorization code, valid for one exchange. */
  authorize(redirectUri: string): string {
    const code = token();
    this.#codes.set(code, redirectUri);
    return code;
  }

  exchange(code: string, redirectUri: string): IssuedPair | undefined {
    const expected = this.#codes.get(code);
    this.#codes.delete(code);
    return expected === redirectUri ? this.issue() : undefined;
  }

  refresh(refreshToken: string): IssuedPair | undefined {
    const accessToken = this.#refreshTokens.get(refreshToken);
    if (accessToken === undefined) return undefined;
    this.#refreshTokens.delete(refreshToken);
    this.#accessTokens.delete(accessToken);
    return this.issue();
  }

  issue(): IssuedPair {
    const { tokenSeconds } = this.options;
    const [access_token, refresh_token] = [token(), token()];
    this.#refreshTokens.set(refresh_token, access_token);
    this.#accessTokens.set(access_token, this.#now() + tokenSeconds * 1000);
    return { access_token, refresh_token, token_type: 'bearer', expires_in: tokenSeconds, scope: 'full' };
  }

  expireAll(): void {
    for (const accessToken of this.#accessTokens.keys()) this.#accessTokens.set(accessToken, 0);
  }
}

const token = (): string => randomBytes(20).toString('base64url');

/**
 * `/app/oauth/authorize` and `/token`, as in the vendor's OAuth 2.0 documentation. These requests have no limits and no latency, and are
 * not counted.
 */
export function oauthRoutes({ oauth }: { oauth: OAuth }): Hono<{ Bindings: HttpBindings }> {
  const routes = new Hono<{ Bindings: HttpBindings }>();
  routes.get('/app/oauth/authorize', (context) => {
    const { client_id, redirect_uri = '', response_type, state = '' } = context.req.query();
    if (client_id !== oauth.options.clientId || response_type !== 'code' || !URL.canParse(redirect_uri))
      return context.text('Unknown client, or incomplete request.', 400);
    const callback = new URL(redirect_uri);
    if (oauth.options.httpsOnly && callback.protocol !== 'https:')
      return context.text('The redirect URI must use HTTPS.', 400);
    callback.searchParams.set('state', state);
    if (oauth.options.declines) callback.searchParams.set('error', 'access_denied');
    else callback.searchParams.set('code', oauth.authorize(redirect_uri));
    return context.redirect(callback.href);
  });

  routes.post('/token', async (context) => {
    const form = new URLSearchParams(await context.req.text());
    const text = (name: string) => form.get(name) ?? '';
    const [id, secret] = basic(context.req.header('authorization')) ?? [
      text('client_id'),
      text('client_secret'),
    ];
    if (!oauth.isClient(id, secret)) return context.json({ error: 'invalid_client' }, 401);
    const pair =
      form.get('grant_type') === 'refresh_token'
        ? oauth.refresh(text('refresh_token'))
        : oauth.exchange(text('code'), text('redirect_uri'));
    if (oauth.options.loseNextAnswer) {
      oauth.change({ loseNextAnswer: false });
      context.env.outgoing.destroy();
      return new Response(null, { status: 500 });
    }
    return pair ? context.json(pair) : context.json({ error: 'invalid_grant' }, 400);
  });
  return routes;
}

function basic(header: string | undefined): [string, string] | undefined {
  if (!header?.startsWith('Basic ')) return undefined;
  const [id = '', secret = ''] = Buffer.from(header.slice('Basic '.length), 'base64').toString().split(':');
  return [id, secret];
}
