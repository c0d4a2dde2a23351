import * as z from 'zod/mini';
import { jsonText } from '../zod-types.ts';
import { type Ledger, type Pause, underLimits } from './ledger.ts';
import { type Limits, limitsSchema, rateOf } from './limits.ts';

/** The contract's limits, and the part of them that is reserved for live changes. */
export interface Budget {
  limits: Limits;
  /** Part of the day's and the month's limit that backfills leave for live changes, from 0 to 1. */
  liveReserve: number;
}

/** Schemas of the environment variables from which a function reads its {@link Budget}. */
export const budgetSettings = {
  /** The contract's limits as JSON. */
  LIMITS: z.pipe(jsonText, limitsSchema),
  LIVE_RESERVE: z.coerce.number().check(z.minimum(0), z.maximum(1)),
};

/** @returns the budget in the environment variables of {@link budgetSettings}. */
export const budgetOf = (settings: {
  LIMITS: z.infer<typeof limitsSchema>;
  LIVE_RESERVE: number;
}): Budget => ({
  limits: settings.LIMITS,
  liveReserve: settings.LIVE_RESERVE,
});

/** What is left of one window's limit, in requests. */
export interface RemainingQuota {
  window: 'day' | 'month';
  /** The limit that applies: the contract's, or the CRM's if that is lower. */
  limit: number;
  used: number;
  /** For all requests, and for those of a backfill. Never negative. */
  left: number;
  leftForBackfill: number;
  /** Epoch milliseconds. */
  resetsAt: number;
}

/** What is left of the day and, if the contract limits it, of the month. */
export function remainingQuota(ledger: Ledger, { limits, liveReserve }: Budget): RemainingQuota[] {
  const { day, month, own } = underLimits(ledger, limits);
  const left = (
    window: RemainingQuota['window'],
    { used, resetsAt }: Ledger['month'],
    limit: number,
  ): RemainingQuota => ({
    window,
    limit,
    used,
    left: Math.max(0, limit - used),
    leftForBackfill: Math.max(0, Math.floor(limit * (1 - liveReserve)) - used),
    resetsAt,
  });
  const ofAll = left('day', day, Math.min(limits.day, day.limit ?? limits.day));
  // The CRM may say that a new day has begun. The limit of the deployment still applies to all own requests since midnight (UTC).
  const ofOwn = left('day', own.day, limits.day);
  return [
    ofOwn.left < ofAll.left ? ofOwn : ofAll,
    ...(limits.month === null ? [] : [left('month', month, limits.month)]),
  ];
}

/**
 * Requests of each day and month that are left unused: those of one second. That many may be in flight when a day ends, and the CRM counts
 * them in the next one.
 */
export const marginOf = (limits: Limits): number => rateOf(limits);

/** The current pause: the one that is recorded, or one that follows from a spent day or month. */
export function pauseOf(ledger: Ledger, budget: Budget, now: number): Pause | undefined {
  const { pause } = underLimits(ledger, budget.limits);
  if (pause) return pause;
  return longest(
    remainingQuota(ledger, budget)
      .filter(({ left }) => left <= marginOf(budget.limits))
      .map(({ window, resetsAt }) => ({ reason: window, since: now, until: resetsAt })),
  );
}

/** Requests that may be made before the ledger is read again: none during a pause. */
export function requestsLeft(ledger: Ledger, budget: Budget, now: number): number {
  if (pauseOf(ledger, budget, now)) return 0;
  return Math.min(...remainingQuota(ledger, budget).map(({ left }) => left - marginOf(budget.limits)));
}

/** Until when a backfill has to wait, in epoch milliseconds; undefined while its part of the quota is not spent. */
export function backfillPausedUntil(ledger: Ledger, budget: Budget): number | undefined {
  const spent = remainingQuota(ledger, budget).filter(({ leftForBackfill }) => leftForBackfill <= 0);
  return spent.length > 0 ? Math.max(...spent.map(({ resetsAt }) => resetsAt)) : undefined;
}

const longest = (pauses: Pause[]): Pause | undefined => pauses.sort((a, b) => b.until - a.until)[0];
