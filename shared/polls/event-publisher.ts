import type { EventBridgeClient, PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { batchesOf } from '../aws/batches.ts';
import { type CloudEvent, EVENT_SOURCE } from '../events/event-types.ts';
import { PUBLISH_RETRY } from '../quota/retry-policy.ts';
import { CloudError } from '../sync/errors.ts';

export interface EventPublisher {
  /** Publishes events. @throws CloudError if the bus did not accept all of them. A caller that tries again publishes all of them again. */
  publish(events: readonly CloudEvent[]): Promise<void>;
}

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
      for (const batch of batchesOf(entries, ({ Detail = '' }) => Buffer.byteLength(Detail))) {
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
