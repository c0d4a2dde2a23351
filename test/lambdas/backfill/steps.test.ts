import { describe, expect, it } from 'vitest';
import type { SkippedRun } from '../../../lambdas/backfill/run.ts';
import {
  advanceRun,
  continueRun,
  MappingDoesNotFitError,
  reportRun,
  type StepContext,
  SupersededError,
  startRun,
} from '../../../lambdas/backfill/steps.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { emptyLedger } from '../../../shared/quota/ledger.ts';
import { OPTIONS, start } from '../../support/backfill-start.ts';
import { advance, as, begin, finish } from '../../support/backfill-steps.ts';
import { CATALOG, fresh, NOON, synced } from '../../support/backfill-users.ts';

const MINUTE_MS = 60_000;

describe('a run at the same time as another', () => {
  it('of the same mode is skipped and names the running one, unless it is a dry run', async () => {
    const started = start(1000);
    await begin({}, started.context);
    started.ports.running.add('arn:execution:run-1');
    expect(await startRun({}, as('run-2', started))).toEqual({
      runId: 'run-2',
      mode: 'contacts',
      next: 'skip',
      running: 'arn:execution:run-1',
    } satisfies SkippedRun);
    expect(await startRun({ dryRun: true }, as('run-3', started))).toMatchObject({ next: 'enqueue' });
  });

  it('of another mode shares the pace with it, and both end', async () => {
    const started = start(6000, (index) =>
      index < 3000
        ? fresh(index)
        : synced(
            { ...fresh(index), lastActiveAt: new Date(NOON - 20 * 1440 * MINUTE_MS).toISOString() },
            NOON - 20 * 1440 * MINUTE_MS,
          ),
    );
    const { ports, context } = started;
    let backfill = await begin({}, context);
    for (let call = 0; call < 3; call++) backfill = await advance(backfill, started, context);
    let refresh = await begin({ mode: 'refresh' }, as('run-2', started));
    expect(await ports.locks.read('contacts')).toMatchObject({ runId: 'run-1' });
    const shared: number[] = [];
    while (backfill.next !== 'report' || refresh.next !== 'report') {
      if (refresh.next !== 'report') refresh = await advance(refresh, started, as('run-2', started));
      if (refresh.next === 'report') await reportRun(refresh, as('run-2', started));
      if (backfill.next !== 'report') backfill = await advance(backfill, started, context);
      if (refresh.next !== 'report') shared.push(backfill.sent.length);
    }
    expect(backfill).toMatchObject({ done: backfill.enqueued, unfinished: { total: 0 } });
    expect(refresh).toMatchObject({ done: refresh.enqueued, unfinished: { total: 0 } });
    expect(Math.max(...shared.slice(1))).toBeLessThanOrEqual(OPTIONS.inFlight / 2);
  });

  it('that was stopped takes over its lock, so the stopped one cannot continue', async () => {
    const started = start(1000);
    const first = await begin({}, started.context);
    expect(await startRun({}, as('run-2', started))).toMatchObject({ runId: 'run-2', next: 'enqueue' });
    await expect(advanceRun(first, started.context)).rejects.toThrow(SupersededError);
  });

  it('that was stopped has the whole pace after a minute', async () => {
    const started = start(3000);
    await advanceRun(await begin({ mode: 'tags' }, started.context), started.context);
    started.clock.now += 2 * MINUTE_MS;
    let run = await begin({}, as('run-2', started));
    for (let call = 0; call < 2; call++) run = await advance(run, started, as('run-2', started));
    expect(run.sent.length).toBeGreaterThan(OPTIONS.inFlight / 2);
  });
});

