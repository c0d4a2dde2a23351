/** `npm run redrive`: puts dead letters back into the queue, after a table of why they are there. */
import { SQSClient } from '@aws-sdk/client-sqs';
import { Command, InvalidArgumentError } from 'commander';
import { connect } from './connect.ts';
import { HOLD_SECONDS } from './receive-all.ts';
import { type RedriveReport, redrive } from './redrive-letters.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

function time(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('It must be a time, as 2026-06-15T12:00:00Z.');
  return value;
}

const options = withTarget(
  new Command('npm run redrive --')
    .description('Puts dead letters back into the queue. Safe at any time: messages carry no data.')
    .option('--reason <reason>', 'only those with this reason')
    .option('--since <time>', 'only those sent since then (ISO 8601)', time)
    .option('--dry-run', 'show why they are there, and leave them'),
)
  .parse()
  .opts<TargetOptions & { reason?: string; since?: number; dryRun?: true }>();

await runCommand(async () => {
  const outputs = await connect(options);
  const report = await redrive(new SQSClient(), {
    queueUrl: outputs.get('QueueUrl'),
    deadLetterQueueUrl: outputs.get('DeadLetterQueueUrl'),
    reason: options.reason,
    since: options.since,
    dryRun: options.dryRun,
  });
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : table(report));
});

function table({ reasons, behindOthers, heldElsewhere, redriven, unreadable }: RedriveReport): string {
  const held =
    heldElsewhere > 0
      ? `About ${heldElsewhere} dead letters are held by another reader (a second redrive, or one that was interrupted). They come ` +
        `back within ${HOLD_SECONDS} seconds: run this again then.\n`
      : '';
  if (reasons.length === 0) return held || 'There are no dead letters.\n';
  const rows = reasons.map(
    ({ reason, letters, oldest, exampleUserId }) =>
      `  ${reason.padEnd(24)}${String(letters).padStart(6)}  since ${oldest}  ${exampleUserId ?? ''}\n`,
  );
  const stay = unreadable.map(
    ({ messageId, characters }) =>
      `  stays: ${messageId} is no message of this system (${characters} characters)\n`,
  );
  const behind = behindOthers > 0 ? `  and about ${behindOthers} behind others of the same users\n` : '';
  const result = options.dryRun ? 'Nothing was moved (dry run).' : `${redriven} put back into the queue.`;
  return `${rows.join('')}${behind}${stay.join('')}\n${held}${result}\n`;
}
