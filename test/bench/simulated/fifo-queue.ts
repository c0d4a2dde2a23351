import type { SQSRecord } from 'aws-lambda';

interface Waiting {
  id: string;
  group: string;
  body: string;
  receives: number;
  visibleAt: number;
}

/** A FIFO queue in memory: messages of a group come one batch after another, in order, those of other groups meanwhile. */
export class FifoQueue {
  readonly #waiting: Waiting[] = [];
  readonly #inFlight = new Map<string, Waiting>();
  readonly #busyGroups = new Set<string>();
  #sent = 0;
  #stopped = false;
  #changed = Promise.withResolvers<void>();

  /** Messages that wait or are being worked on. */
  get size(): number {
    return this.#waiting.length + this.#inFlight.size;
  }

  send(group: string, body: string): void {
    this.#sent++;
    this.#waiting.push({ id: `m${this.#sent}`, group, body, receives: 0, visibleAt: 0 });
    this.#change();
  }

  /** Waits for messages. @returns as many as there are, up to a most; none when the queue is stopped. */
  async receive(most: number): Promise<SQSRecord[]> {
    for (;;) {
      const taken = this.#take(most);
      if (taken.length > 0 || this.#stopped) return taken;
      const now = Date.now();
      const hidden = this.#waiting.map(({ visibleAt }) => visibleAt).filter((at) => at > now);
      const timer = hidden.length > 0 && setTimeout(() => this.#change(), Math.min(...hidden) - now);
      await this.#changed.promise;
      if (timer) clearTimeout(timer);
    }
  }

  /** Sends those away who wait for messages. */
  stop(): void {
    this.#stopped = true;
    this.#change();
  }

  /** Ends a delivery: what failed stays. */
  settle(records: readonly SQSRecord[], failed: ReadonlySet<string>): void {
    for (const { messageId } of records) {
      const message = this.#inFlight.get(messageId);
      if (!message) continue;
      this.#inFlight.delete(messageId);
      this.#busyGroups.delete(message.group);
      if (failed.has(messageId)) this.#waiting.unshift(message);
    }
    this.#change();
  }

  /** Hides messages for a time. */
  hide(records: readonly SQSRecord[], ms: number): void {
    for (const { messageId } of records) {
      const message = this.#inFlight.get(messageId);
      if (message) message.visibleAt = Date.now() + Math.ceil(ms);
    }
  }

  /** Wakes those who wait. */
  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #take(most: number): SQSRecord[] {
    const now = Date.now();
    const taken: Waiting[] = [];
    const passed = new Set<string>();
    for (const message of this.#waiting) {
      if (taken.length === most) break;
      if (message.visibleAt > now || this.#busyGroups.has(message.group)) passed.add(message.group);
      if (!passed.has(message.group)) taken.push(message);
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
