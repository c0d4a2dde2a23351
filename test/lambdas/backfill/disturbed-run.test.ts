import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Report, Run, SkippedRun } from '../../../lambdas/backfill/run.ts';
import {
  continueRun,
  feedSome,
  plan,
  report,
  type StepContext,
  SupersededError,
} from '../../../lambdas/backfill/steps.ts';
import { OPTIONS, start } from '../../support/backfill-start.ts';
import { fresh, NOON, synced } from '../../support/backfill-users.ts';
import { sum } from '../../support/sum.ts';

const MINUTE_MS = 60_000;
const BETWEEN_CALLS_MS = 200;

type Started = ReturnType<typeof start>;

/** A run that has begun. */
async function begin(input: unknown, context: StepContext): Promise<Run> {
  const run = await plan(input, context);
  if (run.next === 'skip') throw new Error('The run was skipped');
  return run;
}

/** One step of the state machine, after the wait that the step before it asked for. */
async function advance(run: Run, { clock }: Started, context: StepContext): Promise<Run> {
  clock.now += run.waitSeconds * 1000 + BETWEEN_CALLS_MS;
  return feedSome(run, context);
}

/** Follows a run to its end. */
async function finish(run: Run, started: Started, context: StepContext): Promise<Report> {
  let state = run;
  while (state.next !== 'report') state = await advance(state, started, context);
  return report(state, context);
}

const as = (name: string, { context }: Started): StepContext => ({
  ...context,
  executionArn: `arn:execution:${name}`,
});

describe('a run beside another', () => {
  it('of the same mode is skipped, and names the one that runs', async () => {
    const started = start(1000);
    await begin({}, started.context);
    started.ports.running.add('arn:execution:run-1');
    expect(await plan({}, as('run-2', started))).toEqual({
      runId: 'run-2',
      mode: 'contacts',
      next: 'skip',
      running: 'arn:execution:run-1',
    } satisfies SkippedRun);
    expect(await plan({ dryRun: true }, as('run-3', started))).toMatchObject({ next: 'feed' });
  });

  it('of another mode goes on beside it, both end, and they share the pace', async () => {
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
      if (refresh.next === 'report') await report(refresh, as('run-2', started));
      if (backfill.next !== 'report') backfill = await advance(backfill, started, context);
      if (refresh.next !== 'report') shared.push(backfill.sent.length);
    }
    expect(backfill).toMatchObject({ done: backfill.enqueued, left: { total: 0 } });
    expect(refresh).toMatchObject({ done: refresh.enqueued, left: { total: 0 } });
    expect(Math.max(...shared.slice(1))).toBeLessThanOrEqual(OPTIONS.inFlight / 2);
  });

  it('that was stopped takes its place, and that one cannot go on', async () => {
    const started = start(1000);
    const first = await begin({}, started.context);
    expect(await plan({}, as('run-2', started))).toMatchObject({ runId: 'run-2', next: 'feed' });
    await expect(feedSome(first, started.context)).rejects.toThrow(SupersededError);
  });

  it('that was stopped without a word takes no part of the pace after a minute', async () => {
    const started = start(3000);
    await feedSome(await begin({ mode: 'tags' }, started.context), started.context);
    started.clock.now += 2 * MINUTE_MS;
    let run = await begin({}, as('run-2', started));
    for (let call = 0; call < 2; call++) run = await advance(run, started, as('run-2', started));
    expect(run.sent.length).toBeGreaterThan(OPTIONS.inFlight / 2);
  });
});

it('keeps what a call has done before DynamoDB or SQS fails', async () => {
  const started = start(1000);
  const { context, ports } = started;
  const stored = await feedSome(await begin({}, context), context);
  let looks = 0;
  const failing: StepContext['ports'] = {
    ...ports,
    async users(userIds) {
      if (looks++ === 5) throw new Error('Throttled');
      return ports.users(userIds);
    },
  };
  const run = await feedSome(stored, { ...context, ports: failing });
  expect(run).toMatchObject({ next: 'drain', waitSeconds: 2 });
  expect(run.pendingTags.userIds.length).toBeGreaterThan(0);
  expect(await finish(run, started, context)).toMatchObject({ done: 1000 });
  looks = 5;
  await expect(feedSome(run, { ...context, ports: failing })).rejects.toThrow();
});

