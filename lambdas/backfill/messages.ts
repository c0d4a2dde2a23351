import { createHash } from 'node:crypto';
import type { Entry } from '../../shared/queue/send-batch.ts';
import {
  messageGroupOf,
  type TagUsersMessage,
  type UserMessage,
  userMessage,
} from '../../shared/sync/message.ts';

/** The messages that a backfill sends. */
export type BackfillMessage = UserMessage | TagUsersMessage;

/** The FIFO group of a message: the group of its user. Each tag job has a separate group, since the order of tag jobs does not matter. */
export function groupOf(message: BackfillMessage, runId: string): string {
  if (message.kind === 'user') return messageGroupOf(message.userId);
  const users = createHash('sha256').update(message.userIds.join()).digest('hex');
  return messageGroupOf(`tags:${runId}:${users}`);
}

/** The SQS entry of a message. A repeated call of a step sends the same entries, and SQS accepts each once within five minutes. */
export function entryOf(message: BackfillMessage, runId: string): Entry {
  const groupId = groupOf(message, runId);
  const deduplicationId = message.kind === 'user' ? messageGroupOf(`${runId}:${message.userId}`) : groupId;
  return { message, groupId, deduplicationId };
}

/** The message about one user of a run. @param now epoch milliseconds. */
export const backfillMessage = (userId: string, runId: string, now: number): BackfillMessage =>
  // `tagsLater` is only for a new contact: the consumer changes the tags of an existing one at once.
  userMessage(userId, { cause: 'backfill', changedAt: now, correlationId: runId, tagsLater: true });

/** The message about the tags of many users: a tag job. @param now epoch milliseconds. */
export const tagJobMessage = (userIds: string[], runId: string, now: number): BackfillMessage => ({
  version: 1,
  kind: 'tag-users',
  userIds,
  changedAt: new Date(now).toISOString(),
  correlationId: runId,
});
