import { marshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESETS, rateOf } from '../../../shared/quota/limits.ts';
import {
  BATCH_SIZE,
  inFlightFor,
  MAX_RATE,
  paceFor,
  requestsPerSecond,
  writeUnitsPerSecond,
} from '../../../shared/quota/pace.ts';
import type { SlotState } from '../../../shared/quota/rate-lease.ts';

const SLACK = { windowSlackMs: 50 };

describe('the pace', () => {
  it.each([
    { latencyP95Ms: 100, environments: 5 },
    { latencyP95Ms: 400, environments: 5 },
    { latencyP95Ms: 1350, environments: 8 },
    { latencyP95Ms: 4000, environments: 14 },
  ])(
    'needs $environments environments when the CRM answers in $latencyP95Ms ms',
    ({ latencyP95Ms, environments }) => {
      expect(paceFor({ limits: PRESETS.team, latencyP95Ms, ...SLACK }).environments).toBe(environments);
    },
  );

  it('needs more environments for larger bursts, and at least two', () => {
    const environments = (limits: keyof typeof PRESETS, burst?: number) =>
      paceFor({ limits: PRESETS[limits], latencyP95Ms: 130, ...SLACK, burst }).environments;
    expect([environments('team', 1), environments('team'), environments('team', 25)]).toEqual([4, 5, 6]);
    expect(environments('service-account-key')).toBe(2);
  });

  it.each([
    ['team', 400, undefined, 30],
    ['team', 1350, undefined, 54],
    ['team', 400, 25, 43],
    ['service-account-key', 400, undefined, 5],
  ] as const)(
    'of %s with a p95 of %d ms and bursts of %s keeps %d users in flight',
    (preset, latencyP95Ms, burst, users) => {
      expect(inFlightFor({ limits: PRESETS[preset], latencyP95Ms, ...SLACK, burst })).toBe(users);
    },
  );

  it.each([
    ['team', 25],
    ['oauth', 25],
    ['service-account-key', 4],
  ] as const)('of the preset %s has %d requests in a window', (preset, requestsPerWindow) => {
    const pace = paceFor({ limits: PRESETS[preset], latencyP95Ms: 400, ...SLACK });
    expect(pace).toMatchObject({ requestsPerWindow, windowMs: 1050 });
    expect(requestsPerSecond(pace)).toBeCloseTo(requestsPerWindow / 1.05);
  });

  it('respects the minute as well as the second, for any limits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 1000 }),
        fc.integer({ min: 120, max: 60_000 }),
        fc.integer({ min: 0, max: 1000 }),
        (second, minute, windowSlackMs) => {
          const pace = paceFor({ limits: { second, minute }, latencyP95Ms: 400, windowSlackMs });
          expect(pace.requestsPerWindow).toBeLessThanOrEqual(second);
          expect(pace.requestsPerWindow * Math.ceil(60_000 / pace.windowMs)).toBeLessThanOrEqual(minute);
        },
      ),
    );
  });

  it('has enough environments to use every slot (Little’s law), and at least two', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 2000 }),
        fc.integer({ min: 1, max: 30_000 }),
        (second, latencyP95Ms) => {
          const { environments } = paceFor({
            limits: { second, minute: second * 60 },
            latencyP95Ms,
            ...SLACK,
          });
          // Half a window is the longest wait for a burst.
          expect(environments * 10).toBeGreaterThanOrEqual((second * (latencyP95Ms + 525)) / 1000);
          expect(environments).toBeGreaterThanOrEqual(2);
        },
      ),
    );
  });

  it('starts half of a second’s requests together, or the number that is set, and never more than all', () => {
    const burst = (setting: number | undefined) =>
      paceFor({ limits: PRESETS.team, latencyP95Ms: 400, ...SLACK, burst: setting }).burst;
    expect([burst(undefined), burst(1), burst(100)]).toEqual([13, 1, 25]);
  });

  it('rejects a rate that is too low for an event source', () => {
    const limits = { second: 10, minute: 60 };
    expect(() => paceFor({ limits, latencyP95Ms: 400, ...SLACK })).toThrow(/2 are needed/);
  });
});

/** Bytes of an attribute value (DynamoDB, "Item sizes and formats"): texts, numbers, lists and maps. */
function bytesOf(value: { S?: string; N?: string; L?: object[]; M?: Record<string, object> }): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.replace(/0+$/, '').length / 2) + 1;
  if (value.M !== undefined)
    return Object.entries(value.M).reduce((sum, [name, each]) => sum + 1 + name.length + bytesOf(each), 3);
  return 3 + (value.L ?? []).reduce((sum, element) => sum + 1 + bytesOf(element), 0);
}

/** Units of a write of the item as `shared/store/versioned-item.ts` stores it. */
function unitsOf(slots: number): number {
  const lease = { id: 'abcd1234', rate: 2, ms: 30_000, renewal: 123, until: 1_781_000_000_001 };
  const value: SlotState = {
    slots: Array.from({ length: slots }, (_, index) => 1_781_000_000_001 + 41 * index),
    at: 1_781_000_000_001,
    leases: [lease, lease, lease],
  };
  const item = marshall({ id: 'slots', value, version: 123_456_789 });
  const bytes = Object.entries(item).map(([name, value]) => name.length + bytesOf(value));
  return Math.ceil(bytes.reduce((sum, each) => sum + each, 0) / 1024);
}

describe('the highest rate', () => {
  it('counts writes of the size that the item has', () => {
    for (let rate = 2; rate <= MAX_RATE; rate++)
      expect(writeUnitsPerSecond(rate), `${rate}`).toBeGreaterThanOrEqual(
        2 * rate * unitsOf(rate + BATCH_SIZE),
      );
  });

  it('is the highest at which DynamoDB does not throttle the item', () => {
    for (let rate = 2; rate <= MAX_RATE; rate++) expect(writeUnitsPerSecond(rate)).toBeLessThanOrEqual(1000);
    expect(writeUnitsPerSecond(MAX_RATE + 1)).toBeGreaterThan(1000);
  });

  it('is more than five times what any preset allows', () => {
    for (const limits of Object.values(PRESETS)) expect(rateOf(limits)).toBeLessThan(MAX_RATE / 5);
  });
});