describe('the lock of a run', () => {
  const runId = 'run-1';
  const executionArn = 'arn:execution:run-1';

  it('is busy for as long as a call of the function can last', async () => {
    const { context, ports, clock } = start(1000);
    const run = await begin({}, context);
    const busy = (busyUntil: number) => ({ runId, executionArn, busyUntil });
    expect(await ports.locks.read('contacts')).toEqual(busy(NOON + MINUTE_MS));
    clock.now += 5000;
    await advanceRun(run, { ...context, options: { ...OPTIONS, callMs: 0 } });
    expect(await ports.locks.read('contacts')).toEqual(busy(NOON + 5000 + MINUTE_MS));
  });

  it('is not busy while the run waits for the quota, so that others have the whole pace', async () => {
    const { context, ports } = start(1000);
    const run = await begin({}, context);
    ports.ledger = async () => ({
      ...emptyLedger(NOON),
      pause: { reason: 'operator', since: NOON, until: NOON + MINUTE_MS },
    });
    expect(await advanceRun(run, context)).toMatchObject({ next: 'waitForQuota' });
    expect(await ports.locks.read('contacts')).toEqual({ runId, executionArn, busyUntil: 0 });
  });

  it('is not taken by a dry run', async () => {
    const started = start(1000);
    const { ports } = started;
    let run = await begin({ dryRun: true }, started.context);
    run = await advance(run, started);
    const { next: _, ...continued } = await continueRun(run, started.context);
    expect(continued).toMatchObject({ executions: 2 });
    expect(await ports.locks.read('contacts')).toBeUndefined();
    await begin({}, as('run-2', started));
    await reportRun(run, as('run-2', started));
    expect(await ports.locks.read('contacts')).toMatchObject({ runId: 'run-2' });
  });

  it('is released at the end, unless another run has taken it over', async () => {
    const started = start(10);
    const first = await begin({}, started.context);
    await begin({}, as('run-2', started));
    await reportRun(first, started.context);
    expect(await started.ports.locks.read('contacts')).toMatchObject({ runId: 'run-2' });
    await reportRun({ ...first, runId: 'run-2' }, as('run-2', started));
    expect(await started.ports.locks.read('contacts')).toBeUndefined();
  });

  it('goes to one of two runs that start at the same moment, and the other names it', async () => {
    const started = start(10);
    const { ports } = started;
    const { take } = ports.locks;
    ports.locks.take = async (mode, lock, previous) => {
      await take(mode, { ...lock, executionArn: 'arn:execution:faster', runId: 'faster' }, previous);
      return take(mode, lock, previous);
    };
    expect(await startRun({}, started.context)).toEqual({
      runId,
      mode: 'contacts',
      next: 'skip',
      running: 'arn:execution:faster',
    });
    ports.locks.take = async () => false;
    ports.locks.read = async () => undefined;
    expect(await startRun({}, started.context)).toMatchObject({ next: 'skip', running: expect.any(String) });
  });

  it('can be taken again when its step is repeated', async () => {
    const started = start(10);
    await begin({}, started.context);
    started.ports.running.add(executionArn);
    expect(await startRun({}, started.context)).toMatchObject({ runId, next: 'enqueue' });
  });

  it('stops a run from which another takes it over at this moment', async () => {
    const { context, ports } = start(10);
    const run = await begin({}, context);
    ports.locks.take = async () => false;
    await expect(advanceRun(run, context)).rejects.toThrow(SupersededError);
    await ports.locks.release('contacts', runId);
    await expect(advanceRun(run, context)).rejects.toThrow(SupersededError);
    await expect(continueRun(run, context)).rejects.toThrow(SupersededError);
  });

  it('says whether the run that took over is still there, when the execution is redriven', async () => {
    const started = start(10);
    const run = await begin({}, started.context);
    const other = as('run-2', started);
    const taken = await begin({}, other);
    await expect(advanceRun(run, started.context)).rejects.toThrow(/taken over: arn:execution:run-2/);
    await finish(taken, started, other);
    await expect(advanceRun(run, started.context)).rejects.toThrow('has ended. Start a new one');
  });
});

describe('the pace of a run', () => {
  it.each([
    ['alone', [], OPTIONS.inFlight],
    ['beside another run', [NOON + 1], Math.floor(OPTIONS.inFlight / 2)],
    ['beside two other runs', [NOON + 1, NOON + 1], Math.floor(OPTIONS.inFlight / 3)],
    ['beside a run that has stopped', [NOON], OPTIONS.inFlight],
    ['beside a run that waits for the quota', [0], OPTIONS.inFlight],
  ])('is shared %s', async (_, busyUntil, inFlight) => {
    const started = start(1000);
    const { context, ports } = started;
    const scanned = await advanceRun(await begin({}, context), context);
    for (const [index, mode] of (['tags', 'refresh'] as const).entries()) {
      const until = busyUntil[index];
      if (until !== undefined)
        await ports.locks.take(
          mode,
          { runId: mode, executionArn: `arn:${mode}`, busyUntil: until },
          undefined,
        );
    }
    const run = await advanceRun(scanned, { ...context, options: { ...context.options, callMs: 0 } });
    expect(run.sent).toHaveLength(inFlight);
  });
});

