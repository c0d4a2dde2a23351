import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

export interface EventSourceStatistics {
  /** Batches that the function was invoked with, retries included. */
  batches: number;
  /** Records in those batches. */
  records: number;
  /** Failed records. A record that fails twice counts twice. */
  failures: number;
  /** Records discarded after their last retry. */
  discarded: number;
}

/** Reads records from a queue or stream and invokes a function with them. */
export interface EventSource {
  readonly statistics: EventSourceStatistics;
  /** Starts reading, or resumes after a pause. */
  start(): void;
  /** Stops reading. Resolves when nothing more will be read; running invocations continue. */
  pause(): Promise<void>;
  /** Whether there is nothing to read, nothing to retry and no invocation running. */
  idle(): Promise<boolean>;
  /** Stops for good. */
  stop(): Promise<void>;
}

/** Counters at zero. */
export function newStatistics(): EventSourceStatistics {
  return { batches: 0, records: 0, failures: 0, discarded: 0 };
}

const responseSchema = z
  .looseObject({
    batchItemFailures: z.array(z.looseObject({ itemIdentifier: z.string().min(1) })).nullish(),
  })
  .nullish();

/**
 * Ids of the records that a function reports as failed.
 *
 * Lambda treats no response, an empty response and an empty list as success. A malformed response, or an id that was not in
 * the batch, fails the whole batch (Lambda developer guide, "Success and failure conditions").
 */
export function failedItems(response: unknown, ids: readonly string[]): ReadonlySet<string> {
  const parsed = responseSchema.safeParse(response);
  if (!parsed.success) return new Set(ids);
  const reported = parsed.data?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier) ?? [];
  return new Set(reported.every((id) => ids.includes(id)) ? reported : ids);
}

/** Pauses and resumes a loop. */
export class Gate {
  #opened = Promise.withResolvers<void>();
  #waiting = Promise.withResolvers<void>();
  #isOpen = false;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#opened = Promise.withResolvers();
    this.#waiting = Promise.withResolvers();
  }

  /** Called by the loop before each round. Waits while the gate is closed. */
  async pass(): Promise<void> {
    if (!this.#isOpen) this.#waiting.resolve();
    await this.#opened.promise;
  }

  /** Resolves when the loop waits at the closed gate. */
  get reached(): Promise<void> {
    return this.#waiting.promise;
  }
}

/** Waits for some milliseconds, or until the signal is aborted. Never throws. */
export async function interruptibleSleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => signal.aborted);
}
