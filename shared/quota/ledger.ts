import * as z from 'zod/mini';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const epochMs = z.number();

const windowSchema = z.object({
  /** Requests in the window so far, including those of other programs that the CRM has reported. */
  used: z.number(),
  /** When it begins and ends, in epoch milliseconds. */
  since: epochMs,
  resetsAt: epochMs,
});

/** A time in which no requests are made: a limit is spent, or an operator has paused the sync. */
const pauseSchema = z.object({
  reason: z.enum(['minute', 'day', 'month', 'operator']),
  since: epochMs,
  /** Epoch milliseconds. */
  until: epochMs,
});
export type Pause = z.infer<typeof pauseSchema>;

/**
 * Counts the requests of the current minute, day and month: those of all environments and, as far as the CRM reports them, those of other
 * programs with the same key. The limit of the second needs no count, since the request slots ensure it.
 */
export const ledgerSchema = z.object({
  minute: windowSchema,
  /** `named`: the CRM has reported when it ends. `limit`: the limit that the CRM last reported. */
  day: z.extend(windowSchema, { named: z.boolean(), limit: z.nullable(z.number()) }),
  month: windowSchema,
  pause: z.nullable(pauseSchema),
});
export type Ledger = z.infer<typeof ledgerSchema>;
type DayWindow = Ledger['day'];

/** The quota usage that the CRM reports in one answer. Any value can be missing. */
export interface Observation {
  /** When the request was started, in epoch milliseconds. */
  startedAt: number;
  dayUsed?: number | undefined;
  dayLimit?: number | undefined;
  /** When the CRM's day ends, in epoch milliseconds. */
  dayResetsAt?: number | undefined;
  minuteUsed?: number | undefined;
}

/** What an environment has to record in the ledger since the last time. */
export interface Usage {
  /** When each request was started, in epoch milliseconds. */
  starts: readonly number[];
  /** From the newest answer that reported the quota. */
  observed?: Observation | undefined;
  /** A pause that the ledger does not have yet. */
  pause?: Pause | undefined;
}

/** Two reported times of the same reset differ by less than this, in milliseconds: neither clocks nor answers are exact. */
const SAME_RESET_MS = 60_000;

/** A ledger without any requests. */
export function emptyLedger(now: number): Ledger {
  return {
    minute: { used: 0, since: minuteStart(now), resetsAt: nextMinute(now) },
    day: { used: 0, since: dayStart(now), resetsAt: nextDay(now), named: false, limit: null },
    month: { used: 0, since: monthStart(now), resetsAt: nextMonth(now) },
    pause: null,
  };
}

/** The ledger at a moment: windows that have ended are replaced by new ones, and a pause that is over is removed. */
export function ledgerAt(ledger: Ledger | undefined, now: number): Ledger {
  const fresh = emptyLedger(now);
  if (!ledger) return fresh;
  const day =
    now < ledger.day.resetsAt
      ? ledger.day
      : // The CRM's day may not end at midnight: the next begins where the last ended.
        { ...fresh.day, since: Math.max(fresh.day.since, ledger.day.resetsAt), limit: ledger.day.limit };
  return {
    minute: now < ledger.minute.resetsAt ? ledger.minute : fresh.minute,
    day,
    month: now < ledger.month.resetsAt ? ledger.month : fresh.month,
    pause: ledger.pause && ledger.pause.until > now ? ledger.pause : null,
  };
}

/**
 * Adds the usage of an environment to the ledger. Its requests are always counted. A higher number that the CRM reports replaces the count,
 * since other programs share the quota. Reports that are missing, late or of another window are ignored.
 *
 * @param now epoch milliseconds.
 */
export function record(ledger: Ledger | undefined, usage: Usage, now: number): Ledger {
  const before = ledgerAt(ledger, now);
  const startedSince = (since: number) => usage.starts.filter((start) => start >= since).length;
  const day = recordDay(before.day, usage.observed, startedSince, now);
  const ownOfMonth = startedSince(before.month.since);
  const beforeToday = ownOfMonth - Math.min(ownOfMonth, startedSince(before.day.since));
  const grownToday = day.since === before.day.since ? day.used - before.day.used : day.used;
  return {
    minute: recordMinute(before.minute, usage.observed, startedSince),
    day,
    month: { ...before.month, used: before.month.used + Math.max(ownOfMonth, beforeToday + grownToday) },
    pause: laterOf(before.pause, usage.pause, now),
  };
}

function recordMinute(
  window: Ledger['minute'],
  observed: Observation | undefined,
  startedSince: (since: number) => number,
): Ledger['minute'] {
  const reported = observed && observed.startedAt >= window.since ? (observed.minuteUsed ?? 0) : 0;
  return { ...window, used: Math.max(window.used + startedSince(window.since), reported) };
}

function recordDay(
  window: DayWindow,
  observed: Observation | undefined,
  startedSince: (since: number) => number,
  now: number,
): DayWindow {
  const counted = { ...window, used: window.used + startedSince(window.since) };
  if (observed?.dayUsed === undefined) return counted;
  const limit = observed.dayLimit ?? counted.limit;
  const resetsAt = observed.dayResetsAt ?? window.resetsAt;
  const used = Math.max(counted.used, observed.dayUsed);
  if (observed.dayResetsAt === undefined || Math.abs(resetsAt - window.resetsAt) < SAME_RESET_MS) {
    if (observed.startedAt < window.since) return counted;
    return { ...counted, used, limit, named: window.named || observed.dayResetsAt !== undefined };
  }
  if (resetsAt <= now) return counted;
  // Until now, midnight was only an assumption.
  if (!window.named) return { ...counted, used, limit, resetsAt, named: true };
  if (resetsAt < window.resetsAt) return counted;
  // The CRM has started a new day before the end that it had reported.
  const since = observed.startedAt;
  return { used: Math.max(startedSince(since), observed.dayUsed), since, resetsAt, named: true, limit };
}

/** The longer of two pauses; null if both are over. */
function laterOf(a: Pause | null, b: Pause | undefined, now: number): Pause | null {
  const pauses = [a, b].filter((pause): pause is Pause => !!pause && pause.until > now);
  return pauses.sort((x, y) => y.until - x.until)[0] ?? null;
}

// The CRM's windows in UTC, in epoch milliseconds.

const floorTo = (now: number, lengthMs: number): number => now - (((now % lengthMs) + lengthMs) % lengthMs);

const minuteStart = (now: number): number => floorTo(now, MINUTE_MS);
const nextMinute = (now: number): number => minuteStart(now) + MINUTE_MS;
export const dayStart = (now: number): number => floorTo(now, DAY_MS);
export const nextDay = (now: number): number => dayStart(now) + DAY_MS;

function monthStart(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

function nextMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
