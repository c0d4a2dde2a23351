import type { SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { RejectedError } from '../../shared/sync/errors.ts';
import { type Message, messageSchema, type UserMessage } from '../../shared/sync/message.ts';
import { jsonText } from '../../shared/zod-types.ts';

interface Delivery {
  record: SQSRecord;
  /** The message, or an error if the record's body is not a message of this system. */
  message: Message | RejectedError;
}

/** The messages of one FIFO group in a batch, oldest first. */
export interface MessageGroup {
  id: string;
  deliveries: [Delivery, ...Delivery[]];
}

/** Splits a batch by FIFO group: a batch of a FIFO queue can mix groups. The order within each group is kept. */
export function messageGroups(records: readonly SQSRecord[]): MessageGroup[] {
  const groups = new Map<string, MessageGroup>();
  for (const record of records) {
    const id = record.attributes.MessageGroupId ?? record.messageId;
    const delivery = { record, message: readMessage(record) };
    const group = groups.get(id);
    if (group) group.deliveries.push(delivery);
    else groups.set(id, { id, deliveries: [delivery] });
  }
  return [...groups.values()];
}

const bodySchema = z.pipe(jsonText, messageSchema);

function readMessage({ body, messageId }: SQSRecord): Message | RejectedError {
  const { success, data } = bodySchema.safeParse(body);
  if (success) return data;
  // The message id is the same at each delivery, so is the error id.
  return new RejectedError('unreadable-message', 'The record is not a message of this system', {
    errorId: messageId,
  });
}

/** Messages of a group that are handled together: messages about one user, or one other message. */
export type Task = MessageGroup;

/**
 * Splits a group into tasks, in order. Messages about one user that follow each other are one task, but deletions are separate from other
 * messages: if the CRM refuses a deletion, the sign-up that follows is still handled.
 */
export function tasksOf({ id, deliveries }: MessageGroup): Task[] {
  const tasks: Task[] = [];
  for (const delivery of deliveries) {
    const last = tasks.at(-1);
    if (last && continues(last.deliveries[0], delivery)) last.deliveries.push(delivery);
    else tasks.push({ id, deliveries: [delivery] });
  }
  return tasks;
}

const continues = ({ message: first }: Delivery, { message: next }: Delivery): boolean =>
  isAboutUser(first) &&
  isAboutUser(next) &&
  first.userId === next.userId &&
  (first.cause === 'deleted') === (next.cause === 'deleted');

const isAboutUser = (message: Delivery['message']): message is UserMessage =>
  !(message instanceof RejectedError) && message.kind === 'user';

/** How often the group was delivered, this delivery included. */
export const receiveCountOf = ({ deliveries }: MessageGroup): number =>
  Math.max(...deliveries.map(({ record }) => Number(record.attributes.ApproximateReceiveCount)));

/** Ids of the stream records, or of the backfill, that the messages come from. */
export const correlationIdsOf = ({ deliveries }: MessageGroup): string[] =>
  deliveries.flatMap(({ message }) =>
    'correlationId' in message && message.correlationId ? [message.correlationId] : [],
  );
