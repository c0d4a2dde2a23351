/** Requests that a backfill may spend. */
export interface Budget {
  requestsPerDay: number;
  requestsPerMonth: number;
  /** Part of either that is kept for live changes, from 0 to 1. */
  liveReserve: number;
}

/** Requests that backfills have planned: in the running UTC day and month. */
export interface Spent {
  day: number;
  month: number;
}

/** How many requests are left to a backfill now. */
export function requestsLeft(
  { requestsPerDay, requestsPerMonth, liveReserve }: Budget,
  spent: Spent,
): number {
  const share = 1 - liveReserve;
  return Math.max(
    0,
    Math.floor(Math.min(requestsPerDay * share - spent.day, requestsPerMonth * share - spent.month)),
  );
}

/** A little after the reset, so that no clock of the CRM's is still before it. */
const AFTER_RESET_MS = 60_000;

/**
 * Until the quota that is spent comes back: the next day in UTC, or the next month.
 *
 * @param now epoch milliseconds.
 * @returns milliseconds.
 */
export function untilReset(budget: Budget, spent: Spent, now: number): number {
  const date = new Date(now);
  const nextMonth = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  const nextDay = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1);
  const monthSpent = requestsLeft({ ...budget, requestsPerDay: Number.POSITIVE_INFINITY }, spent) === 0;
  return (monthSpent ? nextMonth : nextDay) + AFTER_RESET_MS - now;
}
