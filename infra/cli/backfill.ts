/** `npm run backfill`: starts a backfill, in AWS or on this machine, and shows how it goes. */
import { SFNClient } from '@aws-sdk/client-sfn';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { BackfillInput } from '../../lambdas/backfill/input.ts';
import { progressBar, summary } from '../../test/demo/backfill-display.ts';
import { isRefusedOften } from '../../test/demo/busy-machine.ts';
import { type LocalBackfillReport, runLocalBackfill } from '../../test/demo/local-backfill.ts';
import { connect } from './connect.ts';
import { followBackfill, startBackfill } from './follow-backfill.ts';
import { runCommand } from './run-command.ts';

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

interface Options {
  mode: BackfillInput['mode'];
  dryRun: boolean;
  limit?: number;
  maxInFlight?: number;
  requestBudget?: number;
  stack: string;
  local?: true;
  users: number;
  speed: number;
  seed: number;
  liveEdits: number;
  json?: true;
}

const modes = new Option('--mode <mode>', 'which users')
  .choices(['contacts', 'tags', 'refresh'])
  .default('contacts');
const options = new Command('npm run backfill --')
  .description(
    'Brings existing users into the CRM. In AWS: with the credentials and region of the environment.',
  )
  .addOption(modes)
  .option('--dry-run', 'send nothing, and report what would be done', false)
  .option('--limit <n>', 'most users to send', wholeNumber)
  .option('--max-in-flight <n>', 'most users that are worked on at the same time', wholeNumber)
  .option('--request-budget <n>', 'most requests to spend', wholeNumber)
  .option('--stack <name>', 'name of the stack in AWS', 'user-sync')
  .option('--json', 'print the report as JSON on the last line')
  .option('--local', 'on this machine, against the simulator')
  .option('--users <n>', 'local: users in the table', wholeNumber, 2000)
  .option('--speed <n>', 'local: limits and pace times n, latencies divided by n', wholeNumber, 1)
  .option('--live-edits <n>', 'local: edits to make and time during the backfill', wholeNumber, 0)
  .option('--seed <n>', 'local: the same seed gives the same users', wholeNumber, 1)
  .parse()
  .opts<Options>();

const startedAt = Date.now();
const show = progressBar(process.stderr);
const input = {
  mode: options.mode,
  dryRun: options.dryRun,
  limit: options.limit ?? null,
  maxInFlight: options.maxInFlight ?? null,
  requestBudget: options.requestBudget ?? null,
};

await runCommand(async () => {
  if (!options.local) return inAws();
  process.once('SIGINT', () => {
    process.stderr.write('\nStopped. Nothing goes on: all of it ran on this machine.\n');
    process.exit(130);
  });
  showLocal(await runLocalBackfill({ ...options, input }, say, show));
});

async function inAws(): Promise<void> {
  const stateMachineArn = (await connect({ stack: options.stack })).get('BackfillStateMachineArn');
  const sfn = new SFNClient();
  const executionArn = await startBackfill(sfn, stateMachineArn, input);
  say(`Started ${executionArn}`);
  process.once('SIGINT', () => {
    process.stderr.write(
      `\nThe backfill goes on in AWS. To stop it:\n  aws stepfunctions stop-execution --execution-arn ${executionArn}\n` +
        'What it has done stays done; a new backfill goes on from there.\n',
    );
    process.exit(130);
  });
  const { report, historyEvents } = await followBackfill(sfn, executionArn, 3000, show);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...report, historyEvents })}\n`
      : `\n${summary(report, historyEvents)}`,
  );
}

function say(what: string): void {
  process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${what}\n`);
}

function showLocal({ report, problems, ...figures }: LocalBackfillReport): void {
  for (const problem of problems.slice(0, 20)) process.stderr.write(`✗ ${problem}\n`);
  const { throttled, deadLetters, foreignWrites } = figures;
  process.exitCode = problems.length + deadLetters + foreignWrites > 0 || isRefusedOften(figures) ? 1 : 0;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ...figures, report })}\n`);
    return;
  }
  const live = figures.liveLatencyMs;
  process.stdout.write(`
${summary(report, figures.historyEvents)}
  in sync                 ${figures.inSync} of ${figures.users}
  at the CRM              ${figures.requests} requests, ${throttled} refused, ${(figures.utilisation * 100).toFixed(1)} % of the rate used
  live edits              ${live ? `${live.p50} ms at p50, ${live.p99} ms at p99` : 'none made'}
  dead letters            ${deadLetters}
  time                    ${(figures.elapsedMs / 1000).toFixed(1)} s
`);
}
