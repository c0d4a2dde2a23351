import { memoryStore } from './memory-store.ts';

export const NOON = Date.parse('2026-06-15T12:00:00Z');
export const timetable = { requestsPerWindow: 25, windowMs: 1050, burst: 13 };

export const storedStarts = () => memoryStore<number[]>();
export const later = () => Date.now() + 120_000;

/** The most starts in any window of so many milliseconds. */
export const mostIn = (starts: readonly number[], ms: number): number =>
  Math.max(...starts.map((start) => starts.filter((at) => at >= start && at < start + ms).length));
