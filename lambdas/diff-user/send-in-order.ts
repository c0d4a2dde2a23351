import type { SQSClient } from '@aws-sdk/client-sqs';
import { type Entry, MAX_ENTRIES, sendBatch } from '../../shared/queue/send-batch.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';

/** A message and the stream record that it came from. */
export interface Outgoing {
  message: UserMessage;
  /** Id of the stream event: a record that is read twice sends one message (within the five minutes of SQS). */
  eventId: string;
  sequenceNumber: string;
}

/**
 * Sends messages so that those of one user arrive in order: a batch holds one message of a user at most, and after a
 * failed message nothing more is sent for that user.
 *
 * @returns sequence numbers of the records whose messages were not sent.
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
