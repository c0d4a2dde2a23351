import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EventFilter } from '../event-sources/event-pattern.ts';
import { ServiceError, startJsonService } from './aws-json-service.ts';

/** A rule of a bus. */
interface EventRule {
  passes: EventFilter;
  /** Sends the event, or a part of it, to a target. */
  deliver: (event: unknown) => Promise<void>;
}

export interface EventBridge {
  endpoint: string;
  /** Rules of each bus, by its ARN. */
  buses: Map<string, EventRule[]>;
  /** Whether all accepted events have been delivered. */
  idle(): boolean;
  stop(): Promise<void>;
}

const requestSchema = z.object({
  Entries: z
    .array(
      z.object({
        EventBusName: z.string(),
        Source: z.string(),
        DetailType: z.string(),
        Detail: z.string(),
        Time: z.number().optional(),
      }),
    )
    .min(1)
    .max(10),
});

/** Most bytes of the details of all entries of a request. EventBridge counts a few bytes more (Amazon EventBridge quotas). */
const MAX_BYTES = 256 * 1024;

/** Starts an EventBridge with `PutEvents`, on a free port of 127.0.0.1. Events go to the targets of the rules that they match. */
export async function startEventBridge(): Promise<EventBridge> {
  const buses = new Map<string, EventRule[]>();
  let delivering = 0;
  const putEvents = (request: unknown) => {
    const { Entries } = requestSchema.parse(request);
    if (Entries.reduce((sum, { Detail }) => sum + Buffer.byteLength(Detail), 0) > MAX_BYTES)
      throw new ServiceError(
        'ValidationException',
        'Total size of the entries in the request is over the limit.',
      );
    const results = Entries.map(({ EventBusName, Source, DetailType, Detail }) => {
      const rules = buses.get(EventBusName);
      if (!rules) return { ErrorCode: 'InvalidArgument', ErrorMessage: `No bus ${EventBusName}` };
      const event = { source: Source, 'detail-type': DetailType, detail: JSON.parse(Detail) as unknown };
      for (const { passes, deliver } of rules) {
        if (!passes(event)) continue;
        delivering++;
        void deliver(event)
          .catch((error: unknown) => process.stderr.write(`Could not deliver an event: ${error}\n`))
          .finally(() => delivering--);
      }
      return { EventId: randomUUID() };
    });
    return { Entries: results, FailedEntryCount: results.filter((each) => 'ErrorCode' in each).length };
  };
  const service = await startJsonService('AWSEvents', new Map([['PutEvents', putEvents]]));
  return { ...service, buses, idle: () => delivering === 0 };
}
