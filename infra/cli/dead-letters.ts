import { DeleteMessageCommand, type Message, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { messageSchema } from '../../shared/sync/message.ts';
import { receiveAll } from './receive-all.ts';

/** A message that nobody could handle. */
export interface DeadLetter {
  messageId: string;
  receiptHandle: string;
  body: string;
  group: string;
  /** The message attribute; without one, SQS itself gave up on it, or it is none of ours. */
  reason: string;
  /** Undefined for one that is no message of this system. */
  userId: string | undefined;
  /** When it was sent, in epoch milliseconds. */
  sentAt: number;
}

/** SQS gave up on it after too many deliveries. */
const TOO_MANY_RECEIVES = 'too-many-receives';
export const UNREADABLE = 'unreadable-message';

/** The dead letters that can be seen now. Of one user's, only the oldest ten can: the others come when those are gone. */
export async function holdDeadLetters(sqs: SQSClient, QueueUrl: string): Promise<DeadLetter[]> {
  const held = new Map<string, DeadLetter>();
  const batches = receiveAll(sqs, QueueUrl, {
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['MessageGroupId', 'SentTimestamp'],
  });
  for await (const messages of batches)
    for (const message of messages) held.set(message.MessageId ?? '', deadLetterOf(message));
  return [...held.values()];
}

/** Puts a letter back into the queue, and takes it off the dead letters after that: in between it is in both, which does no harm. */
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

/** The user of a message, the first of many, `catalog` for one about that, or undefined where it is no message of this system. */
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
