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

describe('a mapping that the account does not accept', () => {
  const problems = ['custom field "Program": is of type Date in the CRM, and Text in the mapping'];

  it('stops a run that a person starts, with the problems, and not the daily refresh', async () => {
    const { context, ports } = start(10, fresh, { ...CATALOG, problems });
    await expect(startRun({ mode: 'contacts' }, context)).rejects.toThrow(MappingDoesNotFitError);
    await expect(startRun({ mode: 'tags' }, context)).rejects.toThrow(/custom field "Program"/);
    expect(await ports.locks.read('contacts')).toBeUndefined();
    expect(await startRun({ mode: 'refresh' }, context)).toMatchObject({ next: 'enqueue' });
  });

  it('is ignored with its ids if the catalog is of another mapping: every user is enqueued', async () => {
    const older: Catalog = { ...CATALOG, tags: {}, problems, requirementsHash: 'of an older mapping' };
    const started = start(10, (index) => synced(fresh(index)), older);
    const run = await begin({ mode: 'refresh' }, started.context);
    expect(await finish(run, started)).toMatchObject({ enqueued: 10 });
  });
});
