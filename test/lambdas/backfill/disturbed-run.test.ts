import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Report, Run, SkippedRun } from '../../../lambdas/backfill/run.ts';
import {
  advanceRun,
  continueRun,
  reportRun,
  type StepContext,
  SupersededError,
  startRun,
} from '../../../lambdas/backfill/steps.ts';
import { OPTIONS, start } from '../../support/backfill-start.ts';
import { fresh, NOON, synced } from '../../support/backfill-users.ts';
import { sum } from '../../support/sum.ts';

const MINUTE_MS = 60_000;
const BETWEEN_CALLS_MS = 200;

type Started = ReturnType<typeof start>;

/** Starts a run. */
async function begin(input: unknown, context: StepContext): Promise<Run> {
  const run = await startRun(input, context);
  if (run.next === 'skip') throw new Error('The run was skipped');
  return run;
}

/** One call of the step "Enqueue users", after the wait of the last one. */
async function advance(run: Run, { clock }: Started, context: StepContext): Promise<Run> {
  clock.now += run.waitSeconds * 1000 + BETWEEN_CALLS_MS;
  return advanceRun(run, context);
}

/** Runs all steps to the report. */
async function finish(run: Run, started: Started, context: StepContext): Promise<Report> {
  let state = run;
  while (state.next !== 'report') state = await advance(state, started, context);
  return reportRun(state, context);
}

const as = (name: string, { context }: Started): StepContext => ({
  ...context,
  executionArn: `arn:execution:${name}`,
});

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

describe('a run with users who keep failing', () => {
  it('ends in its normal time and names them with the reason', async () => {
    const started = start(200);
    const { ports, clock } = started;
    ports.failing.set('7', 'The account may not do this (403)');
    const result = await finish(await begin({}, started.context), started, started.context);
    expect(result).toMatchObject({
      enqueued: 200,
      done: 199,
      unfinished: { total: 1, users: [{ userId: '7', reason: 'The account may not do this (403)' }] },
    });
    expect(clock.now - NOON).toBeLessThan(MINUTE_MS);
    expect(await ports.locks.read('contacts')).toBeUndefined();
  });

  it('names the first hundred and counts all', async () => {
    const started = start(1000);
    for (let index = 0; index < 300; index++)
      started.ports.failing.set(String(index), 'The CRM failed (500)');
    const result = await finish(await begin({}, started.context), started, started.context);
    expect(result).toMatchObject({ done: 700, unfinished: { total: 300 } });
    expect(result.unfinished.users).toHaveLength(100);
  });

  it('waits while all users fail, since that is an outage', async () => {
    const started = start(500);
    const { ports, clock } = started;
    let run = await advance(await begin({}, started.context), started, started.context);
    for (let index = 0; index < 500; index++) ports.failing.set(String(index), 'The CRM failed (503)');
    while (clock.now - NOON < 14 * MINUTE_MS) run = await advance(run, started, started.context);
    expect(run).toMatchObject({ unfinished: { total: 0 } });
    expect(run.sent.length).toBeLessThanOrEqual(OPTIONS.inFlight);
    ports.failing.clear();
    expect(await finish(run, started, started.context)).toMatchObject({
      done: 500,
      unfinished: { total: 0 },
    });
  });

  it('stops waiting after fifteen minutes for a user without a recorded failure', async () => {
    const started = start(100);
    started.ports.failing.set('7', undefined);
    const result = await finish(await begin({}, started.context), started, started.context);
    expect(result.unfinished).toEqual({
      total: 1,
      users: [{ userId: '7', reason: 'Not done within 15 minutes' }],
    });
    const minutes = (started.clock.now - NOON) / MINUTE_MS;
    expect(minutes).toBeGreaterThan(15);
    expect(minutes).toBeLessThan(17);
  });

  it('counts users whom the CRM refuses by reason, and users who were deleted as done', async () => {
    const started = start(100);
    started.ports.refused.set('3', 'refused-by-crm');
    started.ports.refused.set('4', 'refused-by-crm');
    started.ports.deleted.add('5');
    expect(await finish(await begin({}, started.context), started, started.context)).toMatchObject({
      enqueued: 100,
      done: 98,
      rejected: { 'refused-by-crm': 2 },
      unfinished: { total: 0 },
    });
  });
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

/** What happens to one call of the function. */
const disturbance = fc.oneof(
  fc.constant({ kind: 'none' } as const),
  // A call of a port fails, or the function dies there, before or after the call takes effect.
  fc.record({
    kind: fc.constantFrom('fails' as const, 'dies' as const),
    at: fc.nat(40),
    after: fc.boolean(),
  }),
  // The response of the function is lost, and it is called again later.
  fc.record({ kind: fc.constant('repeated' as const), seconds: fc.nat(900) }),
);
type Disturbance = typeof disturbance extends fc.Arbitrary<infer Kind> ? Kind : never;

/** Ports of which one call fails. */
function dying(
  ports: StepContext['ports'],
  { kind, at, after }: { kind: 'fails' | 'dies'; at: number; after: boolean },
): StepContext['ports'] {
  let calls = 0;
  const fails =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const isLast = calls++ === at;
      if (isLast && !after) throw new Error('The function died');
      const result = await call(...args);
      if (isLast) throw new Error('The function died');
      return result;
    };
  return {
    ...ports,
    users: fails(ports.users),
    usersAfter: fails(ports.usersAfter),
    send: fails(ports.send),
    sleep: fails(ports.sleep),
    onFailure(error) {
      if (kind === 'dies') throw error;
    },
  };
}

/** One call of the function, which is repeated if it fails. */
async function disturbed(run: Run, started: Started, what: Disturbance): Promise<Run> {
  const { context, clock } = started;
  if (what.kind === 'fails' || what.kind === 'dies') {
    const ports = dying(context.ports, what);
    const next = await advanceRun(run, { ...context, ports }).catch(() => undefined);
    if (next) return next;
    clock.now += 5000;
  }
  if (what.kind === 'repeated') {
    await advanceRun(run, context);
    clock.now += what.seconds * 1000;
  }
  return advance(run, started, context);
}

it('the totals are correct, whatever fails, dies or is repeated', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.array(disturbance, { maxLength: 12 }),
      fc.uniqueArray(fc.nat(899), { maxLength: 5 }),
      fc.uniqueArray(fc.nat(899), { maxLength: 5 }),
      async (count, disturbances, failingIds, refusedIds) => {
        const started = start(count, (index) => (index % 3 === 0 ? synced(fresh(index)) : fresh(index)));
        const { ports, context } = started;
        const needing = (index: number) => index < count && index % 3 !== 0;
        const failing = failingIds.filter(needing);
        const refused = refusedIds.filter((index) => needing(index) && !failing.includes(index));
        for (const index of failing) ports.failing.set(String(index), 'The CRM failed (500)');
        for (const index of refused) ports.refused.set(String(index), 'refused-by-crm');
        let run = await begin({}, context);
        for (const what of disturbances) {
          if (run.next === 'report') break;
          run = await disturbed(run, started, what);
        }
        const result = await finish(run, started, context);
        const enqueued = Array.from({ length: count }, (_, index) => index).filter(needing).length;
        expect(result).toMatchObject({ scanned: count, enqueued, skipped: count - enqueued });
        expect(result.unfinished.users.map(({ userId }) => Number(userId)).sort((a, b) => a - b)).toEqual(
          failing.sort((a, b) => a - b),
        );
        expect(sum(Object.values(result.rejected))).toBe(refused.length);
        expect(result.done).toBe(enqueued - failing.length - refused.length);
      },
    ),
    { numRuns: 150 },
  );
}, 120_000);
