import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import {
  type ErasureRecord,
  type ErasureRecordStore,
  erasureRecordStore,
} from '../../shared/store/erasure-records.ts';
import type { ForgetMessage } from '../../shared/sync/message.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';
import { createCommand } from './create-command.ts';
import { CommandError, UsageError } from './support/command-error.ts';
import { connect, type Outputs } from './support/connect.ts';
import { idOfUser, integer } from './support/option-parsers.ts';
import { textTable } from './support/text-table.ts';

/** Longer than the minute after which the sync tries a contact again that the CRM does not know. */
const TIMEOUT_MS = 180_000;
const POLL_MS = 500;

export default createCommand({
  metadata: {
    description:
      'Deletes or anonymises (setting forgetPolicy) the contact of a person who has left the app, and keeps an erasure record without personal data.',
    examples: [
      ['forget --user u-17', 'the user must be deleted in the app first'],
      ['forget --user u-17 --contact 4711', 'when no record knows the contact'],
      ['forget --list', 'show the erasure records'],
    ],
  },
  target: 'system',
  options: {
    user: {
      value: 'id',
      description: 'the user to forget; must be deleted in the app first',
      parse: idOfUser,
    },
    contact: { value: 'id', description: 'the contact, when no record knows it', parse: integer(1) },
    list: { description: 'show the erasure records' },
  },
  async handler({ options: { user: userId, contact: contactId, ...options }, print }) {
    if ((userId === undefined) !== options.list)
      throw new UsageError(
        'Name the user to forget with --user ID, or use --list to show the erasure records.',
      );
    if (options.list && contactId !== undefined)
      throw new UsageError('--contact belongs to --user, not to --list.');
    const outputs = await connect(options);
    const erasureRecords = erasureRecordStore(new DynamoDBClient(), outputs.get('SyncTableName'));
    if (userId === undefined) {
      const records = (await erasureRecords.list()).sort((a, b) => a.doneAt.localeCompare(b.doneAt));
      print(records, () => recordsTable(records));
      return;
    }
    const record = await requestErasure(new SQSClient(), erasureRecords, {
      queueUrl: outputs.get('QueueUrl'),
      command: outputs.command,
      message: {
        version: 1,
        kind: 'forget',
        userId,
        requestId: randomUUID(),
        ...(contactId && { contactId }),
      },
    });
    const result = record.done === 'delete' ? 'deleted' : 'anonymised';
    const unread = record.unread
      ? ` The CRM did not show whether these had a value before: ${record.unread.join(', ')}.`
      : '';
    print(
      record,
      () => `✓ Contact ${record.contactId} of user ${userId}: ${result}, ${record.doneAt}.${unread}\n`,
    );
  },
});

function recordsTable(records: readonly ErasureRecord[]): string {
  return textTable(
    ['time', 'user', 'contact', 'action', 'reason'],
    records.map(({ doneAt, userId, contactId, done, requestId }) => [
      doneAt,
      userId,
      String(contactId ?? '–'),
      done,
      requestId ? 'erasure request' : 'deleted in the app',
    ]),
  );
}

/** Why nothing was erased, and what to do. */
const REFUSALS: Readonly<Partial<Record<ErasureRecord['done'], (userId: string) => string>>> = {
  'not-deleted': (userId) =>
    `User ${userId} is still in the table, and the next change would create the contact again. Delete the user in the app first.`,
  'no-contact': (userId) =>
    `No record knows a contact of user ${userId}. If the CRM has one, name it with --contact ID; otherwise nothing needs to be erased.`,
  'not-proven': (userId) =>
    `Nothing proves that the contact belongs to user ${userId}: no record names it, and the CRM does not know it or shows another user id. It was not changed. Check the id.`,
  kept: (userId) =>
    `The contact belongs to another user, or user ${userId} has come back. It was not changed.`,
};

/**
 * Sends an erasure request and waits for its record. The message goes through the user's own group of the queue, after all earlier
 * messages of the user.
 *
 * @throws CommandError when nothing was erased, or there is no answer in time; in that case, the message stays in the queue.
 */
async function requestErasure(
  sqs: SQSClient,
  erasureRecords: ErasureRecordStore,
  { queueUrl, command, message }: { queueUrl: string; command: Outputs['command']; message: ForgetMessage },
): Promise<ErasureRecord> {
  const { userId, requestId } = message;
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: JSON.stringify(message),
      MessageGroupId: messageGroupOf(userId),
      MessageDeduplicationId: requestId,
    }),
  );
  const deadline = Date.now() + TIMEOUT_MS;
  while (Date.now() < deadline) {
    const record = await erasureRecords.read(userId);
    if (record?.requestId === requestId) {
      const refusal = REFUSALS[record.answer ?? record.done];
      if (refusal) throw new CommandError(refusal(userId));
      return record;
    }
    await sleep(POLL_MS);
  }
  throw new CommandError(
    `The request is in the queue, but was not processed within ${TIMEOUT_MS / 1000} s. The sync may be paused (${command('quota')}) ` +
      `or lack credentials (${command('authorize')}), or the CRM has refused the request (${command('redrive --dry-run')}). ` +
      `Check later with: ${command('forget --list')}`,
  );
}
