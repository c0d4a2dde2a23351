import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineFills, steadyRate } from '../measure/fill.ts';

const START = 1_800_000_000_000;
const every = (ms: number, count: number, from = START) =>
  Array.from({ length: count }, (_, index) => from + index * ms);

describe('steadyRate', () => {
  it('measures the rate of arrivals in any order', () => {
    expect(steadyRate(every(40, 1000), 25)).toBeCloseTo(25, 6);
    expect(steadyRate(every(40, 1000).reverse(), 25)).toBeCloseTo(25, 6);
  });

  it('ignores the ramp-up and the end', () => {
    const slowly = every(5000, 50);
    const steady = every(40, 900, (slowly.at(-1) ?? 0) + 40);
    expect(steadyRate([...slowly, ...steady, (steady.at(-1) ?? 0) + 60_000], 25)).toBeCloseTo(25, 6);
  });

  it.each([0, 3, 12])(
    'measures bursts by the time between them, wherever the measurement starts (%d)',
    (leftOut) => {
      const bursts = Array.from({ length: 41 }, (_, second) =>
        Array.from({ length: 25 }, (_, index) => START + second * 1045 + index * 4),
      );
      expect(steadyRate(bursts.flat().slice(leftOut), 25)).toBeCloseTo(25 / 1.045, 6);
    },
  );

  it.each([0, 5, 11, 24])(
    'counts a missed slot as one request, wherever the measurement starts (%d)',
    (leftOut) => {
      const halves = Array.from({ length: 41 }, (_, second) => [
        ...every(4, 13, START + second * 1045),
        ...every(4, 12, START + second * 1045 + 522),
      ]);
      const rate = steadyRate(halves.flat().toSpliced(500, 1).slice(leftOut), 25);
      expect(rate).toBeLessThan(25 / 1.045);
      expect(rate).toBeGreaterThan((25 / 1.045) * (1 - 2 / 800));
    },
  );

  it('never exceeds a limit that was kept', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 100, maxLength: 400 }), (gaps) => {
        const arrivals: number[] = [];
        for (const gap of gaps) {
          const kept = (arrivals.at(-25) ?? Number.NEGATIVE_INFINITY) + 1000;
          arrivals.push(Math.max(kept, (arrivals.at(-1) ?? START) + gap / 20));
        }
        expect(steadyRate(arrivals, 25)).toBeLessThanOrEqual(25);
      }),
    );
  });

  it.each([[[]], [[START]], [[START, START]], [every(40, 20)]])('is 0 for %j', (arrivals) => {
    expect(steadyRate(arrivals, 25)).toBe(0);
  });
});

it('combines fills: rejections weighted by requests, the mean fill, the maximum per second', () => {
  expect(
    combineFills([
      { requests: 100, rejectedShare: 0.1, filled: 0.9, maxArrivalsInAnySecond: 25 },
      { requests: 300, rejectedShare: 0, filled: 1, maxArrivalsInAnySecond: 27 },
    ]),
  ).toEqual({ requests: 400, rejectedShare: 0.025, filled: 0.95, maxArrivalsInAnySecond: 27 });
});
