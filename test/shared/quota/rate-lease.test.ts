import { describe, expect, it } from 'vitest';
import {
  currentLeases,
  leasedRate,
  mostLeased,
  type RateLease,
  unleasedRate,
} from '../../../shared/quota/rate-lease.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const lease = (more: Partial<RateLease> = {}): RateLease => ({
  id: 'laptop',
  rate: 2,
  ms: 1000,
  renewal: 1,
  until: null,
  ...more,
});
const ofRates = (rates: readonly number[]) => rates.map((rate, index) => lease({ id: `c${index}`, rate }));

describe('leases of a rate', () => {
  it.each([
    { rates: [], sum: 0, left: 25 },
    { rates: [2], sum: 2, left: 23 },
    { rates: [2, 3], sum: 5, left: 20 },
    { rates: [12], sum: 12, left: 13 },
    { rates: [10, 10], sum: 20, left: 13 },
  ])('of $rates requests leave $left of 25: at least half', ({ rates, sum, left }) => {
    expect(leasedRate(ofRates(rates))).toBe(sum);
    expect(unleasedRate(ofRates(rates), 25)).toBe(left);
  });

  it('take whole requests', () => {
    expect([2, 3, 4, 25].map(mostLeased)).toEqual([1, 1, 2, 12]);
  });
});

describe('a lease that an environment sees', () => {
  it.each([
    ['has no end yet: it ends after its time', { until: null }, 1000],
    ['has no end yet, and a time of hours: it ends after half a minute', { ms: 36_000_000 }, 30_000],
    ['has an end: it ends then', { until: NOON + 400 }, 400],
    ['ends in a millisecond', { until: NOON + 1 }, 1],
    ['has an end by a wrong clock: it ends after its time', { until: NOON + 36_000_000 }, 1000],
  ])('%s', (_, more, leftMs) => {
    expect(currentLeases([lease(more)], NOON)).toEqual([lease({ ...more, until: NOON + leftMs })]);
  });

  it('is over at its end, and others go on', () => {
    const leases = [lease({ id: 'a', until: NOON }), lease({ id: 'b' }), lease({ id: 'c', until: NOON - 1 })];
    expect(currentLeases(leases, NOON).map(({ id }) => id)).toEqual(['b']);
  });
});
