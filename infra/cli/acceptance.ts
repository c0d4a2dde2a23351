/** `npm run acceptance`: proves a deployed stack with test users, from the user table to the CRM, and removes them. */
import { createInterface } from 'node:readline/promises';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Command, InvalidArgumentError } from 'commander';
import * as z from 'zod';
import { ledgerAt } from '../../shared/quota/ledger.ts';
import { backfillPausedUntil, pauseOf } from '../../shared/quota/remaining-quota.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { desiredState } from '../../shared/sync/desired-state.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { LEAST_USERS, MOST_USERS, planOf, prefixOf } from './acceptance/plan.ts';
import { cleanUpText, reportText } from './acceptance/report.ts';
import { countRequests, localLinesAbout, loggedLinesAbout } from './acceptance/requests-made.ts';
import { runRecordStore } from './acceptance/run-record.ts';
import { acceptance, cleanUpLeftBehind, findLeftBehind, type LeftBehind } from './acceptance/session.ts';
import { countUsers, testedSystem } from './acceptance/system.ts';
import { CommandError } from './command-error.ts';
import { connect, type Outputs } from './connect.ts';
import { loadMapping } from './load-mapping.ts';
import { quotaSettingsFrom } from './quota-report.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

/** A table with more users counts as one of production. */
const SANDBOX_USERS = 1000;

function testUsers(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < LEAST_USERS || value > MOST_USERS)
    throw new InvalidArgumentError(`It must be a whole number from ${LEAST_USERS} to ${MOST_USERS}.`);
  return value;
}

function minutes(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of minutes, more than 0.');
  return value;
}

interface Options extends TargetOptions {
  users: number;
  domain: string;
  timeout: number;
  yes?: true;
  yesProduction?: true;
  cleanUp?: true;
}

const options = withTarget(
  new Command('npm run acceptance --')
    .description(
      'Proves a deployed stack: makes test users in the user table, changes and deletes them, verifies each change in the CRM, and removes all of it again.',
    )
    .option('--users <n>', 'test users', testUsers, 10)
    .option('--domain <domain>', 'domain of their emails; one that receives no mail', 'example.com')
    .option('--timeout <minutes>', 'how long to wait for each step', minutes, 5)
    .option('--yes', 'do not ask')
    .option(
      '--yes-production',
      `also with more than ${SANDBOX_USERS.toLocaleString('en')} users in the table`,
    )
    .option('--clean-up', 'only remove what an earlier run has left'),
)
  .parse()
  .opts<Options>();

const progress = (text: string) => process.stderr.write(`  ${text}\n`);

await runCommand(async () => {
  const outputs = await connect(options);
  const mapping = await loadMapping(outputs.get('Mapping'));
  const dynamodb = new DynamoDBClient();
  if (!options.cleanUp) {
    await refuseProduction(dynamodb, outputs);
    refuseUnusableEmails(mapping);
  }
  await refuseSpentQuota(dynamodb, outputs);
  const records = runRecordStore(dynamodb, outputs.get('SyncTableName'));
  const leftBehind = await findLeftBehind(records);
  if (options.cleanUp && !leftBehind) {
    const nothing = { ok: true, earlier: null };
    process.stdout.write(options.json ? `${JSON.stringify(nothing)}\n` : 'There is nothing to clean up.\n');
    return;
  }
  process.stderr.write(announcement(outputs, mapping, leftBehind));
  await confirm();

  const timeoutMs = options.timeout * 60_000;
  const signal = interruption();
  const system = testedSystem(outputs, mapping, dynamodb);
  const earlier = leftBehind ? await cleanUpLeftBehind(leftBehind, records, system, timeoutMs) : null;
  if (earlier && (options.cleanUp || earlier.remaining.length > 0 || signal.aborted)) {
    const ok = options.cleanUp === true && earlier.remaining.length === 0;
    process.stdout.write(options.json ? `${JSON.stringify({ ok, earlier })}\n` : cleanUpText(earlier));
    process.exitCode = ok ? 0 : 1;
    return;
  }
  const { stack, users, domain } = options;
  const report = {
    ...(await acceptance(records, system, {
      stack: options.local ? 'local' : stack,
      mapping,
      users,
      domain,
      timeoutMs,
      signal,
      onProgress: progress,
      countRequests: (runId, from) => requestsOf(outputs, runId, from),
    })),
    earlier,
  };
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
  process.exitCode = report.ok ? 0 : 1;
});

