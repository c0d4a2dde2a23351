import type { Observation } from '../../quota/ledger.ts';
import { dayStart, nextDay } from '../../quota/ledger.ts';

/** Which of the CRM's limits an answer of status 429 speaks of. */
export type ExceededLimit = 'second' | 'minute' | 'day';

const MINUTE_MS = 60_000;
const JUST_ENDED_MS = 5 * MINUTE_MS;
const MONTH_MS = 31 * 24 * 60 * MINUTE_MS;

/**
 * Reads where the CRM says that the caller stands: `x-keap-product-quota-*` for the day, `x-keap-product-throttle-*` for the
 * minute (the vendor's developer pages). Whatever is missing, is of another unit, or makes no sense is left out.
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
 * When a spent limit comes back, in epoch milliseconds: as the answer names it, or a minute later, or midnight in UTC. For a
 * late answer that may be in the past by now.
 *
 * @param startedAt when the refused request was started, in epoch milliseconds.
 */
export function resetOf(limit: 'minute' | 'day', headers: Headers, startedAt: number): number {
  const inAMinute = startedAt + MINUTE_MS;
  if (limit === 'minute')
    return expiry(headers, 'x-keap-product-throttle-expiry-time', startedAt, 2 * MINUTE_MS) ?? inAMinute;
  const named = expiry(headers, 'x-keap-product-quota-expiry-time', startedAt, MONTH_MS);
  if (named !== undefined) return named > startedAt ? named : inAMinute;
  // In the first minute of a day, the CRM's clock may still be in the day before.
  const justBegun = startedAt - dayStart(startedAt) < MINUTE_MS;
  return justBegun ? inAMinute : nextDay(startedAt);
}

/** Lists as `12|340` are of several windows at once: they tell nothing of one. */
function count(headers: Headers, name: string): number | undefined {
  const text = headers.get(name);
  return text !== null && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** The end of a running window, or of one that has just ended: of any other, the header makes no sense. */
function expiry(headers: Headers, name: string, startedAt: number, withinMs: number): number | undefined {
  const text = headers.get(name) ?? '';
  const left = /^\d{10,16}$/.test(text) ? Number(text) - startedAt : Number.NaN;
  return left > -JUST_ENDED_MS && left <= withinMs ? startedAt + left : undefined;
}
