import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Run } from '../../../lambdas/backfill/run.ts';
import { advanceRun, type StepContext } from '../../../lambdas/backfill/steps.ts';
import { start } from '../../support/backfill-start.ts';
import { advance, begin, finish, type Started } from '../../support/backfill-steps.ts';
import { fresh, synced } from '../../support/backfill-users.ts';
import { sum } from '../../support/sum.ts';

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
