import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paceFor } from '../../../shared/quota/pace.ts';

describe('the pace', () => {
  it.each([
    { requestsPerSecond: 25, latencyP95Ms: 400, environments: 5, requestsPerWindow: 5 },
    { requestsPerSecond: 25, latencyP95Ms: 600, environments: 8, requestsPerWindow: 3 },
    { requestsPerSecond: 25, latencyP95Ms: 800, environments: 12, requestsPerWindow: 2 },
    { requestsPerSecond: 25, latencyP95Ms: 1350, environments: 25, requestsPerWindow: 1 },
    { requestsPerSecond: 10, latencyP95Ms: 400, environments: 2, requestsPerWindow: 5 },
    { requestsPerSecond: 4, latencyP95Ms: 400, environments: 2, requestsPerWindow: 2 },
  ])('for $requestsPerSecond a second at $latencyP95Ms ms has $environments environments', (row) => {
    const { requestsPerSecond, latencyP95Ms, ...expected } = row;
    expect(paceFor({ requestsPerSecond, latencyP95Ms, windowSlackMs: 50 })).toEqual({
      ...expected,
      windowMs: 1050,
    });
  });

  it('never lets more requests start than the rate, and leaves little of it unused', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 2000 }),
        fc.integer({ min: 1, max: 30_000 }),
        (rate, latencyP95Ms) => {
          const pace = paceFor({ requestsPerSecond: rate, latencyP95Ms, windowSlackMs: 0 });
          const total = pace.environments * pace.requestsPerWindow;
          expect(total).toBeLessThanOrEqual(rate);
          expect(total).toBeGreaterThanOrEqual(rate * 0.6);
          expect(pace.environments).toBeGreaterThanOrEqual(2);
        },
      ),
    );
  });

  it('refuses a rate under which an event source cannot run', () => {
    expect(() => paceFor({ requestsPerSecond: 1, latencyP95Ms: 400, windowSlackMs: 50 })).toThrow(
      /at least 2/,
    );
  });
});
