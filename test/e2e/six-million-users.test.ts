import { describe, expect, it } from 'vitest';
import { paceFor } from '../../shared/quota/pace.ts';
import { type Mapping, tagGroup } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { simulate } from '../lambdas/backfill/definition.ts';
import { memoryPorts } from '../lambdas/backfill/memory-ports.ts';

const USERS = 6_000_000;
const DAY_MS = 24 * 3_600_000;
const NOON = Date.parse('2026-06-15T12:00:00Z');

/** One field and one tag: what a run does is the same, and six million users take seconds instead of minutes. */
const nothing = () => undefined;
const SMALL: Mapping = {
  ...mapping,
  contact: {
    EMAIL1: (user) => user.email,
    given_name: nothing,
    family_name: nothing,
    PHONE1: nothing,
    time_zone: nothing,
    preferred_locale: nothing,
    opt_in_reason: nothing,
  },
  customFields: {},
  tagGroups: [tagGroup({ tags: { 'App User': '' }, pick: () => 'App User' })],
};

/** The rows of the vendor's limits (see the README of the API), with the 20 % that is left for live changes. */
describe.each([
  { limits: 'of the team', second: 25, day: 125_000, month: 3_750_000, days: 120 },
  { limits: 'of an OAuth client', second: 25, day: 150_000, month: 4_500_000, days: 100 },
  { limits: 'of a service account key', second: 4, day: 30_000, month: 900_000, days: 500 },
])('six million users under the limits $limits', ({ second, day, month, days }) => {
  it(`take about ${days} days, in executions whose history never fills`, async () => {
    const clock = { now: NOON };
    const pace = paceFor({ requestsPerSecond: second, latencyP95Ms: 400, windowSlackMs: 50 });
    const requestsPerSecond = (pace.environments * pace.requestsPerWindow * 1000) / pace.windowMs;
    const at = (index: number) => ({ userId: String(index), email: 'a@example.com' });
    const ports = memoryPorts(clock, { count: USERS, at }, { usersPerSecond: requestsPerSecond / 2 });
    const { report, historyEvents } = await simulate({}, clock, ports, {
      mapping: SMALL,
      budget: { requestsPerDay: day, requestsPerMonth: month, liveReserve: 0.2 },
      requestsPerDay: day,
      requestsPerSecond,
      scanMs: 20_000,
    });
    expect(report).toMatchObject({ scanned: USERS, enqueued: USERS, requests: 2 * USERS });
    expect(Math.max(...historyEvents)).toBeLessThan(25_000);
    const taken = (clock.now - NOON) / DAY_MS;
    process.stdout.write(
      `${taken.toFixed(1)} days, ${historyEvents.length} executions, at most ${Math.max(...historyEvents)} events\n`,
    );
    expect(Math.abs(taken - days)).toBeLessThanOrEqual(days * 0.05);
  }, 600_000);
});
