import type { MessageCounts } from '../../shared/queue/count-messages.ts';
import { ledgerAt } from '../../shared/quota/ledger.ts';
import { type Budget, pauseOf, remainingQuota } from '../../shared/quota/remaining-quota.ts';
import type { SyncTable } from '../../shared/store/sync-table.ts';
import { assess, type Health } from './assess.ts';

export interface CheckHealthPorts {
  countMessages(): Promise<MessageCounts>;
  table: Pick<SyncTable, 'progress' | 'ledger' | 'readCatalog'>;
  budget: Budget;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface HealthReport {
  health: Health;
  /** By metric name. */
  gauges: {
    /** 0 or 1. */
    NothingSucceeds: number;
    /** Seconds. */
    OldestChangeAge: number;
    StuckUsers: number;
    /** 0 or 1. */
    Paused: number;
    /** Percent; undefined where the contract has no limit for a month. */
    QuotaDayUsed: number | undefined;
    QuotaMonthUsed: number | undefined;
    /** Undefined before the catalog was read for the first time. */
    CatalogProblems: number | undefined;
  };
}

const SECOND_MS = 1000;

/**
 * Reads where the queue, the consumer and the quota stand. Each gauge is there at every check, so an alarm sees the end of a problem only
 * when it has ended. What is not known is undefined, and not 0.
 *
 * @throws what DynamoDB or SQS throws: then there are no gauges, and their absence rings.
 */
export async function checkHealth({
  countMessages,
  table,
  budget,
  now,
}: CheckHealthPorts): Promise<HealthReport> {
  const [queue, progress, stored, catalog] = await Promise.all([
    countMessages(),
    table.progress.read(),
    table.ledger.read(),
    table.readCatalog(),
  ]);
  const at = now();
  const ledger = ledgerAt(stored?.value, at);
  const pause = pauseOf(ledger, budget, at);
  // A minute's window is over before anybody could act. Where it is spent every minute, that is an outage and no pause.
  const paused = pause !== undefined && pause.reason !== 'minute';
  const health = assess({
    queue,
    progress: progress?.value,
    paused,
    now: at,
  });
  const windows = remainingQuota(ledger, budget);
  const percentOf = (name: 'day' | 'month') => {
    const window = windows.find((each) => each.window === name);
    return window && (100 * window.used) / window.limit;
  };
  return {
    health,
    gauges: {
      NothingSucceeds: health.nothingSucceeds ? 1 : 0,
      OldestChangeAge: health.oldestChangeMs / SECOND_MS,
      StuckUsers: health.stuck.length,
      Paused: paused ? 1 : 0,
      QuotaDayUsed: percentOf('day'),
      QuotaMonthUsed: percentOf('month'),
      CatalogProblems: catalog?.problems.length,
    },
  };
}
