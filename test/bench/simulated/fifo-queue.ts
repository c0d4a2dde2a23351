import type { SQSRecord } from 'aws-lambda';

interface Message {
  id: string;
  group: string;
  body: string;
  receives: number;
  visibleAt: number;
}

/** An SQS FIFO queue in memory: delivers the messages of a group in order, one batch at a time. */
export class FifoQueue {
  readonly #waiting: Message[] = [];
  readonly #inFlight = new Map<string, Message>();
  readonly #busyGroups = new Set<string>();
  #sent = 0;
  #stopped = false;
  #changed = Promise.withResolvers<void>();

  /** Number of messages that are waiting or in flight. */
  get size(): number {
    return this.#waiting.length + this.#inFlight.size;
  }

  send(group: string, body: string): void {
    this.#sent++;
    this.#waiting.push({ id: `m${this.#sent}`, group, body, receives: 0, visibleAt: 0 });
    this.#wake();
  }

  /** Waits for messages. @returns up to `max` messages, or none once the queue is stopped. */
  async receive(max: number): Promise<SQSRecord[]> {
    for (;;) {
      const taken = this.#take(max);
      if (taken.length > 0 || this.#stopped) return taken;
      const now = Date.now();
      const hidden = this.#waiting.map(({ visibleAt }) => visibleAt).filter((at) => at > now);
      const timer = hidden.length > 0 && setTimeout(() => this.#wake(), Math.min(...hidden) - now);
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
    for (const { messageId } of records) {
      const message = this.#inFlight.get(messageId);
      if (!message) continue;
      this.#inFlight.delete(messageId);
      this.#busyGroups.delete(message.group);
      if (failed.has(messageId)) this.#waiting.unshift(message);
    }
    this.#wake();
  }

  /** Sets the visibility timeout of messages. */
  hide(records: readonly SQSRecord[], ms: number): void {
    for (const { messageId } of records) {
      const message = this.#inFlight.get(messageId);
      if (message) message.visibleAt = Date.now() + Math.ceil(ms);
    }
  }

  /** Wakes all waiting `receive` calls. */
  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #take(max: number): SQSRecord[] {
    const now = Date.now();
    const taken: Message[] = [];
    const blocked = new Set<string>();
    for (const message of this.#waiting) {
      if (taken.length === max) break;
      if (message.visibleAt > now || this.#busyGroups.has(message.group)) blocked.add(message.group);
      if (!blocked.has(message.group)) taken.push(message);
    }
    for (const message of taken) {
      this.#waiting.splice(this.#waiting.indexOf(message), 1);
      this.#inFlight.set(message.id, message);
      message.receives++;
    }
    for (const { group } of taken) this.#busyGroups.add(group);
    return taken.map(
      ({ id, group, body, receives }) =>
        ({
          messageId: id,
          receiptHandle: id,
          body,
          attributes: { MessageGroupId: group, ApproximateReceiveCount: String(receives) },
        }) as SQSRecord,
    );
  }
}
