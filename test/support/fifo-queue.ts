import type { SQSRecord } from 'aws-lambda';

interface Message {
  group: string;
  body: string;
  sentAt: number;
  receives: number;
  /** Until then, the message and all later ones of its group are not delivered. */
  visibleAt: number;
}

/** An SQS FIFO queue on a given clock, with visibility time-outs and receive counts. Times in epoch milliseconds. */
export class FifoQueue {
  /** By id, in the order in which they were sent. */
  readonly #messages = new Map<string, Message>();
  #sent = 0;

  get size(): number {
    return this.#messages.size;
  }

  send(group: string, body: string, now: number): void {
    this.#messages.set(`m${++this.#sent}`, { group, body, sentAt: now, receives: 0, visibleAt: 0 });
  }

  /**
   * Delivers messages and hides them for the visibility time-out. While a message is hidden, the later ones of its group wait.
   *
   * @param max most messages.
   */
  receive(max: number, now: number, visibilityMs: number): SQSRecord[] {
    const blocked = new Set<string>();
    const taken: [id: string, Message][] = [];
    for (const [id, message] of this.#messages) {
      if (taken.length === max) break;
      if (message.visibleAt > now) blocked.add(message.group);
      else if (!blocked.has(message.group)) taken.push([id, message]);
    }
    return taken.map(([id, message]) => {
      message.receives++;
      message.visibleAt = now + visibilityMs;
      return {
        messageId: id,
        receiptHandle: `${id}-${message.receives}`,
        body: message.body,
        attributes: {
          MessageGroupId: message.group,
          ApproximateReceiveCount: String(message.receives),
          SentTimestamp: String(message.sentAt),
        },
      } as SQSRecord;
    });
  }

  /** Sets until when messages are hidden (`ChangeMessageVisibility`). */
  hide(records: readonly SQSRecord[], until: number): void {
    for (const { messageId } of records) {
      const message = this.#messages.get(messageId);
      if (message) message.visibleAt = until;
    }
  }

  delete(records: readonly SQSRecord[]): void {
    for (const { messageId } of records) this.#messages.delete(messageId);
  }

  /** When the next hidden message becomes visible. */
  nextVisibleAt(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { visibleAt } of this.#messages.values())
      if (visibleAt > now && visibleAt < next) next = visibleAt;
    return next;
  }
}
