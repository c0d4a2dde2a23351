import type { CloudEvent } from '../events/event-types.ts';
import type { EventLog, EventStore } from '../store/event-store.ts';

/** Events that the log keeps. */
const RECENT = 20;

/** Counts events by type, and keeps the last ones, without values, for the command `events`. */
export async function logEvents(
  events: readonly CloudEvent[],
  store: Pick<EventStore, 'readLog' | 'writeLog'>,
): Promise<void> {
  if (events.length > 0) await store.writeLog(logWith(await store.readLog(), events));
}

function logWith({ counts, recent }: EventLog, events: readonly CloudEvent[]): EventLog {
  const sum = { ...counts };
  for (const { type } of events) sum[type] = (sum[type] ?? 0) + 1;
  const lines = events.map(({ id, type, time, subject, data: { contactId, itemId } }) => ({
    id,
    type,
    time,
    ...(subject !== undefined && { subject }),
    ...(typeof contactId === 'number' && { contactId }),
    ...(typeof itemId === 'number' && { itemId }),
  }));
  return { counts: sum, recent: [...lines.toReversed(), ...recent].slice(0, RECENT) };
}
