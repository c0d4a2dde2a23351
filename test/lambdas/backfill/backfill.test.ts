import { describe, expect, it } from 'vitest';
import type { Run } from '../../../lambdas/backfill/run.ts';
import {
  AlreadyRunningError,
  continueRun,
  feedPage,
  MappingDoesNotFitError,
  plan,
  report,
  SupersededError,
} from '../../../lambdas/backfill/steps.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog.ts';
import { PRESETS } from '../../../shared/quota/limits.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { simulate } from './definition.ts';
import { type JumpingClock, memoryPorts } from './memory-ports.ts';
import { CATALOG, fresh, NOON, synced } from './users.ts';

const HOUR_MS = 3_600_000;
const REQUESTS_PER_SECOND = 23.8;
const OPTIONS = {
  mapping,
  budget: { limits: PRESETS.team, liveReserve: 0.2 },
  requestsPerSecond: REQUESTS_PER_SECOND,
  tagBatch: 100,
  inFlight: 30,
  scanMs: 20_000,
};
function start(count: number, at: (index: number) => User = fresh, catalog: Catalog | undefined = CATALOG) {
  const clock: JumpingClock = { now: NOON };
  const ports = memoryPorts(
    clock,
    { count, at },
    { requestsPerSecond: REQUESTS_PER_SECOND, budget: OPTIONS.budget, ...(catalog && { catalog }) },
  );
  const context = { ports, options: OPTIONS, executionArn: 'arn:execution:run-1' };
  return { clock, ports, context, run: (input: unknown) => simulate(input, clock, ports, OPTIONS) };
}

const contacts = ({ sent }: ReturnType<typeof memoryPorts>) =>
  sent.filter((message) => message.kind === 'user').map(({ userId }) => userId);
const tagged = ({ sent }: ReturnType<typeof memoryPorts>) =>
  sent.flatMap((message) => (message.kind === 'tag-users' ? message.userIds : []));

