import { SFNClient } from '@aws-sdk/client-sfn';
import type { Report } from '../../../lambdas/backfill/run.ts';
import { createCommand } from '../create-command.ts';
import { connect } from '../support/connect.ts';
import { integer } from '../support/option-parsers.ts';
import { type BackfillProgress, followBackfill, startBackfill } from './follow-backfill.ts';

const POLL_MS = { aws: 3000, local: 500 };

export default createCommand({
  metadata: {
    description:
      'Brings existing users into the CRM: starts the state machine, shows its progress, and prints its report. Ctrl-C does not stop it.',
    examples: [
      ['backfill --dry-run', 'requests, time and share of the quota; sends nothing'],
      ['backfill --mode contacts', 'users without a contact'],
      ['backfill --mode tags', 'users with a contact and without tags'],
      ['backfill --mode refresh', 'all active users, as the daily schedule does'],
    ],
  },
  target: 'system',
  options: {
    mode: {
      value: 'mode',
      description: 'which users',
      choices: ['contacts', 'tags', 'refresh'],
      default: 'contacts',
    },
    dryRun: { description: 'send nothing, and report what would be done' },
    limit: { value: 'n', description: 'most users to send', parse: integer(1) },
    maxInFlight: {
      value: 'n',
      description: 'most users in progress at the same time',
      parse: integer(1, 500),
    },
    requestBudget: { value: 'n', description: 'most requests to spend', parse: integer(1) },
  },
  async handler({ options, print }) {
    const { mode, dryRun, limit = null, maxInFlight = null, requestBudget = null } = options;
    const outputs = await connect(options);
    const sfn = new SFNClient();
    const input = { mode, dryRun, limit, maxInFlight, requestBudget };
    const executionArn = await startBackfill(sfn, outputs.get('BackfillStateMachineArn'), input);
    process.stderr.write(`Started ${executionArn}\n`);
    process.once('SIGINT', () => {
      process.stderr.write(
        `\nThe backfill continues. To stop it:\n  aws stepfunctions stop-execution --execution-arn ${executionArn}\n` +
          'Messages in the queue are still processed. Contacts that it created may lack tags until the next backfill, which skips users in sync.\n',
      );
      process.exit(130);
    });
    const { report, historyEvents } = await followBackfill(
      sfn,
      executionArn,
      options.local ? POLL_MS.local : POLL_MS.aws,
      progressBar(process.stderr),
    );
    print({ ...report, historyEvents }, () => `\n${reportText(report, historyEvents)}`);
  },
});

const BAR_WIDTH = 30;
/** How often a line is written when the output is not a terminal. */
const LINE_INTERVAL_MS = 10_000;

/** Shows progress: a bar that is redrawn on a terminal, and a line every ten seconds elsewhere. */
function progressBar(stream: NodeJS.WriteStream): (progress: BackfillProgress) => void {
  let lastShown = 0;
  return ({ run }) => {
    if (!stream.isTTY && Date.now() - lastShown < LINE_INTERVAL_MS) return;
    lastShown = Date.now();
    const filled = Math.round(run.shareDone * BAR_WIDTH);
    const perSecond = run.done / Math.max(1, (Date.now() - Date.parse(run.startedAt)) / 1000);
    const remaining = Math.max(0, Math.round((Date.parse(run.estimatedEnd) - Date.now()) / 1000));
    const waiting = run.next === 'waitForQuota' ? ', waiting for quota' : '';
    const line =
      `[${'█'.repeat(filled)}${'·'.repeat(BAR_WIDTH - filled)}] ${(run.shareDone * 100).toFixed(0)} %  ` +
      `${run.scanned} of ${run.users} users scanned, ${run.done} done (${perSecond.toFixed(1)} a second), ${run.sent.length} in progress, ` +
      `${Math.floor(remaining / 60)} min ${remaining % 60} s remaining${waiting}`;
    stream.write(stream.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  };
}

/** @param historyEvents events of each execution; Step Functions allows 25,000. */
function reportText(report: Report, historyEvents: readonly number[]): string {
  const { findings, secondsAtPace, shareOfDay } = report;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([reason, count]) => `${count} ${reason}`)
      .join(', ') || 'none';
  const unfinished = report.unfinished.users.map(({ userId, reason }) => `  ${userId}: ${reason}\n`);
  return `${report.dryRun ? 'Dry run: nothing was sent' : 'Done'} (${report.mode})

  Users             ${report.scanned} scanned, ${report.enqueued} ${report.dryRun ? 'to send' : 'sent'}, ${report.skipped} up to date or not selected
  Contacts          ${findings.created} to create, ${findings.updated} to update, ${findings.tagged} to tag
  Invalid           ${list(findings.invalid)}
  Rejected          ${list(report.rejected)}
  Retry scheduled   ${report.unfinished.total || 'none'}${report.unfinished.total > 0 ? ' (not finished within this backfill)' : ''}
  Requests          ${report.requests} planned, ${report.requestsAtMost} at most
  Time              ${Math.floor(secondsAtPace / 60)} min ${secondsAtPace % 60} s at the rate limit, ${(shareOfDay * 100).toFixed(1)} % of the daily quota
  History events    ${historyEvents.join(' + ')} of 25,000
${unfinished.join('')}`;
}
