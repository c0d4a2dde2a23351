import { describe, expect, it } from 'vitest';
import { simulate } from '../../support/backfill-definition.ts';
import {
  contacts,
  OPTIONS,
  REQUESTS_PER_SECOND,
  start,
  tagged,
  watchQueue,
} from '../../support/backfill-start.ts';
import { CATALOG, fresh, NOON, synced } from '../../support/backfill-users.ts';

const HOUR_MS = 3_600_000;

/** A backfill of users in memory, run by the synthesized state machine. */
function startMachine(...users: Parameters<typeof start>) {
  const started = start(...users);
  const { clock, ports, context } = started;
  return { ...started, run: (input: unknown) => simulate(input, clock, ports, context.options) };
}

describe('a run of the synthesized state machine', () => {
  it('sends each user who needs a sync once, and their tags together', async () => {
    const { run, ports } = startMachine(1000, (index) =>
      index % 4 === 0 ? synced(fresh(index)) : fresh(index),
    );
    const { report } = await run({});
    expect(report).toMatchObject({
      scanned: 1000,
      enqueued: 750,
      skipped: 250,
      invalid: 0,
      done: 750,
      rejected: {},
      unfinished: { total: 0, users: [] },
      // One for each contact, and one for each of three tags and each hundred contacts.
      requests: 750 + 3 * 8,
      requestsAtMost: 750 + 750 * 2,
    });
    expect(new Set(contacts(ports)).size).toBe(750);
    expect(contacts(ports)).toHaveLength(750);
    expect(tagged(ports)).toEqual(contacts(ports));
    expect(ports.sent.filter(({ kind }) => kind === 'tag-users')).toHaveLength(1);
  });

  it('sends only a tag job for users of whom only tags change', async () => {
    const long = NOON - 20 * 24 * HOUR_MS;
    const { run, ports } = startMachine(1000, (index) =>
      index % 50 === 0
        ? synced({ ...fresh(index), lastActiveAt: new Date(long).toISOString() }, long)
        : synced(fresh(index)),
    );
    const { report } = await run({ mode: 'refresh' });
    expect(report).toMatchObject({ enqueued: 20, skipped: 980, requests: 2 });
    expect(contacts(ports)).toEqual([]);
    expect(tagged(ports)).toHaveLength(20);
  });

  it('keeps the queue short and the consumer busy', async () => {
    const { run, ports, clock } = startMachine(5000);
    const queue = watchQueue(ports);
    const { report } = await run({});
    const seconds = (clock.now - NOON) / 1000;
    expect(Math.max(...queue)).toBeLessThanOrEqual(OPTIONS.inFlight + 1);
    expect(report.requests / (REQUESTS_PER_SECOND * seconds)).toBeGreaterThan(0.95);
  });

  it('sends one tag job at a time, each with as many users as possible', async () => {
    const untagged = (index: number) => ({
      ...synced(fresh(index)),
      crm: { ...synced(fresh(index)).crm, tagIds: [] },
    });
    const { run, ports } = startMachine(5000, untagged);
    const queue = watchQueue(ports);
    expect((await run({ mode: 'tags' })).report).toMatchObject({ enqueued: 5000, done: 5000 });
    expect(ports.sent.map((message) => message.kind === 'tag-users' && message.userIds.length)).toEqual([
      2000, 2000, 1000,
    ]);
    expect(Math.max(...queue)).toBe(1);
  });

  it('of 60,000 users has fewer than 10,000 history events and ends on the same day', async () => {
    const { run, clock } = startMachine(60_000);
    const { report, historyEvents } = await run({});
    expect(report).toMatchObject({
      enqueued: 60_000,
      done: 60_000,
      requests: 60_000 + 3 * 600,
      executions: 1,
    });
    expect(historyEvents[0]).toBeLessThan(10_000);
    expect(new Date(clock.now).toISOString().slice(0, 10)).toBe('2026-06-15');
  });

  it('waits for the quota of the next day when it is spent', async () => {
    const { run, clock } = startMachine(10_000, fresh, CATALOG, 10_000);
    const { report } = await run({});
    expect(report).toMatchObject({
      enqueued: 10_000,
      done: 10_000,
      unfinished: { total: 0 },
      executions: 1,
    });
    expect(new Date(clock.now).toISOString().slice(0, 10)).toBe('2026-06-16');
  });

  it('continues in a new execution before its history is full', async () => {
    const { ports, clock } = startMachine(40_000);
    const { report, historyEvents } = await simulate({}, clock, ports, { ...OPTIONS, callMs: 1 });
    expect(report).toMatchObject({ enqueued: 40_000, done: 40_000 });
    expect(historyEvents.length).toBeGreaterThan(1);
    expect(report.executions).toBe(historyEvents.length);
    expect(Math.max(...historyEvents)).toBeLessThan(25_000);
  });

  it('stops at its limit', async () => {
    const { run, ports } = startMachine(500);
    expect((await run({ limit: 40 })).report.enqueued).toBe(40);
    expect(tagged(ports)).toHaveLength(40);
  });

  it('stops at its request budget, which includes the tags', async () => {
    const { run, ports } = startMachine(500);
    const { report } = await run({ requestBudget: 100 });
    expect(report.requests).toBeLessThanOrEqual(100);
    expect(report.enqueued).toBe(97);
    expect(tagged(ports)).toHaveLength(97);
  });

  it('with dryRun sends nothing, waits for nothing and reports what would be done', async () => {
    const broken = (index: number) => (index % 10 === 0 ? { ...fresh(index), email: 'x' } : fresh(index));
    const { run, ports, clock } = startMachine(2000, broken);
    const { report } = await run({ dryRun: true });
    expect(ports.sent).toEqual([]);
    expect(clock.now - NOON).toBeLessThan(60_000);
    expect(report).toMatchObject({
      dryRun: true,
      invalid: 200,
      findings: { created: 1800, updated: 0, tagged: 1800, invalid: { 'no-usable-email': 200 } },
      requests: 1800 + 3 * 18,
      requestsAtMost: 1800 + 2 * 1800,
      secondsAtPace: Math.ceil(1854 / REQUESTS_PER_SECOND),
      shareOfDay: 0.0148,
    });
  });

  it('of users who are up to date costs no message and no request', async () => {
    const { run, ports } = startMachine(1000, (index) => synced(fresh(index)));
    for (const mode of ['contacts', 'tags', 'refresh']) {
      expect((await run({ mode })).report).toMatchObject({ enqueued: 0, requests: 0, skipped: 1000 });
    }
    expect(ports.sent).toEqual([]);
  });
});
