import { createHash } from 'node:crypto';
import type { Entry } from '../../shared/queue/send-batch.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';
import type { FedMessage } from './ports.ts';

/** Characters of a run's id that its deduplication ids hold. */
const ID_LENGTH = 40;

/** The FIFO group of a message. Messages about many users are in no order. */
export function groupOf(message: FedMessage, runId: string): string {
  if (message.kind === 'user') return messageGroupOf(message.userId);
  const users = createHash('sha256').update(message.userIds.join()).digest('hex');
  return messageGroupOf(`tags:${runId.slice(-ID_LENGTH)}:${users}`);
}

/** A call of the feeder that is repeated sends the same messages, which SQS takes once. */
export function entryOf(message: FedMessage, runId: string): Entry {
  const groupId = groupOf(message, runId);
  const deduplicationId =
    message.kind === 'user' ? messageGroupOf(`${runId.slice(-ID_LENGTH)}:${message.userId}`) : groupId;
  return { message, groupId, deduplicationId };
}

/** The message about one user of a run. @param now epoch milliseconds. */
export const aboutUser = (userId: string, runId: string, now: number): FedMessage => ({
  ...base(runId, now),
  kind: 'user',
  userId,
  cause: 'backfill',
  fields: [],
  tagsAdded: [],
  tagsRemoved: [],
  // The consumer does so with a contact that is new; of others it changes the tags as well.
  tagsLater: true,
});

/** The message about the tags of many users. @param now epoch milliseconds. */
export const aboutTags = (userIds: string[], runId: string, now: number): FedMessage => ({
  ...base(runId, now),
  kind: 'tag-users',
  userIds,
});

const base = (runId: string, now: number) =>
  ({ version: 1, correlationId: runId, changedAt: new Date(now).toISOString() }) as const;
