import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextStarts } from '../../../shared/quota/timetable.ts';
import { linesOf } from './lines-of.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const TEAM = { requestsPerWindow: 25, windowMs: 1050, burst: 13 };

const timetables = fc
  .record({
    requestsPerWindow: fc.integer({ min: 2, max: 1000 }),
    windowMs: fc.integer({ min: 1000, max: 2000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ share, ...rest }) => ({ ...rest, burst: Math.max(1, Math.ceil(share * rest.requestsPerWindow)) }));
const askings = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 3000 }), count: fc.integer({ min: 1, max: 60 }) }),
  { minLength: 1, maxLength: 40 },
);

/** All starts of requests that were asked for at these times, by environments whose clocks differ a little. */
function allStarts(timetable: typeof TEAM, asked: { afterMs: number; count: number }[]): number[] {
  let now = NOON;
  const starts: number[] = [];
  for (const { afterMs, count } of asked) {
    now += afterMs;
    starts.push(...nextStarts(timetable, starts.slice(-timetable.requestsPerWindow), count, now));
  }
  return starts;
}

describe('starts', () => {
  it('are at once as long as there is room', () => {
    expect(nextStarts(TEAM, [], 3, NOON)).toEqual([NOON, NOON, NOON]);
    expect(nextStarts(TEAM, [NOON - 300, NOON - 299], 2, NOON)).toEqual([NOON, NOON]);
  });

  it('share two lines in each window when more is asked for than there is room', () => {
    const lines = linesOf(nextStarts(TEAM, [], 100, NOON).slice(25));
    expect(lines.map(({ length }) => length)).toEqual([13, 12, 13, 12, 13, 12]);
    const begins = lines.map(([begin = 0]) => begin);
    expect(begins.slice(1).map((begin, index) => begin - (begins[index] ?? 0))).toEqual(Array(5).fill(525));
  });

  it('follow one another on a line by what it takes to send a request', () => {
    const [line = []] = linesOf(nextStarts(TEAM, [], 100, NOON).slice(25));
    expect(line.slice(1).map((start, index) => start - (line[index] ?? 0))).toEqual(Array(12).fill(4));
  });

  it('are no more than the limit in any window, whenever and however many are asked for', () => {
    fc.assert(
      fc.property(timetables, askings, (timetable, asked) => {
        const starts = allStarts(timetable, asked);
        const { requestsPerWindow, windowMs } = timetable;
        for (const [index, start] of starts.entries()) {
          const next = starts[index + requestsPerWindow];
          if (next !== undefined) expect(next - start).toBeGreaterThanOrEqual(windowMs);
        }
      }),
    );
  });

  it('are never before they are asked for, and never go back', () => {
    fc.assert(
      fc.property(timetables, askings, (timetable, asked) => {
        const starts = allStarts(timetable, asked);
        expect(starts).toEqual(starts.toSorted((a, b) => a - b));
        expect(starts[0]).toBeGreaterThanOrEqual(NOON);
      }),
    );
  });

  it('leave none unused while there is always somebody who asks', () => {
    fc.assert(
      fc.property(timetables, askings, (timetable, before) => {
        const { requestsPerWindow, windowMs } = timetable;
        const past = allStarts(timetable, before);
        const starts = nextStarts(timetable, past, 20 * requestsPerWindow, past.at(-1) ?? NOON);
        const settled = starts.slice(2 * requestsPerWindow);
        const took = (settled.at(-1) ?? 0) - (settled[0] ?? 0);
        expect(took).toBeLessThanOrEqual((settled.length / requestsPerWindow) * windowMs + 1);
      }),
    );
  });
});
