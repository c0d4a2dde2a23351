import type { SQSClient } from '@aws-sdk/client-sqs';
import { MAX_ENTRIES } from '../../shared/aws/batches.ts';
import { type Entry, sendBatch } from '../../shared/queue/send-batch.ts';
import { messageGroupOf, type UserMessage } from '../../shared/sync/message.ts';

/** A message and its stream record. */
export interface Outgoing {
  message: UserMessage;
  /** Id of the stream event, by which SQS drops the second message of a record that is read twice within five minutes. */
  eventId: string;
  sequenceNumber: string;
}

/**
 * Sends messages so that those of one user arrive in order: a batch has at most one message of a user, and after a failed message no
 * more messages of that user are sent.
 *
 * @returns the sequence numbers of the records whose messages were not sent.
 */
export async function sendInOrder(
  sqs: SQSClient,
  queueUrl: string,
  messages: readonly Outgoing[],
): Promise<string[]> {
  const failed: string[] = [];
  const failedUsers = new Set<string>();
  let waiting = [...messages];
  while (waiting.length > 0) {
    const { batch, rest } = nextBatch(waiting);
    for (const index of await sendBatch(sqs, queueUrl, batch.map(entryOf))) {
      const { message, sequenceNumber } = batch[index] as Outgoing;
      failed.push(sequenceNumber);
      failedUsers.add(message.userId);
    }
    failed.push(
      ...rest
        .filter(({ message }) => failedUsers.has(message.userId))
        .map((outgoing) => outgoing.sequenceNumber),
    );
    waiting = rest.filter(({ message }) => !failedUsers.has(message.userId));
  }
  return failed;
}

function nextBatch(waiting: readonly Outgoing[]): { batch: Outgoing[]; rest: Outgoing[] } {
  const batch: Outgoing[] = [];
  const rest: Outgoing[] = [];
  const users = new Set<string>();
  for (const outgoing of waiting) {
    const { userId } = outgoing.message;
    (batch.length < MAX_ENTRIES && !users.has(userId) ? batch : rest).push(outgoing);
    users.add(userId);
  }
  return { batch, rest };
}

const entryOf = ({ message, eventId }: Outgoing): Entry => ({
  message,
  groupId: messageGroupOf(message.userId),
  deduplicationId: eventId,
});
