import type { Ledger, Pause } from './ledger.ts';
import { type Limits, rateOf } from './limits.ts';

/** The contract, and how much of it is kept for live changes. */
export interface Budget {
  limits: Limits;
  /** Part of the day's and the month's limit that backfills leave for live changes, from 0 to 1. */
  liveReserve: number;
}

/** What is left of a window. */
export interface RemainingQuota {
  window: 'day' | 'month';
  /** Requests of the limit that counts: the contract's, or the CRM's where that is lower. */
  limit: number;
  used: number;
  /** For all requests, and for those of a backfill. Never under 0. */
  left: number;
  leftForBackfill: number;
  /** Epoch milliseconds. */
  resetsAt: number;
}

/** What is left of the day and, where there is a limit, of the month. */
export function remainingQuota(ledger: Ledger, { limits, liveReserve }: Budget): RemainingQuota[] {
  const left = (window: RemainingQuota['window'], limit: number): RemainingQuota => {
    const { used, resetsAt } = ledger[window];
    return {
      window,
      limit,
      used,
      left: Math.max(0, limit - used),
      leftForBackfill: Math.max(0, Math.floor(limit * (1 - liveReserve)) - used),
      resetsAt,
    };
  };
  return [
    left('day', Math.min(limits.day, ledger.day.limit ?? limits.day)),
    ...(limits.month === null ? [] : [left('month', limits.month)]),
  ];
}

/**
 * Requests that are left unused at the end of a day or month: those of one second, since as many may be on their way from
 * other environments when one of them learns that it is over.
 */
export const marginOf = (limits: Limits): number => rateOf(limits);

/** The pause that holds now: one that was set, or one that follows from a window that is spent. */
export function pauseOf(ledger: Ledger, budget: Budget, now: number): Pause | undefined {
  if (ledger.pause) return ledger.pause;
  return longest(
    remainingQuota(ledger, budget)
      .filter(({ left }) => left <= marginOf(budget.limits))
      .map(({ window, resetsAt }) => ({ reason: window, since: now, until: resetsAt })),
  );
}

/** Until when a backfill has to wait, in epoch milliseconds, or undefined while its part is not spent. */
export function backfillPausedUntil(ledger: Ledger, budget: Budget): number | undefined {
  const spent = remainingQuota(ledger, budget).filter(({ leftForBackfill }) => leftForBackfill <= 0);
  return spent.length > 0 ? Math.max(...spent.map(({ resetsAt }) => resetsAt)) : undefined;
}

const longest = (pauses: Pause[]): Pause | undefined => pauses.sort((a, b) => b.until - a.until)[0];
