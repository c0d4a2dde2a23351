import * as z from 'zod';

export const timetableSchema = z.object({
  /** Starts in any window. */
  requestsPerWindow: z.int().positive(),
  /** Length of the window in milliseconds. */
  windowMs: z.int().positive(),
  /** Starts at one moment. */
  burst: z.int().positive(),
});
/** When requests may start, all environments together. */
export type Timetable = z.infer<typeof timetableSchema>;

/**
 * When the next requests start, in epoch milliseconds: at once if that is within the limits, or else on the next line of a grid that
 * divides the window evenly, so that `burst` can share a line. Each start is a window after the one `requestsPerWindow` before, so
 * no window has more of them, wherever it begins.
 *
 * Lines, and not one start after another: when a network bends arrivals towards each other, two bursts that are a window apart
 * stay apart, where evenly spaced starts run into each other (`docs/performance.md` has the curve).
 *
 * @param past the last starts, oldest first; some may be in the future.
 */
export function nextStarts(
  { requestsPerWindow, windowMs, burst }: Timetable,
  past: readonly number[],
  count: number,
  now: number,
): number[] {
  const lines = Math.ceil(requestsPerWindow / burst);
  const lineMs = windowMs / lines;
  const perLine = Math.ceil(requestsPerWindow / lines);
  const starts = [...past];
  for (let taken = 0; taken < count; taken++) {
    const last = starts.at(-1) ?? 0;
    const windowBefore = starts.at(-requestsPerWindow) ?? 0;
    const lineBefore = starts.at(-perLine) ?? 0;
    const earliest = Math.max(last, windowBefore + windowMs);
    const begin = Math.max(now, earliest, lineBefore + lineMs);
    starts.push(begin <= now ? now : Math.max(earliest, onLine(begin, lineMs)));
  }
  return starts.slice(past.length);
}

/** The line at or after a time, in whole milliseconds. What is on a line already stays there, though fractions are rounded. */
const onLine = (time: number, lineMs: number): number => Math.round(Math.ceil((time - 1) / lineMs) * lineMs);
