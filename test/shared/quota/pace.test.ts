import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../../shared/quota/limits.ts';
import { paceFor, requestsPerSecond } from '../../../shared/quota/pace.ts';

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

  it('needs more environments when a window has fewer bursts, and two where the limits are narrow', () => {
    const environments = (limits: keyof typeof PRESETS, burst?: number) =>
      paceFor({ limits: PRESETS[limits], latencyP95Ms: 130, ...SLACK, burst }).environments;
    expect([environments('team', 1), environments('team'), environments('team', 25)]).toEqual([4, 5, 6]);
    expect(environments('service-account-key')).toBe(2);
  });

  it.each([
    ['team', 25],
    ['oauth', 25],
    ['service-account-key', 4],
  ] as const)('of the preset %s is %d requests in a window', (preset, requestsPerWindow) => {
    const pace = paceFor({ limits: PRESETS[preset], latencyP95Ms: 400, ...SLACK });
    expect(pace).toMatchObject({ requestsPerWindow, windowMs: 1050 });
    expect(requestsPerSecond(pace)).toBeCloseTo(requestsPerWindow / 1.05);
  });

  it('keeps the minute as it keeps the second, whatever the limits', () => {
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

  it('has enough environments for every slot, by Little’s law, and two at least', () => {
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

  it('lets half of a second’s requests start together, or as many as it is told, and never more than all', () => {
    const burst = (setting: number | undefined) =>
      paceFor({ limits: PRESETS.team, latencyP95Ms: 400, ...SLACK, burst: setting }).burst;
    expect([burst(undefined), burst(1), burst(100)]).toEqual([13, 1, 25]);
  });

  it('refuses a rate under which an event source cannot run', () => {
    const limits = { second: 10, minute: 60 };
    expect(() => paceFor({ limits, latencyP95Ms: 400, ...SLACK })).toThrow(/2 are needed/);
  });
});