async function refuseProduction(dynamodb: DynamoDBClient, outputs: Outputs): Promise<void> {
  const table = outputs.get('UserTableName');
  const count = await countUsers(dynamodb, table, SANDBOX_USERS);
  if (count > SANDBOX_USERS && !options.yesProduction)
    throw new CommandError(
      `The table ${table} has more than ${SANDBOX_USERS.toLocaleString('en')} users, so it looks like production. ` +
        'Test users would be in the app and its CRM for some minutes. If that is what you want: --yes-production.',
    );
}

async function refuseSpentQuota(dynamodb: DynamoDBClient, outputs: Outputs): Promise<void> {
  const budget = quotaSettingsFrom(outputs.get('QuotaSettings'));
  const now = Date.now();
  const stored = await syncTable(dynamodb, outputs.get('SyncTableName')).ledger.read();
  const ledger = ledgerAt(stored?.value, now);
  const until = pauseOf(ledger, budget, now)?.until ?? backfillPausedUntil(ledger, budget);
  if (until !== undefined)
    throw new CommandError(
      `Requests to the CRM are paused, or only those for live changes are left, until ${new Date(until).toISOString()}. See npm run quota.`,
    );
}

/** The clean-up deletes a contact only by its email, so the mapping has to write the one that the users have. */
function refuseUnusableEmails(mapping: Mapping): void {
  const { users, domain } = options;
  const [created = []] = planOf({ runId: '0'.repeat(12), domain, users }, mapping, Date.now());
  for (const { user } of created) {
    const shown = desiredState(mapping, user, Date.now()).fields.EMAIL1;
    if (shown !== user.email)
      throw new CommandError(
        `The mapping would write the test email ${user.email} as ${shown ?? 'none'}. Choose another --domain, or map EMAIL1 to the user's email.`,
      );
  }
}

function announcement(outputs: Outputs, mapping: Mapping, leftBehind: LeftBehind | undefined): string {
  const earlier = leftBehind
    ? `  - removes what the run ${leftBehind.run.runId} of ${leftBehind.run.startedAt} has left (${leftBehind.run.users} users)\n`
    : '';
  const where = `${options.local ? 'the system on this machine' : `stack ${options.stack}`}, user table ${outputs.get('UserTableName')}, CRM ${outputs.get('CrmUrl')}`;
  if (options.cleanUp) return `Acceptance, ${where}:\n${earlier}`;
  const { users, domain } = options;
  const changes = planOf({ runId: 'x', domain, users }, mapping, Date.now()).flat();
  // A read for each change; then two reads, a deletion and a search for each user.
  const requests = 2 + changes.length + 4 * users;
  return (
    `Acceptance, ${where}:\n${earlier}` +
    `  - creates ${users} users ${prefixOf('RUN')}1…${users} with emails acceptance+RUN-1…@${domain}\n` +
    `  - makes ${changes.length - users} more changes: edits, an email that moves from one user to another, deletions\n` +
    '  - verifies each in the CRM, field by field and tag by tag\n' +
    '  - deletes the users, their contacts, and what the sync keeps about them\n' +
    `It makes about ${requests} requests to the CRM itself, one a second, beside those of the sync; all count in the quota.\n` +
    'Automation in the CRM that starts by a tag of the mapping starts for the test contacts too.\n'
  );
}

async function confirm(): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY)
    throw new CommandError('Nobody can be asked here (the input is no terminal). To go on without: --yes.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Go on? [y/N] ').finally(() => terminal.close());
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('Nothing was done.');
}

/** The first signal stops the run and cleans up; the second ends the process, and leaves the clean-up to the next start. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      progress(`${name}: stops and cleans up. Once more leaves the clean-up to the next start.`);
      controller.abort();
    });
  return controller.signal;
}

async function requestsOf(outputs: Outputs, runId: string, from: number) {
  const userIdPrefix = prefixOf(runId);
  try {
    const lines = outputs.logFile
      ? await localLinesAbout(outputs.logFile, userIdPrefix)
      : await loggedLinesAbout(new CloudWatchLogsClient(), {
          logGroupNames: z.array(z.string()).parse(JSON.parse(outputs.get('LogGroupNames'))),
          userIdPrefix,
          from,
        });
    const counted = countRequests(lines, userIdPrefix);
    return counted.users > 0 ? counted : null;
  } catch (error) {
    // Only a figure is missing then: what was proven stays proven.
    progress(`the log of the sync cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
