/** `npm run forget`: a person who has left the app is forgotten in the CRM too. */
import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Command, InvalidArgumentError } from 'commander';
import { erasureRecordStore } from '../../shared/store/erasure-records.ts';
import { CommandError } from './command-error.ts';
import { connect } from './connect.ts';
import { askToForget } from './forget-request.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';
import { textTable } from './text-table.ts';

function contactId(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be the id of a contact.');
  return value;
}

const options = withTarget(
  new Command('npm run forget --')
    .description(
      'Deletes or anonymises (setting forgetPolicy) the contact of a person who has left the app, and leaves a record of it without personal data.',
    )
    .option('--user <id>', 'who is to be forgotten; has to be deleted in the app before')
    .option('--contact <id>', 'the contact, where no record knows it', contactId)
    .option('--list', 'show the records'),
)
  .parse()
  .opts<TargetOptions & { user?: string; contact?: number; list?: true }>();

await runCommand(async () => {
  const { user: userId, contact, list, json } = options;
  if ((userId === undefined) !== (list === true))
    throw new CommandError('Name who is to be forgotten, --user ID, or --list what was done.');
  const outputs = await connect(options);
  const erasureRecords = erasureRecordStore(new DynamoDBClient(), outputs.get('SyncTableName'));
  if (userId === undefined) {
    const all = (await erasureRecords.list()).sort((a, b) => a.doneAt.localeCompare(b.doneAt));
    const rows = all.map(({ doneAt, userId, contactId, done, requestId }) => [
      doneAt,
      userId,
      String(contactId ?? '–'),
      done,
      requestId ? 'asked to be forgotten' : 'deleted in the app',
    ]);
    process.stdout.write(
      json ? `${JSON.stringify(all)}\n` : textTable(['when', 'user', 'contact', 'done', 'why'], rows),
    );
    return;
  }
  const erasureRecord = await askToForget(new SQSClient(), erasureRecords, {
    queueUrl: outputs.get('QueueUrl'),
    message: {
      version: 1,
      kind: 'forget',
      userId,
      requestId: randomUUID(),
      ...(contact && { contactId: contact }),
    },
  });
  process.stdout.write(
    json
      ? `${JSON.stringify(erasureRecord)}\n`
      : `✓ Contact ${erasureRecord.contactId} of user ${userId}: ${erasureRecord.done === 'delete' ? 'deleted' : 'anonymised'}, ${erasureRecord.doneAt}.\n`,
  );
});