describe('a run of the synthesized state machine', () => {
  it('sends every user who needs it once, their tags together, and reports', async () => {
    const { run, ports } = start(1000, (index) => (index % 4 === 0 ? synced(fresh(index)) : fresh(index)));
    const { report } = await run({});
    expect(report).toMatchObject({
      scanned: 1000,
      enqueued: 750,
      skipped: 250,
      failed: 0,
      // A contact for each, and three tags for 500 and for 250, a hundred at a time.
      requests: 750 + 3 * 5 + 3 * 3,
      requestsAtMost: 750 + 750 * 2,
    });
    expect(new Set(contacts(ports)).size).toBe(750);
    expect(contacts(ports)).toHaveLength(750);
    expect(tagged(ports)).toEqual(contacts(ports));
    expect(ports.sent.filter(({ kind }) => kind === 'tag-users')).toHaveLength(2);
  });

  it('sends no message about the contact of a user of whom only tags change', async () => {
    const long = NOON - 20 * 24 * HOUR_MS;
    const { run, ports } = start(1000, (index) =>
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
    const { run, ports, clock } = start(5000);
    const backlogs: number[] = [];
    const { backlog } = ports;
    ports.backlog = async () => {
      backlogs.push(await backlog());
      return backlogs.at(-1) ?? 0;
    };
    const { report } = await run({});
    const seconds = (clock.now - NOON) / 1000;
    expect(Math.max(...backlogs)).toBeLessThanOrEqual(5 * REQUESTS_PER_SECOND + 30);
    expect(report.requests / (REQUESTS_PER_SECOND * seconds)).toBeGreaterThan(0.95);
    expect(backlogs.slice(1, -1).every((waiting) => waiting > 0)).toBe(true);
  });

  it('keeps the queue short where each message stands for many requests', async () => {
    const untagged = (index: number) => ({
      ...synced(fresh(index)),
      crm: { ...synced(fresh(index)).crm, tagIds: [] },
    });
    const { run, ports } = start(20_000, untagged);
    const backlogs: number[] = [];
    const { backlog } = ports;
    ports.backlog = async () => {
      backlogs.push(await backlog());
      return backlogs.at(-1) ?? 0;
    };
    await run({ mode: 'tags' });
    // Fifteen requests each: as many as five seconds take, and those that are being made.
    expect(Math.max(...backlogs)).toBeLessThanOrEqual(Math.ceil((5 * REQUESTS_PER_SECOND + 30) / 15) + 1);
  });

  it('of 60,000 users has under 10,000 history events, and ends on the same day', async () => {
    const { run, clock } = start(60_000);
    const { report, historyEvents } = await run({});
    expect(report).toMatchObject({ enqueued: 60_000, requests: 60_000 + 3 * 600, executions: 1 });
    expect(historyEvents[0]).toBeLessThan(10_000);
    expect(new Date(clock.now).toISOString().slice(0, 10)).toBe('2026-06-15');
  });

  it('waits for the quota of the next day when it is spent', async () => {
    const { run, clock } = start(120_000);
    const { report } = await run({});
    expect(report).toMatchObject({ enqueued: 120_000, executions: 1 });
    expect(new Date(clock.now).toISOString().slice(0, 10)).toBe('2026-06-16');
  });

  it('goes on as a new execution before its history is full', async () => {
    const { run } = start(60_000);
    const { report, historyEvents } = await run({ maxBacklog: 20 });
    expect(report.enqueued).toBe(60_000);
    expect(historyEvents.length).toBeGreaterThan(1);
    expect(report.executions).toBe(historyEvents.length);
    expect(Math.max(...historyEvents)).toBeLessThan(25_000);
  });

  it('stops at its limit', async () => {
    const { run, ports } = start(500);
    expect((await run({ limit: 40 })).report.enqueued).toBe(40);
    expect(tagged(ports)).toHaveLength(40);
  });

  it('stops at its request budget, of which the tags are a part', async () => {
    const { run, ports } = start(500);
    const { report } = await run({ requestBudget: 100 });
    expect(report.requests).toBeLessThanOrEqual(100);
    expect(report.enqueued).toBe(97);
    expect(tagged(ports)).toHaveLength(97);
  });

  it('that is dry sends nothing, waits for nothing, and says what would be done', async () => {
    const broken = (index: number) => (index % 10 === 0 ? { ...fresh(index), email: 'x' } : fresh(index));
    const { run, ports, clock } = start(2000, broken);
    const { report } = await run({ dryRun: true });
    expect(ports.sent).toEqual([]);
    expect(clock.now - NOON).toBeLessThan(60_000);
    expect(report).toMatchObject({
      dryRun: true,
      failed: 200,
      findings: { created: 1800, updated: 0, tagged: 1800, rejected: { 'no-usable-email': 200 } },
      requests: 1854,
      requestsAtMost: 1800 + 2 * 1800,
      secondsAtPace: Math.ceil(1854 / REQUESTS_PER_SECOND),
      shareOfDay: 0.0148,
    });
  });

  it('over users who are right already costs neither a message nor a request', async () => {
    const { run, ports } = start(1000, (index) => synced(fresh(index)));
    for (const mode of ['contacts', 'tags', 'refresh']) {
      expect((await run({ mode })).report).toMatchObject({ enqueued: 0, requests: 0, skipped: 1000 });
    }
    expect(ports.sent).toEqual([]);
  });
});

describe('a mapping that the account cannot take', () => {
  const problems = ['custom field "Program": is of type Date in the CRM, and Text in the mapping'];

  it('meets no user: what a person starts fails and names what is wrong, and the daily refresh goes on', async () => {
    const { context, ports } = start(10, fresh, { ...CATALOG, problems });
    await expect(plan({ mode: 'contacts' }, context)).rejects.toThrow(MappingDoesNotFitError);
    await expect(plan({ mode: 'tags' }, context)).rejects.toThrow(/custom field "Program"/);
    expect(await ports.owner()).toBeUndefined();
    expect(await plan({ mode: 'refresh' }, context)).toMatchObject({ next: 'feed' });
  });

  it('of another mapping than this does not count, and its ids do not either: every user is looked at', async () => {
    const older: Catalog = { ...CATALOG, tags: {}, problems, needs: 'of an older mapping' };
    const { run } = start(10, (index) => synced(fresh(index)), older);
    expect((await run({ mode: 'refresh' })).report).toMatchObject({ enqueued: 10 });
  });
});

describe('a run that is disturbed', () => {
  it('refuses to start beside another', async () => {
    const { context, ports } = start(1000);
    await plan({}, context);
    ports.running.add('arn:execution:run-1');
    await expect(plan({}, { ...context, executionArn: 'arn:execution:run-2' })).rejects.toThrow(
      AlreadyRunningError,
    );
  });

  it('takes over from one that was stopped, and that one cannot go on', async () => {
    const { context } = start(1000);
    const first = await plan({}, context);
    const second = { ...context, executionArn: 'arn:execution:run-2' };
    expect((await plan({}, second)).runId).toBe('run-2');
    await expect(feedPage(first, context)).rejects.toThrow(SupersededError);
  });

  it('loses nobody when a feeder dies between sending and recording: the page is fed again', async () => {
    const { context, ports, clock } = start(1000);
    const planned = await plan({}, context);
    await feedPage(planned, context);
    clock.now += 60_000;
    let run: Run = await feedPage(planned, context);
    while (run.next !== 'report') {
      clock.now += run.waitSeconds * 1000;
      run = await feedPage(run, context);
    }
    await report(run, context);
    expect(new Set(contacts(ports)).size).toBe(1000);
    expect(new Set(tagged(ports)).size).toBe(1000);
    expect(await ports.owner()).toBeUndefined();
  });

  it('looks seldom at a queue in which a message is stuck, and soon at one that moves', async () => {
    const { context, ports } = start(1);
    let run: Run = await feedPage(await plan({}, context), context);
    const waits = async (backlogs: number[]) => {
      const seconds: number[] = [];
      for (const backlog of backlogs) {
        ports.backlog = async () => backlog;
        run = await feedPage(run, context);
        seconds.push(run.waitSeconds);
      }
      return seconds;
    };
    expect(await waits([2, 2, 2, 3, 3, 1, 1, 1])).toEqual([2, 3, 4, 5, 6, 1, 2, 3]);
    const hour = await waits(Array<number>(200).fill(1));
    expect(hour.reduce((sum, seconds) => sum + seconds)).toBeGreaterThan(3600);
    expect(Math.max(...hour)).toBe(20);
    expect(await waits([0])).toEqual([0]);
    expect(run.next).toBe('report');
  });

  it('that a version before this one has begun goes on after a deploy', async () => {
    const { context } = start(1000);
    const { toTag: _, messages: __, mostRequests: ___, ...older } = await plan({}, context);
    const run = await feedPage({ ...older, input: { ...older.input, maxBacklog: 250 } } as Run, context);
    expect(run).toMatchObject({ next: 'drain', input: { maxBacklog: 250 } });
    expect(run.toTag.userIds.length).toBeGreaterThan(0);
  });

  it('that is continued hands itself over to the new execution', async () => {
    const { context, ports } = start(1000);
    const run = await feedPage(await plan({}, context), context);
    const continued = await continueRun(run, context);
    expect(ports.started).toMatchObject([
      { name: 'run-1-2', input: { cursor: run.cursor, pages: 0, executions: 2 } },
    ]);
    expect(await ports.owner()).toEqual({ runId: 'run-1', executionArn: continued.continuedIn });
    await feedPage(continued, { ...context, executionArn: continued.continuedIn });
  });
});
