import type { SQSRecord } from 'aws-lambda';
import { RejectedError } from '../../shared/sync/errors.ts';
import { type Message, messageSchema } from '../../shared/sync/message.ts';

/** A message as the queue delivered it. */
interface Delivery {
  record: SQSRecord;
  /** The message, or why it is none. */
  message: Message | RejectedError;
}

/** Deliveries of one FIFO group, oldest first. */
export interface Group {
  id: string;
  deliveries: [Delivery, ...Delivery[]];
}

/** Splits a batch by FIFO group and keeps the order within each: a batch of a FIFO queue mixes groups. */
export function groupsOf(records: readonly SQSRecord[]): Group[] {
  const groups = new Map<string, Group>();
  for (const record of records) {
    const id = record.attributes.MessageGroupId ?? record.messageId;
    const delivery = { record, message: readMessage(record.body) };
    const group = groups.get(id);
    if (group) group.deliveries.push(delivery);
    else groups.set(id, { id, deliveries: [delivery] });
  }
  return [...groups.values()];
}

function readMessage(body: string): Message | RejectedError {
  try {
    const result = messageSchema.safeParse(JSON.parse(body));
    if (result.success) return result.data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new RejectedError('unreadable-message', 'The message is not one of this system');
}
