import * as z from 'zod/mini';
import { positiveInt } from '../values.ts';

export const timetableSchema = z.object({
  /** Starts in any window. */
  requestsPerWindow: positiveInt,
  /** Length of the window in milliseconds. */
  windowMs: positiveInt,
  /** Starts that share a line: that are a few milliseconds apart. */
  burst: positiveInt,
});
/** When requests may start, all environments together. */
export type Timetable = z.infer<typeof timetableSchema>;

/**
 * From a start on a line to the next, in milliseconds: about what it takes one environment to send a request. Requests of one
 * moment would wait for each other there, each time for another while, and a wait bends arrivals as a network does.
 */
export const SPACING_MS = 4;

/** Moments of a window at which requests start, and how many start there. */
interface Lines {
  /** From a line to the next. */
  lineMs: number;
  perLine: number;
  /** From a start on a line to the next. */
  spacingMs: number;
}

function linesOf({ requestsPerWindow, windowMs, burst }: Timetable): Lines {
  const lines = Math.ceil(requestsPerWindow / burst);
  const [lineMs, perLine] = [windowMs / lines, Math.ceil(requestsPerWindow / lines)];
  return { lineMs, perLine, spacingMs: Math.min(SPACING_MS, Math.floor(lineMs / perLine / 2)) };
}

/** Longest that a request has to wait for the next line, in milliseconds. */
export const lineMsOf = (timetable: Timetable): number => linesOf(timetable).lineMs;

/**
 * When the next requests start, in epoch milliseconds: at once if that is within the limits, or else on the next line of a grid that
 * divides the window evenly, so that `burst` share a line, shortly after one another. Each start is a window after the one
 * `requestsPerWindow` before, so no window has more of them, wherever it begins.
 *
 * Lines, and not evenly spaced starts: when a network bends arrivals towards each other, two bursts that are a window apart
 * stay apart, where evenly spaced starts run into each other (`docs/performance.md` has the curve).
 *
 * @param past the last starts, oldest first; some may be in the future.
 */
export function nextStarts(
  timetable: Timetable,
  past: readonly number[],
  count: number,
  now: number,
): number[] {
  const { requestsPerWindow, windowMs } = timetable;
  const lines = linesOf(timetable);
  const starts = [...past];
  for (let taken = 0; taken < count; taken++) {
    const last = starts.at(-1) ?? 0;
    const windowBefore = starts.at(-requestsPerWindow) ?? 0;
    const lineBefore = starts.at(-lines.perLine) ?? 0;
    const earliest = Math.max(now, last, windowBefore + windowMs);
    const begin = Math.max(earliest, lineBefore + lines.lineMs);
    const place = onLine(Math.max(begin - 1, last + lines.spacingMs), lines);
    starts.push(begin <= now ? now : Math.max(earliest, place));
  }
  return starts.slice(past.length);
}

/** The first place on a line at or after a time, in whole milliseconds: what is on a line already stays there, though fractions are rounded. */
function onLine(time: number, { lineMs, perLine, spacingMs }: Lines): number {
  const line = Math.floor((time + 1) / lineMs);
  const begin = Math.round(line * lineMs);
  const place = time <= begin ? 0 : Math.ceil((time - begin) / spacingMs);
  return place < perLine ? begin + place * spacingMs : Math.round((line + 1) * lineMs);
}
