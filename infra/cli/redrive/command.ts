import { SQSClient } from '@aws-sdk/client-sqs';
import { createCommand } from '../create-command.ts';
import { connect } from '../support/connect.ts';
import { timestamp } from '../support/option-parsers.ts';
import { VISIBILITY_SECONDS } from '../support/receive-all.ts';
import { textTable } from '../support/text-table.ts';
import { type RedriveReport, redrive } from './redrive.ts';

export default createCommand({
  metadata: {
    description:
      'Moves dead letters back into the queue. Safe at any time: a message only names a user, who is synced as the table has it now.',
    examples: [
      ['redrive --dry-run', 'list dead letters by reason, with an example of each'],
      ['redrive', 'move all back'],
      ['redrive --reason no-usable-email --since 2026-06-15', 'move some back'],
    ],
  },
  target: 'system',
  options: {
    reason: { value: 'reason', description: 'only dead letters with this reason' },
    since: { value: 'time', description: 'only dead letters sent since then (ISO 8601)', parse: timestamp },
    dryRun: { description: 'list dead letters without moving them' },
  },
  async handler({ options, print }) {
    const outputs = await connect(options);
    const report = await redrive(new SQSClient(), {
      queueUrl: outputs.get('QueueUrl'),
      deadLetterQueueUrl: outputs.get('DeadLetterQueueUrl'),
      reason: options.reason,
      since: options.since,
      dryRun: options.dryRun,
    });
    print(report, () => reportText(report, options.dryRun));
  },
});

function reportText(
  { reasons, behindOthers, heldElsewhere, redriven, unreadable }: RedriveReport,
  dryRun: boolean,
): string {
  const held =
    heldElsewhere > 0
      ? `About ${heldElsewhere} dead letters are in use by another reader (a second or interrupted redrive). They become visible ` +
        `within ${VISIBILITY_SECONDS} seconds: run this again then.\n`
      : '';
  if (reasons.length === 0) return held || 'There are no dead letters.\n';
  const rows = reasons.map(({ reason, letters, oldest, exampleUserId }) => [
    reason,
    String(letters),
    oldest,
    exampleUserId ?? '',
  ]);
  return [
    textTable(['reason', 'count', 'oldest', 'example user'], rows, [1]),
    behindOthers > 0 ? `  About ${behindOthers} more are queued behind others of the same users.\n` : '',
    ...unreadable.map(
      ({ messageId, characters }) =>
        `  Not moved: ${messageId} is not a message of this system (${characters} characters)\n`,
    ),
    `\n${held}`,
    dryRun ? 'Dry run: nothing was moved.\n' : `${redriven} moved back into the queue.\n`,
  ].join('');
}
