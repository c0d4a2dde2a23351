import ky, { HTTPError, isHTTPError, isNetworkError } from 'ky';
import * as z from 'zod/mini';
import { TOKEN_REQUEST } from '../../quota/retry-policy.ts';
import { filledText } from '../../zod-types.ts';
import type { OAuthSecret } from './crm-secret.ts';

/** The CRM refuses the code or refresh token: a person has to authorize the sync again. */
export class AuthorizationLostError extends Error {
  override name = 'AuthorizationLostError';
}

/**
 * The answer of the token endpoint did not arrive, so the refresh token or code may be used up. If it is, the next attempt ends in
 * `AuthorizationLostError`.
 */
export class AnswerLostError extends Error {
  override name = 'AnswerLostError';
}

/** The two tokens with their times. */
export type TokenPair = Pick<OAuthSecret, 'accessToken' | 'refreshToken' | 'issuedAt' | 'expiresAt'>;

export interface Client {
  clientId: string;
  clientSecret: string;
}

const answerSchema = z.object({
  access_token: filledText,
  refresh_token: filledText,
  /** Seconds; usually 24 hours. */
  expires_in: z.number().check(z.positive()),
});

/** Access tokens are not used in their last five minutes, in milliseconds. */
const EARLIER_MS = 5 * 60_000;

/** Error codes of requests that did not reach the server (Node.js, "Errors", and undici): they can be repeated. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/**
 * Requests a pair from `POST /token` (the vendor's OAuth 2.0 pages). It repeats only requests that cannot have used up the token: a second
 * use can end the whole authorization, and with it the access token that still works.
 *
 * @throws AuthorizationLostError for a token or code that is used up, revoked or of another client; AnswerLostError; Error if the endpoint
 *   is unreachable. None quotes a secret.
 */
async function requestPair(
  crmUrl: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
  now: () => number,
): Promise<TokenPair> {
  const issuedAt = now();
  try {
    const answer = await ky
      .post('token', {
        prefix: crmUrl,
        body: new URLSearchParams(form),
        headers,
        timeout: TOKEN_REQUEST.timeoutMs,
        retry: {
          limit: TOKEN_REQUEST.retries,
          methods: ['post'],
          statusCodes: [...TOKEN_REQUEST.statusCodes],
          shouldRetry: ({ error }) => (isNetworkError(error) ? NOT_SENT.has(causeCodeOf(error)) : undefined),
          maxRetryAfter: TOKEN_REQUEST.maxDelayMs,
        },
      })
      .json(answerSchema);
    return {
      accessToken: answer.access_token,
      refreshToken: answer.refresh_token,
      issuedAt: new Date(issuedAt).toISOString(),
      expiresAt: new Date(issuedAt + answer.expires_in * 1000 - EARLIER_MS).toISOString(),
    };
  } catch (error) {
    if (isHTTPError(error) && [400, 401, 403].includes(error.response.status))
      throw new AuthorizationLostError(`The CRM refuses the authorization (${reasonOf(error)})`);
    // Not the cause of the errors below: its request contains the tokens.
    const wasHandled = !(
      (isHTTPError(error) && isNotHandled(error.response.status)) ||
      (isNetworkError(error) && NOT_SENT.has(causeCodeOf(error)))
    );
    if (wasHandled)
      throw new AnswerLostError(
        `The answer of the CRM's token endpoint was lost (${nameOf(error)}). It may have used up the refresh token or code`,
      );
    throw new Error(`The CRM's token endpoint cannot be reached (${nameOf(error)})`);
  }
}

/** Exchanges the code of an authorization for the first pair. @throws AuthorizationLostError, AnswerLostError, Error. */
export function exchangeCode(
  crmUrl: string,
  { clientId, clientSecret }: Client,
  { code, redirectUri }: { code: string; redirectUri: string },
  now: () => number = Date.now,
): Promise<TokenPair> {
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    client_id: clientId,
    client_secret: clientSecret,
  };
  return requestPair(crmUrl, form, {}, now);
}

/** Exchanges a refresh token for a new pair. @throws AuthorizationLostError, AnswerLostError, Error. */
export function refreshPair(
  crmUrl: string,
  { clientId, clientSecret, refreshToken }: Client & { refreshToken: string },
  now: () => number = Date.now,
): Promise<TokenPair> {
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken };
  return requestPair(crmUrl, form, { authorization: `Basic ${basic}` }, now);
}

/** The OAuth error code, such as `invalid_grant`, and nothing else of the answer. */
function reasonOf({ data, response }: HTTPError): string {
  const parsed = z.looseObject({ error: z.string().check(z.regex(/^[a-z_]{1,40}$/)) }).safeParse(data);
  return parsed.success ? `${response.status} ${parsed.data.error}` : String(response.status);
}

const isNotHandled = (status: number): boolean =>
  (TOKEN_REQUEST.statusCodes as readonly number[]).includes(status);

/** Code of the innermost error that has one. */
function causeCodeOf(error: Error): string {
  const inner = error.cause instanceof Error ? causeCodeOf(error.cause) : '';
  if (inner) return inner;
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function nameOf(error: unknown): string {
  if (error instanceof HTTPError) return String(error.response.status);
  return error instanceof Error ? error.name : typeof error;
}
