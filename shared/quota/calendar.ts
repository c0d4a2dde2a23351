/** Where the CRM's periods begin and end: all in UTC, in epoch milliseconds. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const floorTo = (now: number, lengthMs: number): number => now - (((now % lengthMs) + lengthMs) % lengthMs);

export const minuteStart = (now: number): number => floorTo(now, MINUTE_MS);
export const nextMinute = (now: number): number => minuteStart(now) + MINUTE_MS;
export const dayStart = (now: number): number => floorTo(now, DAY_MS);
export const nextDay = (now: number): number => dayStart(now) + DAY_MS;

export function monthStart(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

export function nextMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
