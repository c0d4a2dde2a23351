/** Counts what happened within a time that slides along: adding and counting take the same time however full it is. */
export class SlidingWindow {
  readonly #lengthMs: number;
  #times: number[] = [];
  #first = 0;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** @param now epoch milliseconds, never less than before. */
  add(now: number): void {
    this.#times.push(now);
  }

  /** How many were added within the length of the window before `now`. */
  count(now: number): number {
    while ((this.#times[this.#first] ?? Number.POSITIVE_INFINITY) <= now - this.#lengthMs) this.#first++;
    if (this.#first > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#first);
      this.#first = 0;
    }
    return this.#times.length - this.#first;
  }
}
