import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { ledgerAt } from '../../../shared/quota/ledger.ts';
import { backfillPausedUntil, pauseOf } from '../../../shared/quota/remaining-quota.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { createCommand } from '../create-command.ts';
import { CommandError } from '../support/command-error.ts';
import { confirm } from '../support/confirm.ts';
import { connect, type Outputs } from '../support/connect.ts';
import { DEFAULT_RATE } from '../support/crm-reader.ts';
import { loadMapping } from '../support/load-mapping.ts';
import { integer, positiveNumber } from '../support/option-parsers.ts';
import { quotaSettingsFrom } from '../support/quota-report.ts';
import { MAX_USERS, MIN_USERS, planOf, prefixOf } from './plan.ts';
import { cleanUpText, reportText } from './report.ts';
import { countRequests, localLinesAbout, loggedLinesAbout } from './requests-made.ts';
import { runRecordStore } from './run-record.ts';
import { acceptance, cleanUpLeftBehind, findLeftBehind, type LeftBehind } from './session.ts';
import { countUsers, testedSystem } from './system.ts';

/** A table with more users counts as production. */
const SANDBOX_USERS = 1000;

export default createCommand({
  metadata: {
    description:
      'Tests a deployed stack end to end: creates test users in the user table, changes and deletes them, verifies each change in the CRM, and removes everything again.',
    examples: [
      ['acceptance --stack user-sync-sandbox', 'after a deploy'],
      ['acceptance --yes --json', 'every night'],
      ['acceptance --clean-up', 'only remove what an earlier run has left behind'],
    ],
  },
  target: 'system',
  options: {
    users: { value: 'n', description: 'test users', parse: integer(MIN_USERS, MAX_USERS), default: 10 },
    domain: {
      value: 'domain',
      description: 'domain of the test emails, which must not receive mail',
      default: 'example.com',
    },
    timeout: {
      value: 'minutes',
      description: 'timeout of each step',
      parse: positiveNumber(1440),
      default: 5,
    },
    yes: { description: 'do not ask' },
    yesProduction: {
      description: `run even if the table has more than ${SANDBOX_USERS.toLocaleString('en')} users`,
    },
    cleanUp: { description: 'only remove what an earlier run has left behind' },
  },
  async handler({ options, print }) {
    const outputs = await connect(options);
    const mapping = await loadMapping(outputs.get('Mapping'));
    const dynamodb = new DynamoDBClient();
    if (!options.cleanUp) {
      if (!options.yesProduction) await refuseProduction(dynamodb, outputs);
      refuseUnusableEmails(mapping, options);
    }
    await refuseSpentQuota(dynamodb, outputs);
    const records = runRecordStore(dynamodb, outputs.get('SyncTableName'));
    const leftBehind = await findLeftBehind(records);
    if (options.cleanUp && !leftBehind) {
      print({ ok: true, earlier: null }, () => 'There is nothing to clean up.\n');
      return;
    }
    process.stderr.write(announcement(outputs, mapping, leftBehind, options));
    if (!options.yes && !(await confirm('Continue?'))) throw new CommandError('Nothing was done.');

    const timeoutMs = options.timeout * 60_000;
    const signal = interruptSignal();
    const system = testedSystem(outputs, mapping, dynamodb);
    const earlier = leftBehind ? await cleanUpLeftBehind(leftBehind, records, system, timeoutMs) : null;
    if (earlier && (options.cleanUp || earlier.remaining.length > 0 || signal.aborted)) {
      const ok = options.cleanUp && earlier.remaining.length === 0;
      print({ ok, earlier }, () => cleanUpText(earlier));
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
        onProgress: writeProgress,
        countRequests: (runId, from) => requestsOf(outputs, runId, from),
      })),
      earlier,
    };
    print(report, () => reportText(report));
    process.exitCode = report.ok ? 0 : 1;
  },
});

const writeProgress = (text: string) => process.stderr.write(`  ${text}\n`);

async function refuseProduction(dynamodb: DynamoDBClient, outputs: Outputs): Promise<void> {
  const table = outputs.get('UserTableName');
  const count = await countUsers(dynamodb, table, SANDBOX_USERS);
  if (count > SANDBOX_USERS)
    throw new CommandError(
      `The table ${table} has more than ${SANDBOX_USERS.toLocaleString('en')} users, so it looks like production. ` +
        'Test users would be in the app and its CRM for some minutes. To allow it: --yes-production.',
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
      `Requests to the CRM are paused, or the remaining quota is reserved for live changes, until ${new Date(until).toISOString()}. See ${outputs.command('quota')}.`,
    );
}

/** The clean-up recognises contacts by their email, so the mapping must write the email of the user. */
function refuseUnusableEmails(mapping: Mapping, { users, domain }: TestUsers): void {
  const [created = []] = planOf({ runId: '0'.repeat(12), domain, users }, mapping, Date.now());
  for (const { user } of created) {
    const { EMAIL1: written, EMAIL2, EMAIL3 } = desiredState(mapping, user, Date.now()).fields;
    if (written !== user.email)
      throw new CommandError(
        `The mapping would write the test email ${user.email} as ${written ?? 'none'}. Choose another --domain, or map EMAIL1 to the user's email.`,
      );
    if (EMAIL2 ?? EMAIL3)
      throw new CommandError(
        'The mapping would write a second email for a test user, and the clean-up deletes no contact with an email that is not of this run. Let EMAIL2 and EMAIL3 return undefined for users whose id begins with "acceptance-".',
      );
  }
}

interface TestUsers {
  users: number;
  domain: string;
}

function announcement(
  outputs: Outputs,
  mapping: Mapping,
  leftBehind: LeftBehind | undefined,
  { users, domain, stack, local, cleanUp }: TestUsers & { stack: string; local: boolean; cleanUp: boolean },
): string {
  const earlier = leftBehind
    ? `  - removes what run ${leftBehind.run.runId} of ${leftBehind.run.startedAt} has left behind (${leftBehind.run.users} users)\n`
    : '';
  const where = `${local ? 'the system on this machine' : `stack ${stack}`}, user table ${outputs.get('UserTableName')}, CRM ${outputs.get('CrmUrl')}`;
  if (cleanUp) return `Acceptance, ${where}:\n${earlier}`;
  const changes = planOf({ runId: 'x', domain, users }, mapping, Date.now()).flat();
  // One read for each change; then two reads, a deletion and a search for each user.
  const requests = 2 + changes.length + 4 * users;
  return (
    `Acceptance, ${where}:\n${earlier}` +
    `  - creates ${users} users ${prefixOf('RUN')}1…${users} with emails acceptance+RUN-1…@${domain}\n` +
    `  - makes ${changes.length - users} more changes: edits, an email that moves from one user to another, deletions\n` +
    '  - verifies each in the CRM, field by field and tag by tag\n' +
    '  - deletes the users, their contacts, and what the sync keeps about them\n' +
    `Besides the requests of the sync, the command makes about ${requests}, at most ${DEFAULT_RATE} a second. All count towards the quota.\n` +
    'Automations in the CRM that are triggered by a tag of the mapping also run for the test contacts.\n'
  );
}

/** The first signal stops the run and cleans up; the second ends the process, and the next run cleans up. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      writeProgress(
        `${name}: stopping and cleaning up. A second signal leaves the clean-up to the next run.`,
      );
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
    // Without the log, only this number is missing. The verification is complete.
    writeProgress(
      `the log of the sync could not be read: ${error instanceof Error ? error.message : String(error)}`,
    );
    return null;
  }
}
