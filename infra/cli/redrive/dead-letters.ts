import { DeleteMessageCommand, type Message, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { messageSchema } from '../../../shared/sync/message.ts';
import { receiveAll } from '../support/receive-all.ts';

/** A message of the dead-letter queue. */
export interface DeadLetter {
  messageId: string;
  receiptHandle: string;
  body: string;
  group: string;
  /** From the message attribute; without one, SQS moved the message after too many receives. */
  reason: string;
  /** Undefined when it is not a message of this system. */
  userId: string | undefined;
  /** When it was sent, in epoch milliseconds. */
  sentAt: number;
}

/** SQS moved the message because of `maxReceiveCount`. */
const TOO_MANY_RECEIVES = 'too-many-receives';
export const UNREADABLE = 'unreadable-message';

/** Receives all visible dead letters. Of one user, only the oldest ten are visible until those are deleted. */
export async function receiveDeadLetters(sqs: SQSClient, QueueUrl: string): Promise<DeadLetter[]> {
  const held = new Map<string, DeadLetter>();
  const batches = receiveAll(sqs, QueueUrl, {
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['MessageGroupId', 'SentTimestamp'],
  });
  for await (const messages of batches)
    for (const message of messages) held.set(message.MessageId ?? '', deadLetterOf(message));
  return [...held.values()];
}

/** Sends a dead letter to the queue and then deletes it. In between it is in both queues, which is harmless. */
export async function putBack(
  sqs: SQSClient,
  { body, group, messageId, receiptHandle }: DeadLetter,
  urls: { queue: string; deadLetters: string },
): Promise<void> {
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: urls.queue,
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: `redrive-${messageId}-${Date.now()}`,
    }),
  );
  await sqs.send(new DeleteMessageCommand({ QueueUrl: urls.deadLetters, ReceiptHandle: receiptHandle }));
}

function deadLetterOf({
  MessageId: messageId = '',
  ReceiptHandle: receiptHandle = '',
  Body: body = '',
  Attributes = {},
  MessageAttributes = {},
}: Message): DeadLetter {
  const userId = userIdOf(body);
  return {
    messageId,
    receiptHandle,
    body,
    group: Attributes.MessageGroupId ?? messageId,
    reason:
      userId === undefined ? UNREADABLE : (MessageAttributes['reason']?.StringValue ?? TOO_MANY_RECEIVES),
    userId,
    sentAt: Number(Attributes.SentTimestamp ?? 0),
  };
}

/** The (first) user of a message, `catalog` for a catalog message, or undefined when it is not a message of this system. */
function userIdOf(body: string): string | undefined {
  try {
    const message = messageSchema.safeParse(JSON.parse(body)).data;
    if (message && 'userId' in message) return message.userId;
    return message && ('userIds' in message ? message.userIds[0] : 'catalog');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
