/** A write that got no answer and has not taken effect yet. */
interface LateWrite {
  /** Epoch milliseconds. */
  dueAt: number;
  apply: () => Promise<unknown>;
}

/** Writes that take effect after their connection broke, and after later requests. There is no timer: each request applies due writes. */
export class LateWrites {
  #waiting: LateWrite[] = [];
  #applied: Promise<unknown> = Promise.resolve();

  add(dueAt: number, apply: () => Promise<unknown>): void {
    this.#waiting.push({ dueAt, apply });
  }

  /** Applies all writes that are due, the earliest first. @param now epoch milliseconds. */
  async applyDue(now: number): Promise<void> {
    const due = this.#waiting.filter(({ dueAt }) => dueAt <= now);
    this.#waiting = this.#waiting.filter(({ dueAt }) => dueAt > now);
    for (const { apply } of due.sort((a, b) => a.dueAt - b.dueAt)) this.#applied = this.#applied.then(apply);
    await this.#applied;
  }
}
