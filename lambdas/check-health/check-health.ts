import type { MessageCounts } from '../../shared/queue/count-messages.ts';
import { ledgerAt } from '../../shared/quota/ledger.ts';
import { type Budget, pauseOf, remainingQuota } from '../../shared/quota/remaining-quota.ts';
import type { EventStore } from '../../shared/store/event-store.ts';
import type { SyncTable } from '../../shared/store/sync-table.ts';
import { assess, type Health } from './assess.ts';

export interface CheckHealthPorts {
  countMessages(): Promise<MessageCounts>;
  table: Pick<SyncTable, 'progress' | 'ledger' | 'readCatalog'>;
  /** Undefined if changes in the CRM make no events. */
  events?:
    | {
        store: Pick<EventStore, 'readPoll' | 'readListing'>;
        /** Names of the polls that run in each interval. */
        polls: readonly string[];
        /** Names of the polls that read the whole list of a resource, usually once a day. */
        listings: readonly string[];
      }
    | undefined;
  /** Why changes of users do not reach diff-user; undefined if they do: see `changeFeedProblem`. */
  changeFeedProblem(): Promise<string | undefined>;
  budget: Budget;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface HealthReport {
  health: Health;
  /** Why changes of users do not reach diff-user; undefined if they do. */
  changeFeedProblem: string | undefined;
  /** By metric name. */
  gauges: {
    /** 0 or 1. */
    NothingSucceeds: number;
    /** 0 or 1. */
    ChangeFeedStopped: number;
    /** Seconds. */
    OldestChangeAge: number;
    StuckUsers: number;
    /** 0 or 1. */
    Paused: number;
    /** Percent; undefined where the contract has no limit for a month. */
    QuotaDayUsed: number | undefined;
    QuotaMonthUsed: number | undefined;
    /** Undefined before the first catalog is stored. */
    CatalogProblems: number | undefined;
    /** Seconds since changes in the CRM were last read; undefined without events, and before the first poll. */
    EventLag: number | undefined;
  };
}

const SECOND_MS = 1000;

/** Polls that may be missed before the alarm and `status` say so. With the default interval, this is two hours. */
const MISSED_POLLS = 8;

/** From how many seconds on `EventLag` is a problem. @param intervalMinutes of the polls. */
export const maxEventLag = (intervalMinutes: number): number => MISSED_POLLS * 60 * intervalMinutes;

/**
 * Measures the change feed, the queue, the consumer's progress and the quota. Every check reports every gauge, so an alarm ends only when
 * the problem has ended. Unknown values are undefined, not 0.
 *
 * @throws the errors of DynamoDB, Lambda and SQS. Then there are no gauges, and an alarm treats missing data as a problem.
 */
export async function checkHealth({
  countMessages,
  table,
  events,
  changeFeedProblem,
  budget,
  now,
}: CheckHealthPorts): Promise<HealthReport> {
  const [problem, queue, progress, stored, catalog] = await Promise.all([
    changeFeedProblem(),
    countMessages(),
    table.progress.read(),
    table.ledger.read(),
    table.readCatalog(),
  ]);
  const at = now();
  const ledger = ledgerAt(stored?.value, at);
  const pause = pauseOf(ledger, budget, at);
  // A pause of a minute ends before anyone could act. If every minute's limit is spent and nothing succeeds, that is an outage.
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
    changeFeedProblem: problem,
    gauges: {
      NothingSucceeds: health.nothingSucceeds ? 1 : 0,
      ChangeFeedStopped: problem === undefined ? 0 : 1,
      OldestChangeAge: health.oldestChangeMs / SECOND_MS,
      StuckUsers: health.stuck.length,
      Paused: paused ? 1 : 0,
      QuotaDayUsed: percentOf('day'),
      QuotaMonthUsed: percentOf('month'),
      CatalogProblems: catalog?.problems.length,
      EventLag: events && (await eventLag(events, at)),
    },
  };
}

/**
 * Seconds since the last complete poll of the list that is furthest behind, or since the first listing began. A whole list counts only
 * while the CRM refuses it, from the first refusal on.
 */
async function eventLag(
  { store, polls, listings }: NonNullable<CheckHealthPorts['events']>,
  now: number,
): Promise<number | undefined> {
  const statesOf = (names: readonly string[]) => Promise.all(names.map((name) => store.readPoll(name)));
  const [{ baselineAt, run }, states, whole] = await Promise.all([
    store.readListing(),
    statesOf(polls),
    statesOf(listings),
  ]);
  const isBegun = states.some((state) => state !== undefined);
  const sinceCompleted = states.flatMap((state) => {
    // The first listing has to be complete before the first poll. If only this list was never polled, it was just added to the settings.
    if (!state) return isBegun ? [] : [baselineAt ?? run?.startedAt];
    return [state.completedAt ?? state.run?.scheduledAt ?? baselineAt];
  });
  const since = [...sinceCompleted, ...whole.flatMap((state) => state?.failingSince ?? [])];
  const oldest = Math.min(...since.map((each) => (each === undefined ? now : Date.parse(each))));
  return since.includes(undefined) ? undefined : Math.max(0, now - oldest) / SECOND_MS;
}
