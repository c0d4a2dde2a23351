import { interruptibleSleep } from './interruptible-sleep.ts';
import type { StreamRecord } from './stream-record.ts';

export interface LaneSettings {
  batchSize: number;
  batchingWindowSeconds: number;
  signal: AbortSignal;
  deliver(batch: readonly StreamRecord[]): Promise<void>;
}

const WINDOW_POLL_MS = 20;

/** Records of one shard (or of a part of its keys) that are delivered in order, one batch after another. */
export class StreamLane {
  readonly #settings: LaneSettings;
  readonly #waiting: StreamRecord[] = [];
  #draining: Promise<void> | undefined;

  constructor(settings: LaneSettings) {
    this.#settings = settings;
  }

  get idle(): boolean {
    return this.#draining === undefined;
  }

  /** Whether another read would only pile up records in memory. */
  get full(): boolean {
    return this.#waiting.length >= this.#settings.batchSize;
  }

  push(records: readonly StreamRecord[]): void {
    this.#waiting.push(...records);
    if (this.#waiting.length > 0) this.#draining ??= this.#drain();
  }

  /** Fulfilled when all that was pushed is delivered or given up. */
  async drained(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    const { batchSize, signal, deliver } = this.#settings;
    try {
      while (this.#waiting.length > 0) {
        await this.#fill();
        await deliver(this.#waiting.splice(0, batchSize));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    this.#draining = undefined;
  }

  async #fill(): Promise<void> {
    const { batchSize, batchingWindowSeconds, signal } = this.#settings;
    const deadline = Date.now() + batchingWindowSeconds * 1000;
    while (this.#waiting.length < batchSize && Date.now() < deadline && !signal.aborted)
      await interruptibleSleep(WINDOW_POLL_MS, signal);
  }
}