describe('the beginning and the end of a run', () => {
  it('has the input, and nothing done', async () => {
    const { context } = start(1234);
    const run = await begin({ mode: 'refresh', limit: 7, requestBudget: 9 }, context);
    const { tagEstimate: _, ...others } = run;
    expect(others).toEqual({
      runId: 'run-1',
      input: { mode: 'refresh', dryRun: false, limit: 7, requestBudget: 9, maxInFlight: OPTIONS.inFlight },
      next: 'enqueue',
      waitSeconds: 0,
      cursor: null,
      scanFinished: false,
      scanned: 0,
      enqueued: 0,
      skipped: 0,
      invalid: 0,
      done: 0,
      rejected: {},
      unfinished: { total: 0, users: [] },
      plannedRequests: 0,
      maxRequests: 0,
      requestsToday: 0,
      users: 1234,
      shareDone: 0,
      startedAt: '2026-06-15T12:00:00.000Z',
      estimatedEnd: '2026-06-15T12:00:00.000Z',
      calls: 0,
      executions: 1,
      findings: { created: 0, updated: 0, tagged: 0, invalid: {} },
      ready: [],
      readyForTags: [],
      sent: [],
      pendingTags: { userIds: [], bytes: 0, since: NOON },
      tagJob: null,
      lastDoneAt: 0,
      lastProgressAt: NOON,
    });
    expect((await begin({ mode: 'tags', maxInFlight: 3 }, context)).input.maxInFlight).toBe(3);
  });

  it('is a report of the totals', async () => {
    const started = start(100, (index) => (index < 40 ? synced(fresh(index)) : fresh(index)));
    const report = await finish(await begin({}, started.context), started);
    expect(report).toEqual({
      runId: 'run-1',
      mode: 'contacts',
      dryRun: false,
      scanned: 100,
      enqueued: 60,
      skipped: 40,
      invalid: 0,
      findings: { created: 60, updated: 0, tagged: 60, invalid: {} },
      done: 60,
      rejected: {},
      unfinished: { total: 0, users: [] },
      requests: 60 + 3,
      requestsAtMost: 60 + 60 * 2,
      secondsAtPace: 3,
      // 63 of 125,000.
      shareOfDay: 0.0005,
      startedAt: '2026-06-15T12:00:00.000Z',
      endedAt: new Date(started.clock.now).toISOString(),
      executions: 1,
    });
  });
});

it('a call that ends with an error of DynamoDB or SQS keeps what it has done before', async () => {
  const started = start(1000);
  const { context, ports } = started;
  const stored = await advanceRun(await begin({}, context), context);
  let reads = 0;
  const failing: StepContext['ports'] = {
    ...ports,
    async users(userIds) {
      if (reads++ === 5) throw new Error('Throttled');
      return ports.users(userIds);
    },
  };
  const run = await advanceRun(stored, { ...context, ports: failing });
  expect(run).toMatchObject({ next: 'waitForUsers', waitSeconds: 2 });
  expect(run.pendingTags.userIds.length).toBeGreaterThan(0);
  expect(await finish(run, started, context)).toMatchObject({ done: 1000 });
  reads = 5;
  await expect(advanceRun(run, { ...context, ports: failing })).rejects.toThrow();
});

it('a run that continues in a new execution hands its lock over', async () => {
  const started = start(1000);
  const { context, ports } = started;
  const run = await advanceRun(await begin({}, context), context);
  const continued = await continueRun(run, context);
  expect(ports.started).toMatchObject([
    { name: 'run-1-2', input: { cursor: run.cursor, calls: 0, executions: 2 } },
  ]);
  expect(await ports.locks.read('contacts')).toMatchObject({
    runId: 'run-1',
    executionArn: continued.continuedIn,
  });
  await advanceRun(continued, { ...context, executionArn: continued.continuedIn });
});

it('a new execution has a name that Step Functions allows, and the whole state', async () => {
  const started = start(1000);
  const name = `a${'b'.repeat(79)}`;
  const context = as(name, started);
  const run = await advanceRun(await begin({}, context), context);
  const continued = await continueRun({ ...run, calls: 2000, waitSeconds: 9, next: 'continue' }, context);
  expect(started.ports.started).toMatchObject([
    {
      name: `${name.slice(0, 70)}-2`,
      input: { ...run, next: 'enqueue', waitSeconds: 0, calls: 0, executions: 2 },
    },
  ]);
  expect(continued).toMatchObject({ runId: name, continuedIn: `arn:execution:${name.slice(0, 70)}-2` });
});

describe('a mapping that the account does not accept', () => {
  const problems = ['custom field "Program": is of type Date in the CRM, and Text in the mapping'];

  it('stops a run that a person starts, with the problems, and not the daily refresh', async () => {
    const { context, ports } = start(10, fresh, { ...CATALOG, problems });
    await expect(startRun({ mode: 'contacts' }, context)).rejects.toThrow(MappingDoesNotFitError);
    await expect(startRun({ mode: 'tags' }, context)).rejects.toThrow(/custom field "Program"/);
    expect(await ports.locks.read('contacts')).toBeUndefined();
    expect(await startRun({ mode: 'refresh' }, context)).toMatchObject({ next: 'enqueue' });
  });

  it('is not known before the first sync, so the run starts', async () => {
    const { context, ports } = start(10);
    ports.catalog = async () => undefined;
    expect(await startRun({}, context)).toMatchObject({ next: 'enqueue' });
  });

  it('does not count if the catalog is of another mapping: its problems and ids are ignored, and every user is enqueued', async () => {
    const older: Catalog = { ...CATALOG, tags: {}, problems, requirementsHash: 'of an older mapping' };
    const started = start(10, (index) => synced(fresh(index)), older);
    const run = await begin({ mode: 'refresh' }, started.context);
    expect(await finish(run, started)).toMatchObject({ enqueued: 10 });
  });
});
