import { randomBytes } from 'node:crypto';

export interface OAuthOptions {
  clientId: string;
  clientSecret: string;
  /** How long access tokens live. */
  tokenSeconds: number;
  /** Whether the person says no when asked. */
  declines: boolean;
  /** Whether the answer to the next request of tokens is lost on its way. */
  loseNextAnswer: boolean;
}

/** The client that the simulator knows unless told otherwise. */
export const DEFAULT_CLIENT: OAuthOptions = {
  clientId: 'simulator-client',
  clientSecret: 'simulator-secret',
  tokenSeconds: 24 * 3600,
  declines: false,
  loseNextAnswer: false,
};

/** What the token endpoint answers. */
export interface IssuedPair {
  access_token: string;
  refresh_token: string;
  token_type: 'bearer';
  expires_in: number;
  scope: string;
}

/**
 * The authorizations of an account. Refresh tokens are single use: a refresh kills the old one at once, and, as the harsher of
 * what may be, the access token that came with it.
 */
export class OAuth {
  options: OAuthOptions;
  readonly person = { sub: '1', email: 'owner@example.com', given_name: 'Olga', family_name: 'Owner' };
  readonly #now: () => number;
  /** Redirect URIs by code. */
  readonly #codes = new Map<string, string>();
  /** Access tokens by refresh token, and when access tokens expire. */
  readonly #refreshTokens = new Map<string, string>();
  readonly #accessTokens = new Map<string, number>();

  constructor(options: Partial<OAuthOptions>, now: () => number) {
    this.options = { ...DEFAULT_CLIENT, ...options };
    this.#now = now;
  }

  change(settings: { [Name in keyof OAuthOptions]?: OAuthOptions[Name] | undefined }): void {
    const given = Object.entries(settings).filter(([, value]) => value !== undefined);
    this.options = { ...this.options, ...Object.fromEntries(given) };
  }

  letsIn(accessToken: string): boolean {
    return (this.#accessTokens.get(accessToken) ?? 0) > this.#now();
  }

  isClient(id: string | undefined, secret: string | undefined): boolean {
    return id === this.options.clientId && secret === this.options.clientSecret;
  }

  /** @returns a code for one exchange. */
  authorize(redirectUri: string): string {
    const code = token();
    this.#codes.set(code, redirectUri);
    return code;
  }

  exchange(code: string, redirectUri: string): IssuedPair | undefined {
    const wanted = this.#codes.get(code);
    this.#codes.delete(code);
    return wanted === redirectUri ? this.issue() : undefined;
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
