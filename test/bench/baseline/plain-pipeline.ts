import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from '../../../shared/user/user.ts';
import { type PlainCrm, RefusedError } from './plain-crm.ts';

/** An event of the table: both images, as a stream tells them. */
export interface ChangeEvent {
  before?: User;
  after: User;
}

export interface PipelineOptions {
  crm: PlainCrm;
  /** Reserved concurrency of the consumer: all that there is of a pace. */
  environments: number;
  /** How long a message is hidden after a failure, in milliseconds. */
  visibilityMs: number;
}

const BATCH = 10;
/** A long poll returns as soon as there is a message; this is how often these look, in milliseconds. */
const POLL_MS = 20;

/**
 * The event pipeline of the tutorials: each write is a message of a standard queue, and so many environments work through batches of them,
 * a message after the other: search, create or update, tags. A message that failed comes back after its visibility time-out.
 */
export function plainPipeline({ crm, environments, visibilityMs }: PipelineOptions) {
  const queue: { event: ChangeEvent; visibleAt: number }[] = [];
  let inFlight = 0;
  let done = 0;
  let stopped = false;

  const handle = async ({ before, after }: ChangeEvent): Promise<void> => {
    const wanted = crm.wanted(after);
    const existing = await crm.search(wanted.email);
    if (existing !== undefined) await crm.update(existing, wanted);
    const contactId = existing ?? (await crm.create(wanted));
    const stale = before ? crm.wanted(before).tagIds.filter((id) => !wanted.tagIds.includes(id)) : [];
    if (stale.length > 0) await crm.removeTags(contactId, stale);
    await crm.applyTags(contactId, wanted.tagIds);
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
          if (!(error instanceof RefusedError)) throw error;
          queue.push({ event, visibleAt: Date.now() + visibilityMs });
        }
        inFlight--;
      }
    }
  };
  const running = Promise.all(Array.from({ length: environments }, environment));
  return {
    send: (event: ChangeEvent) => void queue.push({ event, visibleAt: Date.now() }),
    /** Messages that are done with. */
    get done() {
      return done;
    },
    /** Waits until the queue is empty, or the time is up. */
    async untilDrained(withinMs: number): Promise<void> {
      const until = Date.now() + withinMs;
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
