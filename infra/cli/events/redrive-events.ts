import { DeleteMessageCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { receiveAll } from '../support/receive-all.ts';

/**
 * Moves events that the callback did not accept for a day back into its queue. Meanwhile, an event is in both queues, which is harmless:
 * the receiver recognizes a duplicate by its id.
 *
 * @returns the number of events.
 */
export async function redriveEvents(
  sqs: SQSClient,
  { queueUrl, deadLetterQueueUrl }: { queueUrl: string; deadLetterQueueUrl: string },
): Promise<number> {
  let moved = 0;
  for await (const messages of receiveAll(sqs, deadLetterQueueUrl))
    for (const { Body, ReceiptHandle } of messages) {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: Body }));
      await sqs.send(new DeleteMessageCommand({ QueueUrl: deadLetterQueueUrl, ReceiptHandle }));
      moved++;
    }
  return moved;
}
