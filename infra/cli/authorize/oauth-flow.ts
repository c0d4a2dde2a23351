import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Client,
  exchangeCode,
  type TokenPair,
} from '../../../shared/infusionsoft/auth/token-endpoint.ts';
import { CommandError } from '../support/command-error.ts';

export interface AuthorizationRequest {
  /** The authorization page, such as `https://accounts.infusionsoft.com/app/oauth/authorize`. */
  authorizeUrl: string;
  crmUrl: string;
  client: Client;
  /** Port of the redirect URI on this machine; 0 for any free port. */
  port: number;
  /** How long to wait for the callback, in milliseconds. */
  timeoutMs: number;
  /** Opens the page for the person. */
  open(url: string): void;
}

const CALLBACK = '/callback';

/**
 * Runs the OAuth 2.0 authorization code flow: opens the CRM's page, waits for the callback on this machine, and exchanges the code.
 *
 * @throws CommandError when the person declines or does not answer in time, or the CRM rejects the client or the code.
 */
export async function authorizeByCode(request: AuthorizationRequest): Promise<TokenPair> {
  const state = randomBytes(16).toString('base64url');
  const server = createServer();
  const code = codeFrom(server, state, request.timeoutMs);
  try {
    const port = await listen(server, request.port);
    const redirectUri = `http://localhost:${port}${CALLBACK}`;
    const url = new URL(request.authorizeUrl);
    url.search = new URLSearchParams({
      client_id: request.client.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'full',
      state,
    }).toString();
    request.open(url.href);
    return await exchangeCode(request.crmUrl, request.client, { code: await code, redirectUri });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      `${problem}. Check the client id and secret, and that the redirect URI is registered.`,
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
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
              ? `${NO_STATE} Use a service account key instead: npx --no user-sync authorize --service-account-key`
              : `The browser did not return within ${minutes} minutes. Run this again.`,
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
      const error = searchParams.get('error');
      const code = searchParams.get('code');
      if (error === 'access_denied') {
        answer(200, 'Access was declined. Nothing was changed. You can close this page.');
        reject(new CommandError('Access was declined in the browser. Nothing was changed.'));
      } else if (error || !code) {
        answer(200, 'The CRM reported an error. See the terminal.');
        reject(new CommandError(`The CRM reported an error: ${error ?? 'the callback has no code'}`));
      } else {
        answer(200, 'Done. You can close this page and return to the terminal.');
        resolve(code);
      }
      return undefined;
    });
  });
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
