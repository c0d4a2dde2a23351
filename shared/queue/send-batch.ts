import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { batchesOf } from '../aws/batches.ts';
import type { Message } from '../sync/message.ts';

/** A message to send to the FIFO queue. */
export interface Entry {
  message: Message;
  groupId: string;
  /** SQS delivers messages with the same id within five minutes once. */
  deduplicationId: string;
}

/**
 * Sends up to ten messages in one call.
 * @returns indices of the messages that SQS did not accept.
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
 * A message as JSON with only characters that SQS accepts. SQS rejects or replaces characters that XML does not allow (its documentation
 * has said both). JSON escapes most of them; this escapes the rest. Otherwise one odd user id would be rejected forever, and block its
 * shard.
 */
const bodyOf = (message: Message): string =>
  JSON.stringify(message).replace(/[\uD800-\uFFFF]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);

/** Sends messages whose order does not matter. @throws Error if SQS does not accept all of them. */
export async function sendAll(sqs: SQSClient, queueUrl: string, entries: readonly Entry[]): Promise<void> {
  const batches = batchesOf(entries, ({ message }) => Buffer.byteLength(bodyOf(message)));
  const failed = await Promise.all(batches.map((batch) => sendBatch(sqs, queueUrl, batch)));
  if (failed.flat().length > 0) throw new Error(`SQS did not accept ${failed.flat().length} messages`);
}
