/** Counts events within a sliding time window, in amortized constant time. */
export class SlidingWindow {
  readonly #lengthMs: number;
  #times: number[] = [];
  #first = 0;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** @param now epoch milliseconds, never less than at the last call. */
  add(now: number): void {
    this.#times.push(now);
  }

  /** Number of events in the window that ends at `now`. */
  count(now: number): number {
    while ((this.#times[this.#first] ?? Number.POSITIVE_INFINITY) <= now - this.#lengthMs) this.#first++;
    if (this.#first > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#first);
      this.#first = 0;
    }
    return this.#times.length - this.#first;
  }
}
