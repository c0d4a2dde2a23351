import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Client,
  exchangeCode,
  type TokenPair,
} from '../../../shared/infusionsoft/auth/token-endpoint.ts';
import { CommandError } from '../support/command-error.ts';

/**
 * Where the browser returns to: a server on this machine, at a port (0 for any free one), or an HTTPS address of the team. From the latter,
 * the person copies the address that the browser shows then.
 */
export type Redirect = { port: number } | { uri: string; readAddress: () => Promise<string> };

export interface AuthorizationRequest {
  /** The authorization page, such as `https://accounts.infusionsoft.com/app/oauth/authorize`. */
  authorizeUrl: string;
  crmUrl: string;
  client: Client;
  redirect: Redirect;
  /** How long to wait for the callback on this machine, in milliseconds. */
  timeoutMs: number;
  /** Opens the page for the person. */
  open(url: string): void;
}

const CALLBACK = '/callback';

/**
 * Runs the OAuth 2.0 authorization code flow: opens the CRM's page, waits for the address to which the browser returns, and exchanges the
 * code in it.
 *
 * @throws CommandError when the person declines or does not answer in time, or the CRM rejects the client or the code.
 */
export async function authorizeByCode(request: AuthorizationRequest): Promise<TokenPair> {
  const state = randomBytes(16).toString('base64url');
  const { redirect, crmUrl, client } = request;
  try {
    if ('port' in redirect) return await authorizeOnThisMachine(request, redirect.port, state);
    request.open(authorizationPage(request, redirect.uri, state));
    const code = codeIn(parametersOf(await redirect.readAddress()), state);
    return await exchangeCode(crmUrl, client, { code, redirectUri: redirect.uri });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      `${problem}. Check the client id and secret, and that the redirect URI is registered.`,
    );
  }
}

async function authorizeOnThisMachine(
  request: AuthorizationRequest,
  wantedPort: number,
  state: string,
): Promise<TokenPair> {
  const server = createServer();
  const code = codeFrom(server, state, request.timeoutMs);
  try {
    const port = await listen(server, wantedPort);
    const redirectUri = `http://localhost:${port}${CALLBACK}`;
    request.open(authorizationPage(request, redirectUri, state));
    return await exchangeCode(request.crmUrl, request.client, { code: await code, redirectUri });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function authorizationPage(
  { authorizeUrl, client }: AuthorizationRequest,
  redirectUri: string,
  state: string,
): string {
  const url = new URL(authorizeUrl);
  url.search = new URLSearchParams({
    client_id: client.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'full',
    state,
  }).toString();
  return url.href;
}

function parametersOf(address: string): URLSearchParams {
  if (URL.canParse(address)) return new URL(address).searchParams;
  throw new CommandError(
    'This is not an address. Run the command again, and paste the whole line from the address bar.',
  );
}

/** @throws CommandError when the callback has no code, or is not that of this command. */
function codeIn(parameters: URLSearchParams, state: string): string {
  const [given, error, code] = ['state', 'error', 'code'].map((name) => parameters.get(name));
  if (error === 'access_denied')
    throw new CommandError('Access was declined in the browser. Nothing was changed.');
  if (error || !code)
    throw new CommandError(`The CRM reported an error: ${error ?? 'the callback has no code'}`);
  if (!given) throw new CommandError(`${NO_STATE} ${USE_A_KEY}`);
  if (!isSame(given, state))
    throw new CommandError('The address belongs to another authorization. Run the command again.');
  return code;
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new CommandError(`Port ${port} is not available (${error.message}). Choose another with --port.`),
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** The vendor's page about OAuth does not list `state`, so it may not come back. */
const NO_STATE =
  'The browser returned without the parameter "state", which proves that the request is the one of this command.';
const USE_A_KEY = 'Use a service account key instead: npx --no user-sync authorize --service-account-key';

/** Waits for the callback. A request with another `state` is rejected and ignored: anyone can send one. */
function codeFrom(server: Server, state: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const minutes = Math.round(timeoutMs / 60_000);
    let isStateMissing = false;
    const timer = setTimeout(
      () =>
        reject(
          new CommandError(
            isStateMissing
              ? `${NO_STATE} ${USE_A_KEY}`
              : `The browser did not return within ${minutes} minutes. Run this again. If the CRM refuses the redirect URI, register one with ` +
                  'HTTPS: --redirect-uri https://…',
          ),
        ),
      timeoutMs,
    );
    timer.unref();
    server.on('request', ({ url = '/' }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://localhost');
      const answer = (status: number, text: string) =>
        response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
      if (pathname !== CALLBACK) return answer(404, 'Not found.');
      const given = searchParams.get('state');
      if (given === null) {
        // Anyone can send such a request, so it does not end the wait.
        isStateMissing = true;
        return answer(400, NO_STATE);
      }
      if (!isSame(given, state))
        return answer(400, 'This callback belongs to another authorization. Run the command again.');
      clearTimeout(timer);
      try {
        resolve(codeIn(searchParams, state));
        answer(200, 'Done. You can close this page and return to the terminal.');
      } catch (error) {
        answer(200, error instanceof Error ? error.message : String(error));
        reject(error);
      }
      return undefined;
    });
  });
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
