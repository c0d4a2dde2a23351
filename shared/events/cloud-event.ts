import { createHash } from 'node:crypto';
import { type CloudEvent, type EventData, type EventKind, typeOf } from './event-types.ts';

export interface EventOf<Kind extends EventKind> {
  kind: Kind;
  /** Identifies what the event is about, and its state. Equal only for equal states: the event id is a hash of it, and of the source. */
  state: readonly unknown[];
  /** The app's user id. */
  userId: string | undefined;
  /** Epoch milliseconds. */
  time: number;
  data: EventData[Kind];
}

/**
 * The envelope of an event.
 *
 * @param source `/user-sync/<name of the stack>`.
 */
export function cloudEvent<Kind extends EventKind>(
  { kind, state, userId, time, data }: EventOf<Kind>,
  source: string,
): CloudEvent {
  const type = typeOf(kind);
  return {
    specversion: '1.0',
    id: createHash('sha256')
      .update(JSON.stringify([source, type, state]))
      .digest('base64url')
      .slice(0, 32),
    source,
    type,
    ...(userId !== undefined && { subject: userId }),
    time: new Date(time).toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}
