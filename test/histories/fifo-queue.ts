import type { SQSRecord } from 'aws-lambda';

interface Message {
  id: string;
  group: string;
  body: string;
  sentAt: number;
  receives: number;
  /** Until then, the message and all later ones of its group are not delivered. */
  visibleAt: number;
}

/** An SQS FIFO queue on a simulated clock, with visibility time-outs and receive counts. Times in epoch milliseconds. */
export class FifoQueue {
  readonly #messages: Message[] = [];
  #sent = 0;

  get size(): number {
    return this.#messages.length;
  }

  send(group: string, body: string, now: number): void {
    this.#messages.push({ id: `m${++this.#sent}`, group, body, sentAt: now, receives: 0, visibleAt: 0 });
  }

  /**
   * Delivers messages and hides them for the visibility time-out. While a message is hidden, the later ones of its group wait.
   *
   * @param max most messages.
   */
  receive(max: number, now: number, visibilityMs: number): SQSRecord[] {
    const blocked = new Set<string>();
    const taken: Message[] = [];
    for (const message of this.#messages) {
      if (message.visibleAt > now) blocked.add(message.group);
      else if (!blocked.has(message.group) && taken.length < max) taken.push(message);
    }
    for (const message of taken) {
      message.receives++;
      message.visibleAt = now + visibilityMs;
    }
    return taken.map(
      ({ id, group, body, sentAt, receives }) =>
        ({
          messageId: id,
          receiptHandle: `${id}-${receives}`,
          body,
          attributes: {
            MessageGroupId: group,
            ApproximateReceiveCount: String(receives),
            SentTimestamp: String(sentAt),
          },
        }) as SQSRecord,
    );
  }

  /** Sets until when messages are hidden (`ChangeMessageVisibility`). */
  hide(records: readonly SQSRecord[], until: number): void {
    for (const message of this.#of(records)) message.visibleAt = until;
  }

  delete(records: readonly SQSRecord[]): void {
    for (const message of this.#of(records)) this.#messages.splice(this.#messages.indexOf(message), 1);
  }

  /** When the next hidden message becomes visible. */
  nextVisibleAt(now: number): number {
    return Math.min(
      ...this.#messages.map(({ visibleAt }) => visibleAt).filter((at) => at > now),
      Number.POSITIVE_INFINITY,
    );
  }

  #of(records: readonly SQSRecord[]): Message[] {
    const ids = new Set(records.map(({ messageId }) => messageId));
    return this.#messages.filter(({ id }) => ids.has(id));
  }
}
