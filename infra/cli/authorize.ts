/** `npm run authorize`: lets the sync into the CRM, and stores what it was given in the stack's secret. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import { authorizeByCode } from './authorization-flow.ts';
import { CommandError } from './command-error.ts';
import { connect } from './connect.ts';
import { runCommand } from './run-command.ts';
import { storeCredentials } from './store-credentials.ts';

interface Options {
  secret?: string;
  clientId?: string;
  port: number;
  authorizeUrl?: string;
  crmUrl?: string;
  serviceAccountKey?: true;
  stack: string;
  local?: true;
}

const VENDOR_AUTHORIZE_URL = 'https://accounts.infusionsoft.com/app/oauth/authorize';
const WAIT_MS = 5 * 60_000;

function port(given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('It must be a port.');
  return value;
}

const options = new Command('npm run authorize --')
  .description(
    'Lets the sync into the CRM: by OAuth in a browser, or with a service account key. Stores the credentials in Secrets Manager.',
  )
  .option('--secret <name>', 'name or ARN of the secret (default: that of the stack)')
  .option('--client-id <id>', 'id of the OAuth client (default: INFUSIONSOFT_CLIENT_ID)')
  .option('--port <n>', 'port of http://localhost:PORT/callback, which has to be registered', port, 8787)
  .option('--service-account-key', 'store a key instead; it is read from the standard input')
  .option('--authorize-url <url>', `page where a person says yes (default: ${VENDOR_AUTHORIZE_URL})`)
  .option('--crm-url <url>', "origin of the CRM's API (default: that of the stack)")
  .option('--stack <name>', 'name of the stack in AWS', 'user-sync')
  .option('--local', 'the system on this machine (npm start -- --keep)')
  .parse()
  .opts<Options>();

await runCommand(async () => {
  const client = options.serviceAccountKey ? undefined : oauthClient();
  const outputs = options.local || !options.secret || !options.crmUrl ? await connect(options) : undefined;
  const secret = options.secret ?? outputs?.get('SecretArn') ?? '';
  const crmUrl = options.crmUrl ?? outputs?.get('CrmUrl') ?? '';
  if (client) {
    const pair = await authorizeByCode({
      authorizeUrl:
        options.authorizeUrl ?? (options.local ? `${crmUrl}/app/oauth/authorize` : VENDOR_AUTHORIZE_URL),
      crmUrl,
      client,
      port: options.port,
      timeoutMs: WAIT_MS,
      open: show,
    });
    await storeCredentials(secret, crmUrl, { kind: 'oauth', ...client, ...pair });
  } else {
    await storeCredentials(secret, crmUrl, { kind: 'service-account-key', key: await readKey() });
  }
  process.stdout.write(
    `✓ The CRM lets the sync in. Stored in ${secret}; users who waited go on within minutes.\n`,
  );
});

/** @throws CommandError that names everything that is missing. */
function oauthClient(): { clientId: string; clientSecret: string } {
  const clientId = options.clientId ?? process.env['INFUSIONSOFT_CLIENT_ID'];
  const clientSecret = process.env['INFUSIONSOFT_CLIENT_SECRET'];
  if (clientId && clientSecret) return { clientId, clientSecret };
  const missing = [
    ...(clientId ? [] : ['  the id of the OAuth client: --client-id, or INFUSIONSOFT_CLIENT_ID']),
    ...(clientSecret ? [] : ['  its secret: INFUSIONSOFT_CLIENT_SECRET (never an argument)']),
  ];
  throw new CommandError(
    `Missing:\n${missing.join('\n')}\nBoth are on the page of the app at https://keys.developer.keap.com. Or store a service ` +
      'account key: npm run authorize -- --service-account-key',
  );
}

/** Prints the address, and opens it where there is something to open it with. */
function show(url: string): void {
  process.stderr.write(`Open this page, and say yes:\n\n  ${url}\n\n`);
  const [opener = '', ...before] = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] }[
    process.platform as string
  ] ?? ['xdg-open'];
  const child = spawn(opener, [...before, url], { stdio: 'ignore', detached: true });
  child.once('error', () => process.stderr.write('(No browser could be opened from here.)\n'));
  child.unref();
}

async function readKey(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the key, then Enter and Ctrl-D:\n');
  const key = (await text(process.stdin)).trim();
  if (/^\S{8,}$/.test(key)) return key;
  throw new CommandError(
    'There is no key in the standard input. Pipe it in: npm run authorize -- --service-account-key < key.txt',
  );
}
