import { SlidingWindow } from './sliding-window.ts';

/** Requests that the CRM accepts per period. The second and the minute slide. Days and months start at 00:00 UTC. */
export interface Limits {
  second: number;
  minute: number;
  day: number;
  month: number;
}

export type Period = keyof Limits;

/** Limits of the team's contract: one of the vendor's older contracts, with 1,500 requests per minute. */
export const TEAM_LIMITS: Limits = { second: 25, minute: 1500, day: 125_000, month: 3_750_000 };

/** The vendor's limits per minute and day for all clients of an account together. Sent in headers, but not enforced here. */
const ACCOUNT_LIMITS = [10_000, 250_000] as const;

/** Counts requests and rejects those over a limit. A rejected request does not count towards any limit. */
export class RateLimits {
  limits: Limits;
  /** Headers with wrong values, and how many answers still get them. */
  wrongHeaders: { answers: number; headers: Readonly<Record<string, string>> } = { answers: 0, headers: {} };
  readonly #second = new SlidingWindow(1000);
  readonly #minute = new SlidingWindow(60_000);
  #used = { day: 0, month: 0 };
  #dayEnds = 0;
  #monthEnds = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** @returns the period whose limit is reached, or undefined if the request is admitted. */
  admit(now: number): Period | undefined {
    this.#rollOver(now);
    if (this.#used.month >= this.limits.month) return 'month';
    if (this.#used.day >= this.limits.day) return 'day';
    if (this.#minute.count(now) >= this.limits.minute) return 'minute';
    if (this.#second.count(now) >= this.limits.second) return 'second';
    this.#second.add(now);
    this.#minute.add(now);
    this.use(1, now);
    return undefined;
  }

  /** Counts requests that another client makes with the same key. */
  use(requests: number, now: number): void {
    this.#rollOver(now);
    this.#used.day += requests;
    this.#used.month += requests;
  }

  /** Ends the current day at another time than midnight, in epoch milliseconds. */
  endDay(at: number): void {
    this.#dayEnds = at;
  }

  /** Resets the used requests of the day and the month. */
  resetUsage(): void {
    this.#used = { day: 0, month: 0 };
  }

  /** Response headers with the limits and what is used of them. */
  headers(now: number): Record<string, string> {
    this.#rollOver(now);
    const { day, minute, second } = this.limits;
    const minuteUsed = this.#minute.count(now);
    const wrong = this.wrongHeaders.answers-- > 0 ? this.wrongHeaders.headers : {};
    return {
      'x-keap-product-quota-limit': String(day),
      'x-keap-product-quota-used': String(this.#used.day),
      'x-keap-product-quota-available': String(Math.max(0, day - this.#used.day)),
      'x-keap-product-quota-time-unit': 'day',
      'x-keap-product-quota-interval': '1',
      'x-keap-product-quota-expiry-time': String(this.#dayEnds),
      'x-keap-product-throttle-limit': String(minute),
      'x-keap-product-throttle-used': String(minuteUsed),
      'x-keap-product-throttle-available': String(Math.max(0, minute - minuteUsed)),
      'x-keap-product-throttle-time-unit': 'minute',
      'x-keap-product-throttle-interval': '1',
      'x-keap-product-spike-limit': `${second}ps`,
      'x-keap-product-throttle-expiry-time': String(now + 60_000),
      'x-keap-tenant-throttle-limit': ACCOUNT_LIMITS.join('|'),
      'x-keap-tenant-throttle-used': `${minuteUsed}|${this.#used.day}`,
      'x-keap-tenant-throttle-available': [
        Math.max(0, ACCOUNT_LIMITS[0] - minuteUsed),
        Math.max(0, ACCOUNT_LIMITS[1] - this.#used.day),
      ].join('|'),
      'x-keap-tenant-throttle-interval': '1|1',
      'x-keap-tenant-throttle-time-unit': 'minute|day',
      ...wrong,
    };
  }

  #rollOver(now: number): void {
    const date = new Date(now);
    if (now >= this.#dayEnds) {
      this.#used.day = 0;
      this.#dayEnds = date.setUTCHours(24, 0, 0, 0);
    }
    if (now >= this.#monthEnds) {
      const today = new Date(now);
      this.#used.month = 0;
      this.#monthEnds = Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1, 1);
    }
  }
}

/** The body of a 429 response. The vendor's gateway sends three different ones. */
export function tooManyRequests(period: Period, { second }: Limits): unknown {
  if (period === 'minute') {
    return { code: '429', message: 'Quota Exceeded', status: 'Request Throttled', details: null };
  }
  const [faultstring, errorcode] =
    period === 'second'
      ? [
          `Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=${second}, periodInMicroseconds=1000000, maxBurstMessageCount=1.0}`,
          'policies.ratelimit.SpikeArrestViolation',
        ]
      : [
          'Rate limit quota violation. Quota limit exceeded. Identifier : _default',
          'policies.ratelimit.QuotaViolation',
        ];
  return { fault: { faultstring, detail: { errorcode } } };
}
