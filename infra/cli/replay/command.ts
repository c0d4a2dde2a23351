import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createCommand } from '../create-command.ts';
import { connect, type Outputs } from '../support/connect.ts';
import { loadMapping } from '../support/load-mapping.ts';
import { VISIBILITY_SECONDS } from '../support/receive-all.ts';
import { type ReplayReport, replay } from './replay.ts';

export default createCommand({
  metadata: {
    description:
      "Sends a message for each user in the stream's failure queue, so that the user is synced again. Safe at any time.",
    examples: [
      ['replay --dry-run', 'count the users that would be sent'],
      ['replay', 'send them'],
      ['replay --discard-expired', 'delete entries whose records have left the stream'],
    ],
  },
  target: 'system',
  options: {
    dryRun: { description: 'count users without sending them' },
    discardExpired: { description: 'delete entries whose records have left the stream (24 hours)' },
  },
  async handler({ options, print }) {
    const outputs = await connect(options);
    const report = await replay(new DynamoDBStreamsClient(), new SQSClient(), {
      queueUrl: outputs.get('QueueUrl'),
      failureQueueUrl: outputs.get('StreamFailureQueueUrl'),
      mapping: await loadMapping(outputs.get('Mapping')),
      dryRun: options.dryRun,
      discardExpired: options.discardExpired,
    });
    print(report, () => reportText(report, options.dryRun, outputs.command));
  },
});

function reportText(
  { positions, users, expired, unreadable, heldElsewhere }: ReplayReport,
  dryRun: boolean,
  command: Outputs['command'],
): string {
  return [
    `${positions} positions of the stream, ${users} users ${dryRun ? 'to send' : 'sent to the queue'}.\n`,
    expired > 0 &&
      `${expired} positions are older than 24 hours, so the stream no longer has their records. Find their users with a backfill: ` +
        `${command('backfill --mode contacts')}, then --mode refresh. After that: ${command('replay --discard-expired')}\n`,
    heldElsewhere > 0 &&
      `About ${heldElsewhere} entries are in use by another reader (a second or interrupted replay). They become visible within ` +
        `${VISIBILITY_SECONDS} seconds: run this again then.\n`,
    unreadable > 0 && `${unreadable} entries are not stream positions. They were not deleted.\n`,
  ]
    .filter((line) => line !== false)
    .join('');
}
