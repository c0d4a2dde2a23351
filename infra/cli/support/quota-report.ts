import * as z from 'zod';
import { type Ledger, ledgerAt } from '../../../shared/quota/ledger.ts';
import { limitsSchema, rateOf } from '../../../shared/quota/limits.ts';
import { type Budget, pauseOf, remainingQuota } from '../../../shared/quota/remaining-quota.ts';
import { textTable } from './text-table.ts';

/** The remaining quota. Times in ISO 8601. */
export interface QuotaReport {
  requestsPerSecond: number;
  windows: {
    window: 'minute' | 'day' | 'month';
    used: number;
    limit: number;
    left: number;
    /** The part of `left` that only live changes may use. */
    reserve: number;
    resetsAt: string;
  }[];
  pause: { reason: string; until: string } | null;
}

const quotaSettingsSchema = z.object({
  limits: limitsSchema,
  liveReserve: z.number(),
  tagBatch: z.int(),
  windowSlackMs: z.int(),
});

/** Parses the stack output `QuotaSettings`. @throws ZodError when it is invalid. */
export const quotaSettingsFrom = (output: string): Budget & { tagBatch: number; windowSlackMs: number } =>
  quotaSettingsSchema.parse(JSON.parse(output));

/** Describes what is used, left and reserved at a time (epoch milliseconds). */
export function describeQuota(stored: Ledger | undefined, budget: Budget, now: number): QuotaReport {
  const ledger = ledgerAt(stored, now);
  const pause = pauseOf(ledger, budget, now);
  const { minute } = budget.limits;
  return {
    requestsPerSecond: rateOf(budget.limits),
    windows: [
      {
        window: 'minute',
        used: ledger.minute.used,
        limit: minute,
        left: Math.max(0, minute - ledger.minute.used),
        reserve: 0,
        resetsAt: new Date(ledger.minute.resetsAt).toISOString(),
      },
      ...remainingQuota(ledger, budget).map(({ leftForBackfill, resetsAt, ...window }) => ({
        ...window,
        reserve: window.left - leftForBackfill,
        resetsAt: new Date(resetsAt).toISOString(),
      })),
    ],
    pause: pause ? { reason: pause.reason, until: new Date(pause.until).toISOString() } : null,
  };
}

/** Formats the report for a terminal. */
export function quotaTable({ requestsPerSecond, windows, pause }: QuotaReport, now: number): string {
  const columns = ['', 'used', 'limit', 'remaining', 'reserved', 'resets'];
  const rows = windows.map(({ window, used, limit, left, reserve, resetsAt }) => [
    window,
    ...[used, limit, left].map((count) => count.toLocaleString('en')),
    reserve === 0 ? '' : reserve.toLocaleString('en'),
    `${resetsAt.slice(0, 16).replace('T', ' ')} UTC (in ${duration(Date.parse(resetsAt) - now)})`,
  ]);
  const paused = pause
    ? `  Paused until ${pause.until} (${pause.reason}).\n  Messages wait in the queue, and processing resumes by itself.\n`
    : '  Not paused.\n';
  return `${textTable(columns, rows, [1, 2, 3, 4])}
  Reserved for live changes: backfills cannot use it.
  At most ${requestsPerSecond} requests a second.
${paused}`;
}

function duration(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
