import { dayStart, nextDay, type Observation } from '../../quota/ledger.ts';

/** The limit that a 429 is about. `unknown`: perhaps that of the whole account, whose answer the vendor does not document. */
export type ExceededLimit = 'second' | 'minute' | 'day' | 'unknown';

const MINUTE_MS = 60_000;
const JUST_ENDED_MS = 5 * MINUTE_MS;
const MONTH_MS = 31 * 24 * 60 * MINUTE_MS;

/**
 * Reads the quota usage from the headers of an answer: `x-keap-product-quota-*` for the day, `x-keap-product-throttle-*` for the minute
 * (the vendor's developer pages). Values that are missing, invalid or of another unit are left out.
 *
 * @param startedAt when the request was started, in epoch milliseconds.
 */
export function observationOf(headers: Headers, startedAt: number): Observation {
  const isDay = (headers.get('x-keap-product-quota-time-unit') ?? 'day') === 'day';
  const isMinute = (headers.get('x-keap-product-throttle-time-unit') ?? 'minute') === 'minute';
  return {
    startedAt,
    ...(isDay && {
      dayUsed: count(headers, 'x-keap-product-quota-used'),
      dayLimit: count(headers, 'x-keap-product-quota-limit') || undefined,
      dayResetsAt: expiry(headers, 'x-keap-product-quota-expiry-time', startedAt, MONTH_MS),
    }),
    ...(isMinute && { minuteUsed: count(headers, 'x-keap-product-throttle-used') }),
  };
}

/**
 * When an exceeded limit resets, in epoch milliseconds: at the time in the headers, otherwise after a minute or at midnight (UTC). For a
 * late answer, this may be in the past.
 *
 * @param startedAt when the refused request was started, in epoch milliseconds.
 */
export function resetOf(limit: 'minute' | 'day', headers: Headers, startedAt: number): number {
  const inAMinute = startedAt + MINUTE_MS;
  if (limit === 'minute')
    return expiry(headers, 'x-keap-product-throttle-expiry-time', startedAt, 2 * MINUTE_MS) ?? inAMinute;
  const named = expiry(headers, 'x-keap-product-quota-expiry-time', startedAt, MONTH_MS);
  if (named !== undefined) return named > startedAt ? named : inAMinute;
  // In the first minute of a day, it may still be the day before by the CRM's clock.
  const dayJustStarted = startedAt - dayStart(startedAt) < MINUTE_MS;
  return dayJustStarted ? inAMinute : nextDay(startedAt);
}

/** A single number. Lists such as `12|340` are of several windows, and are ignored. */
function count(headers: Headers, name: string): number | undefined {
  const text = headers.get(name) ?? '';
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** The end of a window that is current or has just ended. Other times are ignored. */
function expiry(headers: Headers, name: string, startedAt: number, withinMs: number): number | undefined {
  const left = Number(headers.get(name)) - startedAt;
  return left > -JUST_ENDED_MS && left <= withinMs ? startedAt + left : undefined;
}
