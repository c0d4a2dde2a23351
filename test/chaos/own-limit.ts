import { dayStart } from '../../shared/quota/ledger.ts';
import type { Limits } from '../../shared/quota/limits.ts';
import { marginOf } from '../../shared/quota/remaining-quota.ts';

/** A daily limit of the sync's own, below that of the CRM, compared with the requests that the CRM has counted. */
export class OwnLimit {
  readonly #limits: Limits;
  #day = 0;
  /** Requests beyond the limit. */
  passedBy = 0;
  /** How often a check found the limit reached, so that the sync had to wait. */
  reached = 0;

  constructor(limits: Omit<Limits, 'day'>) {
    this.#limits = { ...limits, day: 0 };
  }

  /** The limits to deploy. */
  get limits(): Limits {
    return { ...this.#limits, day: this.#day };
  }

  /**
   * Compares the limit with the requests that the CRM has admitted.
   *
   * @param times when they arrived, in epoch milliseconds.
   * @param block requests that the environments have counted in advance, and that may stay unused.
   * @returns the requests of the day.
   */
  check(times: readonly number[], now: number, block = 0): number {
    const used = times.filter((time) => time >= dayStart(now)).length;
    const most = this.#day - marginOf(this.#limits);
    this.passedBy = Math.max(this.passedBy, used - most);
    if (used >= most - block) this.reached++;
    return used;
  }

  /** Raises the limit to this many usable requests a day, unless it is higher. */
  raise(requests: number): void {
    this.#day = Math.max(this.#day, requests + marginOf(this.#limits));
  }
}
