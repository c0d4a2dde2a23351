import * as z from 'zod/mini';
import type { Limits } from './limits.ts';

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
  /** Requests of this system alone, by day and month in UTC. No report of the CRM changes them. */
  own: z.object({ day: windowSchema, month: windowSchema }),
  /** Limits of the deployment that wrote last; null before its first write. */
  limits: z.nullable(z.object({ day: z.number(), month: z.nullable(z.number()) })),
  pause: z.nullable(pauseSchema),
  /** When an operator last resumed requests, in epoch milliseconds. Reports and pauses from before are ignored. */
  resumedAt: epochMs,
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

/** What an environment has learned since it last wrote to the ledger. */
export interface Usage {
  /** When each request was started, in epoch milliseconds. They are in the ledger already, see {@link reserve}. */
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
    day: { ...freshDay(now), named: false, limit: null },
    month: freshMonth(now),
    own: { day: freshDay(now), month: freshMonth(now) },
    limits: null,
    pause: null,
    resumedAt: 0,
  };
}

const freshDay = (now: number) => ({ used: 0, since: dayStart(now), resetsAt: nextDay(now) });
const freshMonth = (now: number) => ({ used: 0, since: monthStart(now), resetsAt: nextMonth(now) });

/** The ledger at a moment: windows that have ended are replaced by new ones, and a pause that is over is removed. */
export function ledgerAt(ledger: Ledger | undefined, now: number): Ledger {
  const fresh = emptyLedger(now);
  if (!ledger) return fresh;
  const { minute, day, month, own, pause } = ledger;
  const current = <Window extends Ledger['minute']>(window: Window, next: Window): Window =>
    now < window.resetsAt ? window : next;
  return {
    ...ledger,
    minute: current(minute, fresh.minute),
    // The CRM's day may not end at midnight: the next begins where the last ended. Its limit is unknown until the CRM reports it.
    day: current(day, { ...fresh.day, since: Math.max(fresh.day.since, day.resetsAt) }),
    month: current(month, fresh.month),
    own: { day: current(own.day, fresh.own.day), month: current(own.month, fresh.own.month) },
    pause: pause && pause.until > now ? pause : null,
  };
}

/**
 * The ledger for a deployment. If its limits are higher than those of the deployment that wrote last, the contract was raised: the limit
 * that the CRM reported and the pause for a spent quota are dropped. If the CRM still refuses, its next answer brings them back.
 */
export function underLimits(ledger: Ledger, { day, month }: Pick<Limits, 'day' | 'month'>): Ledger {
  const { limits, pause } = ledger;
  const isRaised = limits && (day > limits.day || (month ?? Infinity) > (limits.month ?? Infinity));
  if (!isRaised) return ledger;
  return {
    ...ledger,
    day: { ...ledger.day, limit: null },
    pause: pause?.reason === 'operator' ? pause : null,
  };
}

/** Counts requests before they are made. */
export function reserve(ledger: Ledger, requests: number): Ledger {
  const more = <Window extends Ledger['minute']>(window: Window): Window => ({
    ...window,
    used: window.used + requests,
  });
  const { minute, day, month, own } = ledger;
  return {
    ...ledger,
    minute: more(minute),
    day: more(day),
    month: more(month),
    own: { day: more(own.day), month: more(own.month) },
  };
}

/**
 * Adds what an environment has learned to the ledger. If the CRM reports more requests than the ledger has counted, its number replaces the
 * count, since other programs share the quota. Reports that are missing, late or of another window are ignored.
 *
 * @param limits those of the deployment.
 * @param now epoch milliseconds.
 */
export function record(
  ledger: Ledger | undefined,
  usage: Pick<Usage, 'observed' | 'pause'>,
  { day: dayLimit, month: monthLimit }: Pick<Limits, 'day' | 'month'>,
  now: number,
): Ledger {
  const limits = { day: dayLimit, month: monthLimit };
  const before = underLimits(ledgerAt(ledger, now), limits);
  const observed =
    usage.observed && usage.observed.startedAt >= before.resumedAt ? usage.observed : undefined;
  const pause = usage.pause && usage.pause.since >= before.resumedAt ? usage.pause : undefined;
  const day = recordDay(before.day, observed, now);
  const newlyCounted = day.since === before.day.since ? day.used - before.day.used : day.used;
  return {
    ...before,
    minute: recordMinute(before.minute, observed),
    day,
    month: { ...before.month, used: before.month.used + newlyCounted },
    limits,
    pause: laterOf(before.pause, pause, now),
  };
}

function recordMinute(window: Ledger['minute'], observed: Observation | undefined): Ledger['minute'] {
  const reported = observed && observed.startedAt >= window.since ? (observed.minuteUsed ?? 0) : 0;
  return { ...window, used: Math.max(window.used, reported) };
}

function recordDay(window: DayWindow, observed: Observation | undefined, now: number): DayWindow {
  if (observed?.dayUsed === undefined) return window;
  const { startedAt, dayUsed, dayResetsAt } = observed;
  const limit = observed.dayLimit ?? window.limit;
  const resetsAt = dayResetsAt ?? window.resetsAt;
  const used = Math.max(window.used, dayUsed);
  if (Math.abs(resetsAt - window.resetsAt) < SAME_RESET_MS) {
    if (startedAt < window.since) return window;
    return { ...window, used, limit, named: window.named || dayResetsAt !== undefined };
  }
  if (resetsAt <= now) return window;
  // Until now, midnight was only an assumption.
  if (!window.named) return { ...window, used, limit, resetsAt, named: true };
  if (startedAt < window.since) return window;
  // The end that was reported before is wrong, or this one is. The next reports decide. In a new day, the count has fallen.
  if (resetsAt < window.resetsAt || dayUsed >= window.used) return { ...window, used, limit, resetsAt };
  // The CRM has started a new day before the end that it had reported.
  return { used: dayUsed, since: startedAt, resetsAt, named: true, limit };
}

/**
 * Resumes requests: removes the pause and forgets what the CRM has reported, which may be wrong. What remains is the count of own requests,
 * so the limits of the deployment still apply. The next answer of the CRM reports again.
 */
export function resume(ledger: Ledger | undefined, now: number): Ledger {
  const current = ledgerAt(ledger, now);
  const { day, month } = current.own;
  return { ...current, day: { ...day, named: false, limit: null }, month, pause: null, resumedAt: now };
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
