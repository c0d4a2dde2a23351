import { setTimeout as sleep } from 'node:timers/promises';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { ErasureRecord, ErasureRecordStore } from '../../shared/store/erasure-records.ts';
import type { ForgetMessage } from '../../shared/sync/message.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';
import { CommandError } from './command-error.ts';

const TIMEOUT_MS = 60_000;
const POLL_MS = 500;

/** Why a person could not be forgotten, and what to do. */
const REFUSALS: Readonly<Partial<Record<ErasureRecord['done'], (userId: string) => string>>> = {
  'not-deleted': (userId) =>
    `User ${userId} is still in the table, and the next change would make the contact again. Delete the user in the app, then forget.`,
  'no-contact': (userId) =>
    `No record knows a contact of user ${userId}. If there is one in the CRM, name it with --contact ID; if not, there is nothing to forget.`,
  kept: (userId) =>
    `The contact that user ${userId} had is another user's by now, or the user has come back: it was left alone.`,
};

/**
 * Has the sync forget a person, and waits until it has: in the user's own group of the queue, so after all that came before.
 *
 * @returns the record of it.
 * @throws CommandError when nothing could be done, or not yet; the request then stays in the queue.
 */
export async function askToForget(
  sqs: SQSClient,
  erasureRecords: ErasureRecordStore,
  { queueUrl, message }: { queueUrl: string; message: ForgetMessage },
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
  const giveUpAt = Date.now() + TIMEOUT_MS;
  while (Date.now() < giveUpAt) {
    const erasureRecord = await erasureRecords.read(userId);
    if (erasureRecord?.requestId === requestId) {
      const refusal = REFUSALS[erasureRecord.done];
      if (refusal) throw new CommandError(refusal(userId));
      return erasureRecord;
    }
    await sleep(POLL_MS);
  }
  throw new CommandError(
    'It is in the queue, and not done yet: the sync may be paused (npm run quota) or not let in (npm run authorize). ' +
      'It goes on by itself; see npm run forget -- --list.',
  );
}
