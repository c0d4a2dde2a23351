import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Message } from '../sync/message.ts';

/** A message on its way into the FIFO queue. */
export interface Entry {
  message: Message;
  groupId: string;
  /** The same within five minutes is sent once (Amazon SQS). */
  deduplicationId: string;
}

/** Most entries of one SendMessageBatch (Amazon SQS quotas). */
export const MAX_ENTRIES = 10;

/**
 * Sends up to ten messages by one call.
 * @returns indices of those that SQS did not take.
 */
export async function sendBatch(
  sqs: SQSClient,
  queueUrl: string,
  entries: readonly Entry[],
): Promise<number[]> {
  const { Failed = [] } = await sqs.send(
    new SendMessageBatchCommand({
      QueueUrl: queueUrl,
      Entries: entries.map(({ message, groupId, deduplicationId }, index) => ({
        Id: String(index),
        MessageBody: bodyOf(message),
        MessageGroupId: groupId,
        MessageDeduplicationId: deduplicationId,
      })),
    }),
  );
  return Failed.map(({ Id }) => Number(Id));
}

/**
 * A message as JSON that SQS takes as it is. SQS refuses a body with characters outside those of XML, or replaces them (its documentation
 * has said both); JSON escapes most of them, and this the rest. Refused again and again, one strange user id would block its shard.
 */
const bodyOf = (message: Message): string =>
  JSON.stringify(message).replace(/[\uD800-\uFFFF]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);

/** Most bytes of all messages of one call together (Amazon SQS quotas: 256 KiB for long), with room for what is beside them. */
const MAX_BYTES = 200_000;

/** Sends messages of which the order does not matter. @throws Error unless SQS takes all. */
export async function sendAll(sqs: SQSClient, queueUrl: string, entries: readonly Entry[]): Promise<void> {
  const batches: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = Buffer.byteLength(bodyOf(entry.message));
    const last = batches.at(-1);
    if (last && last.length < MAX_ENTRIES && bytes + size <= MAX_BYTES) {
      last.push(entry);
      bytes += size;
    } else {
      batches.push([entry]);
      bytes = size;
    }
  }
  const failed = await Promise.all(batches.map((batch) => sendBatch(sqs, queueUrl, batch)));
  if (failed.flat().length > 0) throw new Error(`SQS did not take ${failed.flat().length} messages`);
}
