import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../shared/quota/limits.ts';
import { inFlightFor, paceFor, requestsPerSecond as rateOf } from '../../shared/quota/pace.ts';
import { type Mapping, tagGroup } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { simulate } from '../support/backfill-definition.ts';
import { memoryPorts } from '../support/backfill-memory-ports.ts';

const USERS = 6_000_000;
const DAY_MS = 24 * 3_600_000;
const NOON = Date.parse('2026-06-15T12:00:00Z');

/** One field and one tag: the run makes the same decisions, and takes seconds instead of minutes. */
const noValue = () => undefined;
const SMALL: Mapping = {
  ...mapping,
  contact: {
    EMAIL1: (user) => user.email,
    given_name: noValue,
    family_name: noValue,
    PHONE1: noValue,
    time_zone: noValue,
    preferred_locale: noValue,
  },
  customFields: {},
  tagGroups: [tagGroup({ tags: { 'App User': '' }, pick: () => 'App User' })],
};

/** With 20 % of the quota reserved for live changes. */
describe.each([
  { preset: 'team', days: 62 },
  { preset: 'service-account-key', days: 260 },
] as const)('six million users under the limits of preset $preset', ({ preset, days }) => {
  it(`take about ${days} days, and no execution exceeds its history limit`, async () => {
    const clock = { now: NOON };
    const budget = { limits: PRESETS[preset], liveReserve: 0.2 };
    const pace = paceFor({ limits: PRESETS[preset], latencyP95Ms: 400, windowSlackMs: 50 });
    const requestsPerSecond = rateOf(pace);
    const at = (index: number) => ({ userId: String(index), email: 'a@example.com' });
    const ports = memoryPorts(
      clock,
      { count: USERS, at },
      { requestsPerSecond, requestsPerTagging: 20, budget, mapping: SMALL },
    );
    const { report, historyEvents } = await simulate({}, clock, ports, {
      mapping: SMALL,
      budget,
      requestsPerSecond,
      tagBatch: 100,
      inFlight: inFlightFor({ limits: PRESETS[preset], latencyP95Ms: 400, windowSlackMs: 50 }),
      callMs: 20_000,
    });
    expect(report).toMatchObject({ scanned: USERS, enqueued: USERS });
    // One contact request per user and one tag request per hundred, with slightly smaller batches at the end of each day.
    expect(report.requests).toBeGreaterThanOrEqual(USERS * 1.01);
    expect(report.requests).toBeLessThan(USERS * 1.011);
    expect(Math.max(...historyEvents)).toBeLessThan(25_000);
    const elapsedDays = (clock.now - NOON) / DAY_MS;
    process.stdout.write(
      `${elapsedDays.toFixed(1)} days, ${historyEvents.length} executions, at most ${Math.max(...historyEvents)} events\n`,
    );
    expect(Math.abs(elapsedDays - days)).toBeLessThanOrEqual(days * 0.05);
  }, 1_800_000);
});
