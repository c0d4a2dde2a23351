import * as z from 'zod/mini';
import { dayStart, minuteStart, monthStart, nextDay, nextMinute, nextMonth } from './calendar.ts';

const epochMs = z.number();

const windowSchema = z.object({
  /** Requests in the window so far, those of other programs too as far as an answer told of them. */
  used: z.number(),
  /** Where it begins and ends, in epoch milliseconds. */
  since: epochMs,
  resetsAt: epochMs,
});

/** Why nobody may make requests for a while: a limit that is spent, or a person who said so. */
const pauseSchema = z.object({
  reason: z.enum(['minute', 'day', 'month', 'operator']),
  since: epochMs,
  /** Epoch milliseconds. */
  until: epochMs,
});
export type Pause = z.infer<typeof pauseSchema>;

/**
 * What is known of the requests made in the running minute, day and month, by all environments and, from the CRM's answers, by
 * other programs on the same key. The second needs no record: the pace keeps it by construction.
 */
export const ledgerSchema = z.object({
  minute: windowSchema,
  /** `named`: an answer of the CRM told when it ends. `limit`: what the CRM last said that it is. */
  day: z.extend(windowSchema, { named: z.boolean(), limit: z.nullable(z.number()) }),
  month: windowSchema,
  pause: z.nullable(pauseSchema),
});
export type Ledger = z.infer<typeof ledgerSchema>;
type DayWindow = Ledger['day'];

/** Where the CRM says that a caller stands, in one answer. Any of it can be missing. */
export interface Observation {
  /** When the request was started, in epoch milliseconds. */
  startedAt: number;
  dayUsed?: number | undefined;
  dayLimit?: number | undefined;
  /** When the CRM's day ends, in epoch milliseconds. */
  dayResetsAt?: number | undefined;
  minuteUsed?: number | undefined;
}

/** What an environment has done since it last told. */
export interface Usage {
  /** When each request was started, in epoch milliseconds. */
  starts: readonly number[];
  /** The newest answer that told of the quota. */
  observed?: Observation | undefined;
  pause?: Pause | undefined;
}

/** Two times of the same reset differ by less than this, in milliseconds: clocks and answers are not exact. */
const SAME_RESET_MS = 60_000;

/** A ledger of which nothing is known yet. */
export function emptyLedger(now: number): Ledger {
  return {
    minute: { used: 0, since: minuteStart(now), resetsAt: nextMinute(now) },
    day: { used: 0, since: dayStart(now), resetsAt: nextDay(now), named: false, limit: null },
    month: { used: 0, since: monthStart(now), resetsAt: nextMonth(now) },
    pause: null,
  };
}

/** The ledger as it stands at a moment: windows that have ended begin anew, and a pause that is over is gone. */
export function ledgerAt(ledger: Ledger | undefined, now: number): Ledger {
  const fresh = emptyLedger(now);
  if (!ledger) return fresh;
  const day =
    now < ledger.day.resetsAt
      ? ledger.day
      : // The CRM's days may end at another time than midnight: the next begins where the last has ended.
        { ...fresh.day, since: Math.max(fresh.day.since, ledger.day.resetsAt), limit: ledger.day.limit };
  return {
    minute: now < ledger.minute.resetsAt ? ledger.minute : fresh.minute,
    day,
    month: now < ledger.month.resetsAt ? ledger.month : fresh.month,
    pause: ledger.pause && ledger.pause.until > now ? ledger.pause : null,
  };
}

/**
 * Adds what an environment has done to the ledger. Own requests are counted whether or not the CRM tells of them; what it
 * tells is the truth where it is more, since other programs share the quota. Answers without headers, late ones, and those of
 * another window change nothing but the count of own requests.
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
  const told = observed && observed.startedAt >= window.since ? (observed.minuteUsed ?? 0) : 0;
  return { ...window, used: Math.max(window.used + startedSince(window.since), told) };
}

function recordDay(
  window: DayWindow,
  observed: Observation | undefined,
  startedSince: (since: number) => number,
  now: number,
): DayWindow {
  const own = { ...window, used: window.used + startedSince(window.since) };
  if (observed?.dayUsed === undefined) return own;
  const limit = observed.dayLimit ?? own.limit;
  const resetsAt = observed.dayResetsAt ?? window.resetsAt;
  const used = Math.max(own.used, observed.dayUsed);
  if (observed.dayResetsAt === undefined || Math.abs(resetsAt - window.resetsAt) < SAME_RESET_MS) {
    if (observed.startedAt < window.since) return own;
    return { ...own, used, limit, named: window.named || observed.dayResetsAt !== undefined };
  }
  if (resetsAt <= now) return own;
  // So far the end was only assumed to be midnight.
  if (!window.named) return { ...own, used, limit, resetsAt, named: true };
  if (resetsAt < window.resetsAt) return own;
  // The CRM has begun a new day before the end that it had named.
  const since = observed.startedAt;
  return { used: Math.max(startedSince(since), observed.dayUsed), since, resetsAt, named: true, limit };
}

/** Of two pauses the one that lasts longer, if it is not over. */
function laterOf(a: Pause | null, b: Pause | undefined, now: number): Pause | null {
  const pauses = [a, b].filter((pause): pause is Pause => !!pause && pause.until > now);
  return pauses.sort((x, y) => y.until - x.until)[0] ?? null;
}
