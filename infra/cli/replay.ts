/** `npm run replay`: looks again at users whose stream records could not be handled. */
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Command } from 'commander';
import { connect } from './connect.ts';
import { HOLD_SECONDS } from './receive-all.ts';
import { replay } from './replay-records.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

const options = withTarget(
  new Command('npm run replay --')
    .description("Sends a fresh message for each user in the stream's failure queue. Safe at any time.")
    .option('--dry-run', 'show what would be sent')
    .option('--discard-expired', 'forget positions whose records have left the stream'),
)
  .parse()
  .opts<TargetOptions & { dryRun?: true; discardExpired?: true }>();

await runCommand(async () => {
  const outputs = await connect(options);
  const report = await replay(new DynamoDBStreamsClient(), new SQSClient(), {
    queueUrl: outputs.get('QueueUrl'),
    failureQueueUrl: outputs.get('StreamFailureQueueUrl'),
    dryRun: options.dryRun,
    discardExpired: options.discardExpired,
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const { positions, users, expired, unreadable, heldElsewhere } = report;
  process.stdout.write(
    `${positions} positions of the stream, ${users} users ${options.dryRun ? 'to send' : 'sent to the queue'}.\n`,
  );
  if (expired > 0)
    process.stdout.write(
      `${expired} positions are older than the 24 hours of the stream, and cannot tell their users any more. A backfill finds them: ` +
        'npm run backfill -- --mode contacts, then --mode refresh. After that: npm run replay -- --discard-expired\n',
    );
  if (heldElsewhere > 0)
    process.stdout.write(
      `About ${heldElsewhere} entries are held by another reader (a second replay, or one that was interrupted). They come back within ` +
        `${HOLD_SECONDS} seconds: run this again then.\n`,
    );
  if (unreadable > 0) process.stdout.write(`${unreadable} entries are no positions. They stay.\n`);
});
