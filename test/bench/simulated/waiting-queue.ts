import type { SQSRecord } from 'aws-lambda';
import { FifoQueue } from '../../support/fifo-queue.ts';

/** An SQS FIFO queue whose `receive` waits for messages, as Lambda's pollers do. Its messages stay hidden until their delivery ends. */
export class WaitingQueue {
  readonly #queue = new FifoQueue();
  /** Until when messages in flight are hidden after their delivery, by id. */
  readonly #hiddenUntil = new Map<string, number>();
  #stopped = false;
  #changed = Promise.withResolvers<void>();

  /** Number of messages that are waiting or in flight. */
  get size(): number {
    return this.#queue.size;
  }

  send(group: string, body: string): void {
    this.#queue.send(group, body, Date.now());
    this.#wake();
  }

  /** Waits for messages. @returns up to `max` messages, or none once the queue is stopped. */
  async receive(max: number): Promise<SQSRecord[]> {
    for (;;) {
      const now = Date.now();
      const taken = this.#queue.receive(max, now, Number.POSITIVE_INFINITY);
      if (taken.length > 0 || this.#stopped) return taken;
      const next = this.#queue.nextVisibleAt(now);
      const timer = Number.isFinite(next) && setTimeout(() => this.#wake(), next - now);
      await this.#changed.promise;
      if (timer) clearTimeout(timer);
    }
  }

  /** Ends all waiting `receive` calls. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Ends a delivery: deletes its messages except the failed ones. */
  settle(records: readonly SQSRecord[], failed: ReadonlySet<string>): void {
    this.#queue.delete(records.filter(({ messageId }) => !failed.has(messageId)));
    for (const record of records) {
      this.#queue.hide([record], this.#hiddenUntil.get(record.messageId) ?? Date.now());
      this.#hiddenUntil.delete(record.messageId);
    }
    this.#wake();
  }

  /** Sets the visibility timeout of messages in flight. */
  hide(records: readonly SQSRecord[], ms: number): void {
    const until = Date.now() + Math.ceil(ms);
    for (const { messageId } of records) this.#hiddenUntil.set(messageId, until);
  }

  /** Wakes all waiting `receive` calls. */
  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