describe('a run with users who cannot be written', () => {
  it('ends in its normal time, and names them with the reason', async () => {
    const started = start(200);
    const { ports, clock } = started;
    ports.stuck.set('7', 'The account may not do this (403)');
    const result = await finish(await begin({}, started.context), started, started.context);
    expect(result).toMatchObject({
      enqueued: 200,
      done: 199,
      left: { total: 1, users: [{ userId: '7', reason: 'The account may not do this (403)' }] },
    });
    expect(clock.now - NOON).toBeLessThan(MINUTE_MS);
    expect(await ports.locks.read('contacts')).toBeUndefined();
  });

  it('names the first hundred, and counts all', async () => {
    const started = start(1000);
    for (let index = 0; index < 300; index++) started.ports.stuck.set(String(index), 'The CRM failed (500)');
    const result = await finish(await begin({}, started.context), started, started.context);
    expect(result).toMatchObject({ done: 700, left: { total: 300 } });
    expect(result.left.users).toHaveLength(100);
  });

  it('waits while nobody can be written, since that is an outage', async () => {
    const started = start(500);
    const { ports, clock } = started;
    const later = await begin({}, started.context);
    let run = await advance(later, started, started.context);
    for (let index = 0; index < 500; index++) ports.stuck.set(String(index), 'The CRM failed (503)');
    while (clock.now - NOON < 14 * MINUTE_MS) run = await advance(run, started, started.context);
    expect(run).toMatchObject({ left: { total: 0 } });
    expect(run.sent.length).toBeLessThanOrEqual(OPTIONS.inFlight);
    ports.stuck.clear();
    expect(await finish(run, started, started.context)).toMatchObject({ done: 500, left: { total: 0 } });
  });

  it('of whom nothing is heard waits for fifteen minutes', async () => {
    const started = start(100);
    started.ports.stuck.set('7', undefined);
    const result = await finish(await begin({}, started.context), started, started.context);
    expect(result.left).toEqual({ total: 1, users: [{ userId: '7', reason: 'Not done within 15 minutes' }] });
    const minutes = (started.clock.now - NOON) / MINUTE_MS;
    expect(minutes).toBeGreaterThan(15);
    expect(minutes).toBeLessThan(17);
  });

  it('counts those whom the CRM refuses by their reason, and those who leave the app as done', async () => {
    const started = start(100);
    started.ports.refused.set('3', 'refused-by-crm');
    started.ports.refused.set('4', 'refused-by-crm');
    started.ports.gone.add('5');
    expect(await finish(await begin({}, started.context), started, started.context)).toMatchObject({
      enqueued: 100,
      done: 98,
      rejected: { 'refused-by-crm': 2 },
      left: { total: 0 },
    });
  });
});

it('a run that is continued hands itself over to the new execution', async () => {
  const started = start(1000);
  const { context, ports } = started;
  const run = await feedSome(await begin({}, context), context);
  const continued = await continueRun(run, context);
  expect(ports.started).toMatchObject([
    { name: 'run-1-2', input: { cursor: run.cursor, calls: 0, executions: 2 } },
  ]);
  expect(await ports.locks.read('contacts')).toMatchObject({
    runId: 'run-1',
    executionArn: continued.continuedIn,
  });
  await feedSome(continued, { ...context, executionArn: continued.continuedIn });
});

/** What happens to one call of the feeder. */
const disturbance = fc.oneof(
  fc.constant({ kind: 'none' } as const),
  // One of its calls of a port fails, or it dies there, before or after that had its effect.
  fc.record({
    kind: fc.constantFrom('fails' as const, 'dies' as const),
    at: fc.nat(40),
    after: fc.boolean(),
  }),
  // Its answer is lost, and it is called again some time later.
  fc.record({ kind: fc.constant('repeated' as const), seconds: fc.nat(900) }),
);
type Disturbance = typeof disturbance extends fc.Arbitrary<infer Kind> ? Kind : never;

/** The same ports, of which one call fails. */
function dying(
  ports: StepContext['ports'],
  { kind, at, after }: { kind: 'fails' | 'dies'; at: number; after: boolean },
): StepContext['ports'] {
  let calls = 0;
  const fails =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const isLast = calls++ === at;
      if (isLast && !after) throw new Error('The feeder died');
      const result = await call(...args);
      if (isLast) throw new Error('The feeder died');
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

/** One call of the feeder, and another one where it fails. */
async function disturbed(run: Run, started: Started, what: Disturbance): Promise<Run> {
  const { context, clock } = started;
  if (what.kind === 'fails' || what.kind === 'dies') {
    const ports = dying(context.ports, what);
    const next = await feedSome(run, { ...context, ports }).catch(() => undefined);
    if (next) return next;
    clock.now += 5000;
  }
  if (what.kind === 'repeated') {
    await feedSome(run, context);
    clock.now += what.seconds * 1000;
  }
  return advance(run, started, context);
}

it('whatever dies or comes twice: the totals are the truth', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.array(disturbance, { maxLength: 12 }),
      fc.uniqueArray(fc.nat(899), { maxLength: 5 }),
      fc.uniqueArray(fc.nat(899), { maxLength: 5 }),
      async (count, disturbances, stuckOnes, refusedOnes) => {
        const started = start(count, (index) => (index % 3 === 0 ? synced(fresh(index)) : fresh(index)));
        const { ports, context } = started;
        const needing = (index: number) => index < count && index % 3 !== 0;
        const stuck = stuckOnes.filter(needing);
        const refused = refusedOnes.filter((index) => needing(index) && !stuck.includes(index));
        for (const index of stuck) ports.stuck.set(String(index), 'The CRM failed (500)');
        for (const index of refused) ports.refused.set(String(index), 'refused-by-crm');
        let run = await begin({}, context);
        for (const what of disturbances) {
          if (run.next === 'report') break;
          run = await disturbed(run, started, what);
        }
        const result = await finish(run, started, context);
        const enqueued = Array.from({ length: count }, (_, index) => index).filter(needing).length;
        expect(result).toMatchObject({ scanned: count, enqueued, skipped: count - enqueued });
        expect(result.left.users.map(({ userId }) => Number(userId)).sort((a, b) => a - b)).toEqual(
          stuck.sort((a, b) => a - b),
        );
        expect(sum(Object.values(result.rejected))).toBe(refused.length);
        expect(result.done).toBe(enqueued - stuck.length - refused.length);
      },
    ),
    { numRuns: 150 },
  );
}, 120_000);
