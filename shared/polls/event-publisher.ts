import type { EventBridgeClient, PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { type CloudEvent, EVENT_SOURCE } from '../events/event-types.ts';
import { PUBLISH_RETRY } from '../quota/retry-policy.ts';
import { CloudError } from '../sync/errors.ts';

export interface EventPublisher {
  /** Publishes events. @throws CloudError if the bus did not accept all of them. A caller that tries again publishes all of them again. */
  publish(events: readonly CloudEvent[]): Promise<void>;
}

/** Limits of one PutEvents (Amazon EventBridge quotas: 10 entries, 256 KB in all), with room for what an entry has besides its detail. */
const MAX_ENTRIES = 10;
const MAX_BYTES = 200_000;

/** Publishes to an EventBridge bus, by name or ARN. */
export function eventBridgePublisher(client: EventBridgeClient, EventBusName: string): EventPublisher {
  const put = async (entries: PutEventsRequestEntry[], attempt = 1): Promise<void> => {
    const { Entries = [] } = await client.send(new PutEventsCommand({ Entries: entries }));
    // A part of the entries can fail although the status is 200.
    const failed = entries.filter((_, index) => !Entries[index]?.EventId);
    if (failed.length === 0) return;
    if (attempt >= PUBLISH_RETRY.attempts)
      throw new CloudError(`The event bus did not accept ${failed.length} events`);
    await new Promise((rested) => setTimeout(rested, PUBLISH_RETRY.firstDelayMs * 2 ** (attempt - 1)));
    await put(failed, attempt + 1);
  };
  return {
    async publish(events) {
      const entries = events.map(
        (event): PutEventsRequestEntry => ({
          EventBusName,
          Source: EVENT_SOURCE,
          DetailType: event.type,
          Detail: JSON.stringify(event),
          Time: new Date(event.time),
        }),
      );
      for (const batch of batchesOf(entries)) {
        try {
          await put(batch);
        } catch (error) {
          if (error instanceof CloudError) throw error;
          throw new CloudError('Could not publish events: PutEvents failed', { cause: error });
        }
      }
    },
  };
}

function batchesOf(entries: readonly PutEventsRequestEntry[]): PutEventsRequestEntry[][] {
  const batches: PutEventsRequestEntry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = Buffer.byteLength(entry.Detail ?? '');
    const last = batches.at(-1);
    if (last && last.length < MAX_ENTRIES && bytes + size <= MAX_BYTES) {
      last.push(entry);
      bytes += size;
    } else {
      batches.push([entry]);
      bytes = size;
    }
  }
  return batches;
}
