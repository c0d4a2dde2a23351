import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import ky, { isHTTPError } from 'ky';
import { type CrmSecret, headerOf } from '../../../shared/infusionsoft/auth/crm-secret.ts';
import { endpoints } from '../../../shared/infusionsoft/endpoints.ts';
import { crmUrl, safeUrl } from '../../urls.ts';
import { createCommand } from '../create-command.ts';
import { CommandError } from '../support/command-error.ts';
import { connect } from '../support/connect.ts';
import { bySchema, httpsUrl, integer } from '../support/option-parsers.ts';
import { authorizeByCode } from './oauth-flow.ts';

const VENDOR_AUTHORIZE_URL = 'https://accounts.infusionsoft.com/app/oauth/authorize';
const TIMEOUT_MS = 5 * 60_000;

export default createCommand({
  metadata: {
    description:
      "Gives the sync access to the CRM, by OAuth in a browser or with a service account key. Stores the credentials in the stack's secret and tests them with one request.",
    examples: [
      ['authorize', 'OAuth; the redirect URI is http://localhost:8787/callback'],
      ['authorize --redirect-uri https://example.com/callback', 'OAuth with a redirect URI of your own'],
      ['authorize --service-account-key < key.txt', 'a service account key instead'],
    ],
  },
  target: 'system',
  options: {
    clientId: {
      value: 'id',
      description: 'id of the OAuth client (default: the environment variable INFUSIONSOFT_CLIENT_ID)',
    },
    port: {
      value: 'port',
      description: 'port of the redirect URI http://localhost:PORT/callback, which must be registered',
      parse: integer(0, 65_535),
      default: 8787,
    },
    redirectUri: {
      value: 'url',
      description:
        'registered HTTPS redirect URI to use instead. The page does not have to exist: you paste the address that the browser shows',
      parse: httpsUrl,
    },
    serviceAccountKey: { description: 'store a service account key, read from standard input' },
    secret: { value: 'name', description: 'name or ARN of the secret (default: the one of the stack)' },
    authorizeUrl: {
      value: 'url',
      description: `authorization page (default: ${VENDOR_AUTHORIZE_URL})`,
      parse: bySchema(safeUrl('must be a URL')),
    },
    crmUrl: {
      value: 'url',
      description: "origin of the CRM's API (default: the one of the stack)",
      parse: bySchema(crmUrl),
    },
  },
  async handler({ options, print }) {
    const client = options.serviceAccountKey ? undefined : oauthClient(options.clientId);
    const outputs = options.local || !options.secret || !options.crmUrl ? await connect(options) : undefined;
    const secret = options.secret ?? outputs?.get('SecretArn') ?? '';
    const crmUrl = options.crmUrl ?? outputs?.get('CrmUrl') ?? '';
    if (client) {
      const pair = await authorizeByCode({
        authorizeUrl:
          options.authorizeUrl ?? (options.local ? `${crmUrl}/app/oauth/authorize` : VENDOR_AUTHORIZE_URL),
        crmUrl,
        client,
        redirect: options.redirectUri ? { uri: options.redirectUri, readAddress } : { port: options.port },
        timeoutMs: TIMEOUT_MS,
        open: openInBrowser,
      });
      await storeCredentials(secret, crmUrl, { kind: 'oauth', ...client, ...pair });
    } else {
      await storeCredentials(secret, crmUrl, { kind: 'service-account-key', key: await readKey() });
    }
    print(
      { secret, kind: client ? 'oauth' : 'service-account-key' },
      () =>
        `✓ The CRM accepted the credentials. Stored in ${secret}; waiting users are synced within minutes.\n`,
    );
  },
});

/** @throws CommandError that names everything that is missing. */
function oauthClient(idOption: string | undefined): { clientId: string; clientSecret: string } {
  const clientId = idOption ?? process.env['INFUSIONSOFT_CLIENT_ID'];
  const clientSecret = process.env['INFUSIONSOFT_CLIENT_SECRET'];
  if (clientId && clientSecret) return { clientId, clientSecret };
  const missing = [
    ...(clientId ? [] : ['  the id of the OAuth client: --client-id or INFUSIONSOFT_CLIENT_ID']),
    ...(clientSecret ? [] : ['  its secret: INFUSIONSOFT_CLIENT_SECRET (never an argument)']),
  ];
  throw new CommandError(
    `Missing:\n${missing.join('\n')}\nFind both on the page of your app at https://keys.developer.keap.com. Or store a service ` +
      'account key: npx --no user-sync authorize --service-account-key',
  );
}

/** Prints the address, and opens it in a browser if there is one. */
function openInBrowser(url: string): void {
  process.stderr.write(`Open this page and allow access:\n\n  ${url}\n\n`);
  const openers: Readonly<Partial<Record<NodeJS.Platform, string[]>>> = {
    darwin: ['open'],
    win32: ['cmd', '/c', 'start', ''],
  };
  const [opener = '', ...before] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(opener, [...before, url], { stdio: 'ignore', detached: true });
  child.once('error', () => process.stderr.write('(No browser could be opened.)\n'));
  child.unref();
}

async function readAddress(): Promise<string> {
  process.stderr.write(
    'Allow access there. Then copy the whole address of the page on which the browser ends, paste it here, and press Enter:\n',
  );
  for await (const line of createInterface({ input: process.stdin })) if (line.trim()) return line.trim();
  throw new CommandError('Standard input has no address. Run the command again, and paste the address.');
}

async function readKey(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the key, then press Enter and Ctrl-D:\n');
  const key = (await text(process.stdin)).trim();
  if (/^\S{8,}$/.test(key)) return key;
  throw new CommandError(
    'Standard input has no key. Pipe it in: npx --no user-sync authorize --service-account-key < key.txt',
  );
}

/**
 * Stores credentials as the current version of a secret, and then tests them with one request. They are stored first: a token pair that
 * is not stored is lost, since its refresh token is the only valid one.
 *
 * @throws CommandError when they cannot be stored, or the test request fails.
 */
async function storeCredentials(secretId: string, crmUrl: string, secret: CrmSecret): Promise<void> {
  const client = new SecretsManagerClient();
  try {
    await client.send(
      new PutSecretValueCommand({ SecretId: secretId, SecretString: JSON.stringify(secret) }),
    );
  } catch (error) {
    // AWS error messages name the secret, never its value.
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(`Could not write the secret ${secretId}: ${problem}`);
  }
  try {
    await ky.get(endpoints.userInfo, {
      prefix: crmUrl,
      headers: [[...headerOf(secret)]],
      retry: 2,
      timeout: 30_000,
    });
  } catch (error) {
    const problem = isHTTPError(error) ? `status ${error.response.status}` : 'no response';
    throw new CommandError(
      `The credentials are stored in ${secretId}, but a test request to the CRM failed (${problem}). ` +
        'Check that they belong to the right account, and run this again.',
    );
  }
}
