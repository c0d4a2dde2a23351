import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../../shared/quota/limits.ts';
import { paceFor } from '../../../shared/quota/pace.ts';

describe('the pace', () => {
  it.each([
    { second: 25, minute: 1500, latencyP95Ms: 400, environments: 5, requestsPerWindow: 5 },
    { second: 25, minute: 1500, latencyP95Ms: 600, environments: 8, requestsPerWindow: 3 },
    { second: 25, minute: 1500, latencyP95Ms: 800, environments: 12, requestsPerWindow: 2 },
    { second: 25, minute: 1500, latencyP95Ms: 1350, environments: 25, requestsPerWindow: 1 },
    { second: 10, minute: 600, latencyP95Ms: 400, environments: 2, requestsPerWindow: 5 },
    { second: 10, minute: 240, latencyP95Ms: 400, environments: 2, requestsPerWindow: 2 },
  ])(
    'for $second a second and $minute a minute at $latencyP95Ms ms has $environments environments',
    (row) => {
      const { second, minute, latencyP95Ms, ...expected } = row;
      expect(paceFor({ limits: { second, minute }, latencyP95Ms, windowSlackMs: 50 })).toEqual({
        ...expected,
        windowMs: 1050,
      });
    },
  );

  it.each([
    ['team', 25],
    ['oauth', 25],
    ['service-account-key', 4],
  ] as const)('of the preset %s is %d requests a second', (preset, rate) => {
    const pace = paceFor({ limits: PRESETS[preset], latencyP95Ms: 400, windowSlackMs: 50 });
    expect(pace.environments * pace.requestsPerWindow).toBe(rate);
  });

  it('keeps the minute as it keeps the second, whatever the limits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 1000 }),
        fc.integer({ min: 120, max: 60_000 }),
        fc.integer({ min: 0, max: 1000 }),
        (second, minute, windowSlackMs) => {
          const pace = paceFor({ limits: { second, minute }, latencyP95Ms: 400, windowSlackMs });
          const perWindow = pace.environments * pace.requestsPerWindow;
          expect(perWindow).toBeLessThanOrEqual(second);
          expect(perWindow * Math.ceil(60_000 / pace.windowMs)).toBeLessThanOrEqual(minute);
        },
      ),
    );
  });

  it('never lets more requests start than the rate, and leaves little of it unused', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 2000 }),
        fc.integer({ min: 1, max: 30_000 }),
        (rate, latencyP95Ms) => {
          const pace = paceFor({
            limits: { second: rate, minute: rate * 60 },
            latencyP95Ms,
            windowSlackMs: 0,
          });
          const total = pace.environments * pace.requestsPerWindow;
          expect(total).toBeLessThanOrEqual(rate);
          expect(total).toBeGreaterThanOrEqual(rate * 0.6);
          expect(pace.environments).toBeGreaterThanOrEqual(2);
        },
      ),
    );
  });

  it('refuses a rate under which an event source cannot run', () => {
    const limits = { second: 10, minute: 60 };
    expect(() => paceFor({ limits, latencyP95Ms: 400, windowSlackMs: 50 })).toThrow(/2 are needed/);
  });
});
