import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from '../../../shared/user/user.ts';
import { type PlainCrm, RequestError } from './plain-crm.ts';

/** A change of a user: the images before and after. */
export interface ChangeEvent {
  before?: User;
  after: User;
}

export interface PipelineOptions {
  crm: PlainCrm;
  /** Reserved concurrency of the consumer. Nothing else limits its rate. */
  environments: number;
  /** Visibility timeout after a failure, in milliseconds. */
  visibilityMs: number;
}

const BATCH = 10;
/** How often environments poll the queue, in milliseconds. */
const POLL_MS = 20;

/**
 * The event pipeline of a tutorial: each write is a message in a standard queue. Environments take batches and handle one message at a
 * time: search, create or update, tags. A failed message returns after its visibility timeout.
 */
export function plainPipeline({ crm, environments, visibilityMs }: PipelineOptions) {
  const queue: { event: ChangeEvent; visibleAt: number }[] = [];
  let inFlight = 0;
  let done = 0;
  let stopped = false;

  const handle = async ({ before, after }: ChangeEvent): Promise<void> => {
    const target = crm.target(after);
    const existing = await crm.search(target.email);
    if (existing !== undefined) await crm.update(existing, target);
    const contactId = existing ?? (await crm.create(target));
    const stale = before ? crm.target(before).tagIds.filter((id) => !target.tagIds.includes(id)) : [];
    if (stale.length > 0) await crm.removeTags(contactId, stale);
    await crm.applyTags(contactId, target.tagIds);
  };
  const take = (): ChangeEvent[] => {
    const now = Date.now();
    const batch = queue.filter(({ visibleAt }) => visibleAt <= now).slice(0, BATCH);
    for (const message of batch) queue.splice(queue.indexOf(message), 1);
    return batch.map(({ event }) => event);
  };
  const environment = async (): Promise<void> => {
    while (!stopped) {
      const batch = take();
      inFlight += batch.length;
      if (batch.length === 0) await sleep(POLL_MS);
      for (const event of batch) {
        if (stopped) break;
        try {
          await handle(event);
          done++;
        } catch (error) {
          if (!(error instanceof RequestError)) throw error;
          queue.push({ event, visibleAt: Date.now() + visibilityMs });
        }
        inFlight--;
      }
    }
  };
  const running = Promise.all(Array.from({ length: environments }, environment));
  return {
    send: (event: ChangeEvent) => void queue.push({ event, visibleAt: Date.now() }),
    /** Messages handled so far. */
    get done() {
      return done;
    },
    /** Waits until the queue is empty, at most `timeoutMs`. */
    async untilDrained(timeoutMs: number): Promise<void> {
      const until = Date.now() + timeoutMs;
      const drained = async () => {
        while (queue.length + inFlight > 0 && Date.now() < until) await sleep(POLL_MS);
      };
      await Promise.race([drained(), running]);
    },
    async stop(): Promise<void> {
      stopped = true;
      await running;
    },
  };
}
