import { randomUUID } from 'node:crypto';
import { DeleteMessageCommand, type Message, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { countMessages } from '../../../shared/queue/count-messages.ts';
import { messageSchema } from '../../../shared/sync/message.ts';
import { jsonText } from '../../../shared/zod-types.ts';
import { CommandError } from '../support/command-error.ts';
import { isExpiredHandle, receiveAll, release, VISIBILITY_SECONDS } from '../support/receive-all.ts';

export interface RedriveOptions {
  queueUrl: string;
  deadLetterQueueUrl: string;
  /** Only dead letters with this reason. */
  reason?: string | undefined;
  /** Only dead letters sent at this time or later, in epoch milliseconds. */
  since?: number | undefined;
  dryRun?: boolean | undefined;
}

/** The dead letters of one reason. */
interface ReasonSummary {
  reason: string;
  letters: number;
  oldest: string;
  exampleUserId: string | null;
}

export interface RedriveReport {
  reasons: ReasonSummary[];
  /** Approximate number of dead letters behind others of the same user, which cannot be received yet. */
  behindOthers: number;
  /** Approximate number that another reader has received. They become visible within `VISIBILITY_SECONDS`. */
  heldElsewhere: number;
  /** Moved back into the queue. */
  redriven: number;
  /** Not messages of this system: they are not moved. */
  unreadable: { messageId: string; characters: number }[];
}

/**
 * Moves dead letters back into the queue. Always safe: a message has no profile data, and can be handled twice. A replay publishes its events
 * again, with the same ids. A message that is rejected again while this runs stays in the dead-letter queue.
 *
 * @throws CommandError when no dead letter has the reason.
 */
export async function redrive(sqs: SQSClient, options: RedriveOptions): Promise<RedriveReport> {
  const { deadLetterQueueUrl: deadLetters, queueUrl: queue, reason, since = 0 } = options;
  const held = await receiveDeadLetters(sqs, deadLetters);
  const moved = new Set<string>();
  const isSelected = (letter: DeadLetter) =>
    letter.reason !== UNREADABLE &&
    (!reason || letter.reason === reason) &&
    letter.sentAt >= since &&
    !moved.has(letter.body);
  try {
    const { visible, hidden } = await countMessages(sqs, deadLetters);
    const report = {
      ...summaryOf(held),
      behindOthers: visible,
      heldElsewhere: Math.max(0, hidden - held.length),
      redriven: 0,
    };
    if (reason && !report.reasons.some((each) => each.reason === reason)) {
      const known = report.reasons.map((each) => each.reason).join(', ') || 'none';
      throw new CommandError(`No dead letter has the reason ${reason}. Reasons: ${known}.`);
    }
    if (options.dryRun) return report;
    while (held.some(isSelected)) {
      for (const letter of held.filter(isSelected)) {
        // The last letters of many are received again first.
        if (ageOf(letter) > MOVABLE_MS) break;
        moved.add(await putBack(sqs, letter, { queue, deadLetters }));
        held.splice(held.indexOf(letter), 1);
        report.redriven++;
      }
      // Letters behind the moved ones can be received now. One whose visibility timeout ended comes again with a new receipt handle.
      const received = await receiveDeadLetters(sqs, deadLetters);
      const isHeld = (letter: DeadLetter) =>
        ageOf(letter) < VISIBILITY_SECONDS * 1000 &&
        !received.some(({ messageId }) => messageId === letter.messageId);
      held.splice(0, held.length, ...held.filter(isHeld), ...received);
    }
    return report;
  } finally {
    await release(
      sqs,
      deadLetters,
      held.map(({ receiptHandle }) => receiptHandle),
    );
  }
}

function summaryOf(held: readonly DeadLetter[]): Pick<RedriveReport, 'reasons' | 'unreadable'> {
  const byReason = Map.groupBy(held, ({ reason }) => reason);
  return {
    reasons: [...byReason].map(([reason, letters]) => ({
      reason,
      letters: letters.length,
      oldest: new Date(Math.min(...letters.map(({ sentAt }) => sentAt))).toISOString(),
      exampleUserId: letters[0]?.userId ?? null,
    })),
    unreadable: held
      .filter(({ reason }) => reason === UNREADABLE)
      .map(({ messageId, body }) => ({ messageId, characters: body.length })),
  };
}

/** A message of the dead-letter queue. */
interface DeadLetter {
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
  /** When it was received, in epoch milliseconds. */
  receivedAt: number;
}

/** How long after it was received a letter is moved: a receipt handle of a FIFO queue is invalid after the visibility timeout. */
const MOVABLE_MS = 0.8 * VISIBILITY_SECONDS * 1000;
const ageOf = ({ receivedAt }: DeadLetter): number => Date.now() - receivedAt;

/** SQS moved the message because of `maxReceiveCount`. */
const TOO_MANY_RECEIVES = 'too-many-receives';
const UNREADABLE = 'unreadable-message';

/** Receives all visible dead letters. Of one user, only the oldest ten are visible until those are deleted. */
async function receiveDeadLetters(sqs: SQSClient, QueueUrl: string): Promise<DeadLetter[]> {
  const held = new Map<string, DeadLetter>();
  const batches = receiveAll(sqs, QueueUrl, {
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['MessageGroupId', 'SentTimestamp'],
  });
  for await (const messages of batches)
    for (const message of messages) held.set(message.MessageId ?? '', deadLetterOf(message));
  return [...held.values()];
}

/**
 * Sends a dead letter to the queue and then deletes it. Meanwhile it is in both queues, which is harmless.
 *
 * @returns the body that was sent.
 */
async function putBack(
  sqs: SQSClient,
  { body, group, messageId, receiptHandle }: DeadLetter,
  urls: { queue: string; deadLetters: string },
): Promise<string> {
  const now = Date.now();
  const sent = redrivenBody(body, now);
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: urls.queue,
      MessageBody: sent,
      MessageGroupId: group,
      MessageDeduplicationId: `redrive-${messageId}-${now}`,
    }),
  );
  try {
    await sqs.send(new DeleteMessageCommand({ QueueUrl: urls.deadLetters, ReceiptHandle: receiptHandle }));
  } catch (error) {
    // It is received and moved again.
    if (!isExpiredHandle(error)) throw error;
  }
  return sent;
}

/**
 * The body of the message that is sent for a dead letter. It is unique: the consumer ignores the redrive id, and a message that is rejected
 * again has it.
 *
 * A message about a user becomes one about a change that happens now. As part of a backfill, or as a change that was rejected before, it
 * would make no new dead letter if the user is still rejected, although the redriven one is deleted. No tag job of a backfill will come,
 * either. The message of a deletion keeps its time.
 *
 * @param now epoch milliseconds.
 */
function redrivenBody(body: string, now: number): string {
  const redriveId = randomUUID();
  const content: object = JSON.parse(body);
  const { data: message } = messageSchema.safeParse(content);
  if (message?.kind !== 'user' || message.cause === 'deleted')
    return JSON.stringify({ ...content, redriveId });
  const { tagsLater: _, ...rest } = message;
  const cause = message.cause === 'backfill' ? 'changed' : message.cause;
  return JSON.stringify({ ...rest, cause, changedAt: new Date(now).toISOString(), redriveId });
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
    receivedAt: Date.now(),
  };
}

const bodySchema = z.pipe(jsonText, messageSchema);

/** The (first) user of a message, the kind of a message without a user, or undefined when it is not a message of this system. */
function userIdOf(body: string): string | undefined {
  const message = bodySchema.safeParse(body).data;
  if (message && 'userId' in message) return message.userId;
  return message && ('userIds' in message ? message.userIds[0] : message.kind);
}
