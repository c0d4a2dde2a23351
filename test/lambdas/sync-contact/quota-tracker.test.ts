import { Logger } from '@aws-lambda-powertools/logger';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { quotaTracker } from '../../../lambdas/sync-contact/quota-tracker.ts';
import { PausedError, requestGate } from '../../../shared/infusionsoft/http/request-gate.ts';
import { type Ledger, ledgerAt, type Pause, resume } from '../../../shared/quota/ledger.ts';
import { type Limits, PRESETS } from '../../../shared/quota/limits.ts';
import type { RateLimiter } from '../../../shared/quota/rate-limiter.ts';
import { BACKFILL_HIDDEN_MS } from '../../../shared/quota/retry-policy.ts';
import { updateVersioned, type VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { CloudError, OutOfTimeError, RetryableError } from '../../../shared/sync/errors.ts';
import { memoryStore } from '../../support/memory-store.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MIDNIGHT = Date.parse('2026-06-16T00:00:00Z');
const DAY = 24 * 3_600_000;
const budget = { limits: { ...PRESETS.team, day: 1000 }, liveReserve: 0.2 };
/** What a limit of 1,000 leaves after the requests of one second. */
const USABLE = 975;
const BLOCK = 10;

interface EnvironmentOptions {
  limits?: Limits;
  rateLimiter?: RateLimiter;
}

const atOnce: RateLimiter = { acquireSlot: async () => {} };

function environment(
  store: VersionedStore<Ledger>,
  clock: { now: number },
  { limits = budget.limits, rateLimiter = atOnce }: EnvironmentOptions = {},
) {
  const gate = requestGate(25, () => 0);
  const logger = new Logger({ logLevel: 'SILENT' });
  const warn = vi.spyOn(logger, 'warn');
  const tracker = quotaTracker({
    store,
    gate,
    budget: { ...budget, limits },
    block: BLOCK,
    logger,
    now: () => clock.now,
  });
  const limited = tracker.limit(rateLimiter);
  /** @returns how many of the requests could be made. */
  const make = async (requests: number): Promise<number> => {
    const made = await Promise.all(
      Array.from({ length: requests }, async () => {
        try {
          await limited.acquireSlot(clock.now + 1000);
          gate.enter(clock.now);
        } catch (error) {
          if (error instanceof PausedError || error instanceof CloudError) return 0;
          throw error;
        }
        gate.started(clock.now);
        return 1;
      }),
    );
    return made.reduce<number>((sum, each) => sum + each, 0);
  };
  const batch = async (requests: number): Promise<number> => {
    await tracker.refresh();
    const made = await make(requests);
    await tracker.recordUsage();
    return made;
  };
  return { gate, tracker, limited, make, batch, warn };
}

const report = (values: Record<string, number>) =>
  new Headers(
    Object.entries(values).map(([name, value]): [string, string] => [
      `x-keap-product-quota-${name}`,
      String(value),
    ]),
  );
const spent = report({ 'expiry-time': MIDNIGHT });

describe('environments that share a ledger', () => {
  it('count all requests, and pause the backfill before live changes', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const [one, two] = [environment(table, clock), environment(table, clock)];
    expect(await one.tracker.refresh()).toEqual({ pause: undefined, backfillPausedUntil: undefined });
    expect(await one.batch(500)).toBe(500);
    expect(await two.batch(280)).toBe(280);
    expect(await one.tracker.refresh()).toEqual({ pause: undefined, backfillPausedUntil: MIDNIGHT });
    expect(await one.batch(500)).toBeGreaterThan(USABLE - 780 - 2 * BLOCK);
    expect(await two.tracker.refresh()).toMatchObject({ pause: { reason: 'day', until: MIDNIGHT } });
    expect(() => two.gate.enter(NOON)).toThrow(/day is spent/);
  });

  it('together make not one request more than a limit of their own, in long batches and when some are killed', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    let made = 0;
    for (let round = 0; round < 4; round++) {
      const environments = Array.from({ length: 5 }, () => environment(table, clock));
      await Promise.all(environments.map(({ tracker }) => tracker.refresh()));
      // None of them reaches the end of its batch.
      const requests = await Promise.all(environments.map(({ make }) => make(97)));
      made += requests.reduce((sum, each) => sum + each, 0);
      clock.now += 1000;
    }
    expect(made).toBeLessThanOrEqual(USABLE);
    expect(made).toBeGreaterThan(USABLE - 20 * BLOCK);
  });

  it('keep it for the whole day, although the CRM says that a new day has begun', async () => {
    const clock = { now: NOON };
    const one = environment(memoryStore<Ledger>(), clock);
    let made = 0;
    for (let hour = 0; hour < 10; hour++) {
      one.gate.answered(
        {
          headers: report({ used: 1, limit: 125_000, 'expiry-time': clock.now + DAY }),
          startedAt: clock.now,
        },
        clock.now,
      );
      made += await one.batch(200);
      clock.now += 3_600_000;
    }
    expect(made).toBe(USABLE);
  });

  it('go on after midnight, with requests that are counted in the new day', async () => {
    const clock = { now: MIDNIGHT - 100 };
    const table = memoryStore<Ledger>();
    const one = environment(table, clock);
    expect(await one.batch(2000)).toBe(USABLE);
    clock.now = MIDNIGHT;
    expect(await one.batch(2000)).toBe(USABLE);
  });

  it('count a request in the day of its slot', async () => {
    const clock = { now: MIDNIGHT - 100 };
    const table = memoryStore<Ledger>();
    const rateLimiter: RateLimiter = {
      acquireSlot: async () => {
        clock.now = MIDNIGHT;
      },
    };
    const { tracker, make } = environment(table, clock, { rateLimiter });
    await tracker.refresh();
    await make(1);
    expect((await table.read())?.value.own.day).toMatchObject({ used: BLOCK, since: MIDNIGHT });
  });

  it.each([
    ['midnight', MIDNIGHT],
    ['the end of the CRM’s day', NOON + 3_600_000],
  ])(
    'make none of the requests that are left over from before %s, and waste no slot on them',
    async (_, end) => {
      const clock = { now: NOON };
      const table = memoryStore<Ledger>();
      const acquireSlot = vi.fn(async () => {});
      const { gate, make, batch } = environment(table, clock, { rateLimiter: { acquireSlot } });
      await make(1);
      gate.answered({ headers: report({ used: 1, limit: 1000, 'expiry-time': end }), startedAt: NOON }, NOON);
      await batch(1);
      clock.now = end;
      acquireSlot.mockClear();
      await make(1);
      expect(acquireSlot).toHaveBeenCalledTimes(1);
      expect((await table.read())?.value.day).toMatchObject({ used: BLOCK, since: end });
    },
  );

  it('pause when one of them is refused, and go on after the reset', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const [one, two] = [environment(table, clock), environment(table, clock)];
    await one.tracker.refresh();
    await one.make(1);
    one.gate.answered({ headers: spent, exceeded: 'day', startedAt: NOON }, NOON);
    await one.tracker.recordUsage();
    expect(one.warn).toHaveBeenCalledExactlyOnceWith('Requests paused', { reason: 'day', until: MIDNIGHT });
    expect((await two.tracker.refresh()).pause).toMatchObject({ reason: 'day', until: MIDNIGHT });
    clock.now = MIDNIGHT;
    for (const { tracker, gate } of [one, two]) {
      expect((await tracker.refresh()).pause).toBeUndefined();
      gate.enter(clock.now);
    }
  });

  it('notice the pause of an operator during a batch', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const one = environment(table, clock);
    await one.tracker.refresh();
    expect(await one.make(BLOCK)).toBe(BLOCK);
    const pause: Pause = { reason: 'operator', since: NOON, until: NOON + 60_000 };
    await updateVersioned(table, (ledger) => ({ ...ledgerAt(ledger, NOON), pause }));
    await expect(one.limited.acquireSlot(NOON + 1000)).rejects.toMatchObject({
      reason: 'operator',
      afterMs: 60_000,
    });
    expect(() => one.gate.enter(NOON)).toThrow('Paused by an operator');
  });

  it('go on when an operator resumes after a wrong report, also those that record it late', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const [one, two] = [environment(table, clock), environment(table, clock)];
    const wrong = report({ used: 1e11, limit: 10, 'expiry-time': NOON + 31 * DAY });
    for (const { tracker, make, gate } of [one, two]) {
      await tracker.refresh();
      await make(1);
      gate.answered({ headers: wrong, startedAt: NOON }, NOON);
    }
    await one.tracker.recordUsage();
    expect((await one.tracker.refresh()).pause).toBeDefined();
    clock.now += 60_000;
    await updateVersioned(table, (ledger) => resume(ledger, clock.now));
    await two.tracker.recordUsage();
    for (const { batch } of [one, two]) expect(await batch(1)).toBe(1);
    clock.now = MIDNIGHT + 60_000;
    for (const { batch } of [one, two]) expect(await batch(1)).toBe(1);
  });

  it('ignore a wrong report and a refusal that answer a request from before an operator resumed', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const { tracker, make, gate, batch } = environment(table, clock);
    await tracker.refresh();
    await make(2);
    clock.now += 5000;
    await updateVersioned(table, (ledger) => resume(ledger, clock.now));
    clock.now += 5000;
    const wrong = report({ used: 1e11, limit: 10, 'expiry-time': NOON + 31 * DAY });
    gate.answered({ headers: wrong, startedAt: NOON }, clock.now);
    gate.answered({ headers: spent, exceeded: 'day', startedAt: NOON }, clock.now);
    await tracker.recordUsage();
    expect(await batch(1)).toBe(1);
  });

  it('go on with the first deployment of higher limits', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const one = environment(table, clock);
    await one.tracker.refresh();
    await one.make(1);
    const headers = report({ used: 990, limit: 1000, 'expiry-time': MIDNIGHT });
    one.gate.answered({ headers, startedAt: NOON }, NOON);
    await one.tracker.recordUsage();
    expect(await one.batch(1)).toBe(0);
    const deployed = environment(table, clock, { limits: { ...budget.limits, day: 2000 } });
    expect((await deployed.tracker.refresh()).pause).toBeUndefined();
    expect(await deployed.batch(1)).toBe(1);
    expect(await environment(table, clock).batch(1)).toBe(0);
  });
});

describe('the reserve of live changes', () => {
  /** What the reserve of 20 % leaves. */
  const PART = 800;

  it('is left to them by each request of a backfill, in long batches of several environments', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const environments = Array.from({ length: 5 }, () => environment(table, clock));
    const made = await Promise.all(
      environments.map(({ tracker, make }) => tracker.asBackfill(() => make(300))),
    );
    const total = made.reduce((sum, each) => sum + each, 0);
    expect(total).toBeLessThanOrEqual(PART);
    expect(total).toBeGreaterThan(PART - 5 * BLOCK);
    const [one] = environments;
    await expect(one?.tracker.asBackfill(() => one.limited.acquireSlot(NOON))).rejects.toMatchObject({
      reason: 'backfill',
      afterMs: BACKFILL_HIDDEN_MS,
    });
    expect(await one?.make(1000)).toBeGreaterThan(USABLE - PART - 5 * BLOCK);
  });

  it('is theirs also while a backfill is running beside them in one environment', async () => {
    const { tracker, make } = environment(memoryStore<Ledger>(), { now: NOON });
    const [ofBackfill, live] = await Promise.all([tracker.asBackfill(() => make(1000)), make(100)]);
    expect(live).toBe(100);
    expect(ofBackfill).toBeLessThanOrEqual(PART);
  });
});

describe('the writes of an environment', () => {
  const counting = (table: VersionedStore<Ledger>) => vi.spyOn(table, 'write');

  it('are one for a batch, which also counts the first requests of the next', async () => {
    const table = memoryStore<Ledger>();
    const write = counting(table);
    const { batch, warn } = environment(table, { now: NOON });
    await batch(3);
    expect(write).toHaveBeenCalledTimes(2);
    expect(await table.read()).toMatchObject({ value: { day: { used: 3 + BLOCK } } });
    for (let time = 0; time < 5; time++) await batch(7);
    expect(write).toHaveBeenCalledTimes(7);
    expect(await table.read()).toMatchObject({ value: { day: { used: 38 + BLOCK } } });
    expect(warn).not.toHaveBeenCalled();
  });

  it('are none for a batch without a request', async () => {
    const table = memoryStore<Ledger>();
    await environment(table, { now: NOON }).batch(0);
    expect(await table.read()).toBeUndefined();
  });

  it('are one for each ten requests that wait at the same time', async () => {
    const table = memoryStore<Ledger>();
    const write = counting(table);
    const { tracker, make } = environment(table, { now: NOON });
    await tracker.refresh();
    expect(await make(2 * BLOCK)).toBe(2 * BLOCK);
    expect(write).toHaveBeenCalledTimes(2);
  });
});

describe('a table that fails', () => {
  function failing() {
    const table = memoryStore<Ledger>();
    const broken = { read: false, write: false };
    const store: VersionedStore<Ledger> = {
      read: async () => {
        if (broken.read) throw new RangeError('throttled');
        return table.read();
      },
      write: async (value, over) => {
        if (broken.write) throw new RangeError('throttled');
        return table.write(value, over);
      },
    };
    return { table, store, broken };
  }

  it('does not stop requests that are counted, and what the CRM reported is recorded later', async () => {
    const { table, store, broken } = failing();
    const { tracker, make, gate, warn } = environment(store, { now: NOON });
    await tracker.refresh();
    await make(4);
    const headers = report({ used: 500, limit: 1000, 'expiry-time': MIDNIGHT });
    gate.answered({ headers, startedAt: NOON }, NOON);
    broken.read = true;
    broken.write = true;
    await tracker.recordUsage();
    expect(await tracker.refresh()).toEqual({ pause: undefined, backfillPausedUntil: undefined });
    expect(await make(1)).toBe(1);
    expect(warn.mock.calls).toEqual([
      ['Could not record requests, retrying with the next batch', { error: 'RangeError' }],
      ['Could not read the request ledger', { error: 'RangeError' }],
    ]);
    broken.read = false;
    broken.write = false;
    await tracker.recordUsage();
    expect((await table.read())?.value.day.used).toBe(500 + 5);
  });

  it('stops requests that are not counted: they come back as after other failures of the cloud', async () => {
    const { store, broken } = failing();
    const { limited, make } = environment(store, { now: NOON });
    broken.write = true;
    const failure = limited.acquireSlot(NOON);
    await expect(failure).rejects.toThrow(CloudError);
    await expect(failure).rejects.toMatchObject({ cause: expect.any(RangeError) });
    broken.write = false;
    expect(await make(1)).toBe(1);
  });
});

describe('a limit of one’s own, in any history', () => {
  const limits = { ...PRESETS.team, day: 120, month: 300 };
  const MARGIN = 25;
  const index = fc.nat({ max: 2 });
  const requests = fc.integer({ min: 1, max: 40 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('batch'), index, requests }),
    /** The environment ends before the end of its batch. */
    fc.record({ kind: fc.constant('kill'), index, requests }),
    fc.record({
      kind: fc.constant('report'),
      index,
      used: fc.nat({ max: 200 }),
      limit: fc.constantFrom(1, 100, 125_000),
      endsInMs: fc.integer({ min: 1, max: 31 * DAY }),
    }),
    fc.record({ kind: fc.constant('wait'), ms: fc.integer({ min: 1, max: 20 * 3_600_000 }) }),
    fc.record({ kind: fc.constant('resume') }),
    /** What the next write does: it fails, or takes effect although its answer is lost. */
    fc.record({ kind: fc.constant('fail'), how: fc.constantFrom('failed', 'lost') }),
  );

  it('is never passed by one request', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = { now: NOON };
        const table = memoryStore<Ledger>();
        let next: 'stored' | 'failed' | 'lost' = 'stored';
        const store: VersionedStore<Ledger> = {
          read: table.read,
          write: async (value, over) => {
            const how = next;
            next = 'stored';
            if (how === 'failed') throw new RangeError('throttled');
            const written = await table.write(value, over);
            if (how === 'lost') throw new RangeError('the answer is lost');
            return written;
          },
        };
        const start = () => environment(store, clock, { limits });
        const environments = [start(), start(), start()];
        const made = new Map<string, number>();
        for (const each of steps) {
          if (each.kind === 'wait') clock.now += each.ms;
          if (each.kind === 'fail') next = each.how;
          if (each.kind === 'resume') {
            next = 'stored';
            await updateVersioned(table, (ledger) => resume(ledger, clock.now));
          }
          const at = 'index' in each ? environments[each.index] : undefined;
          if (each.kind === 'report') {
            const { used, limit, endsInMs } = each;
            const headers = report({ used, limit, 'expiry-time': clock.now + endsInMs });
            at?.gate.answered({ headers, startedAt: clock.now }, clock.now);
          }
          if (!at || !('requests' in each)) continue;
          await at.tracker.refresh();
          const count = await at.make(each.requests);
          if (each.kind === 'batch') await at.tracker.recordUsage();
          else environments[each.index] = start();
          const date = new Date(clock.now).toISOString();
          for (const period of [date.slice(0, 10), date.slice(0, 7)])
            made.set(period, (made.get(period) ?? 0) + count);
        }
        for (const [period, count] of made)
          expect(count).toBeLessThanOrEqual((period.length === 7 ? limits.month : limits.day) - MARGIN);
      }),
    );
  });
});

it('does not count requests for which no slot was left', async () => {
  const table = memoryStore<Ledger>();
  let hasSlots = false;
  const acquireSlot = async () => {
    if (!hasSlots) throw new OutOfTimeError('no slot');
  };
  const clock = { now: NOON };
  const { limited, make } = environment(table, clock, { rateLimiter: { acquireSlot } });
  for (let time = 0; time < 3 * BLOCK; time++)
    await expect(limited.acquireSlot(NOON)).rejects.toThrow(OutOfTimeError);
  hasSlots = true;
  expect(await make(BLOCK)).toBe(BLOCK);
  expect(await table.read()).toMatchObject({ value: { day: { used: BLOCK } } });
  hasSlots = false;
  await expect(limited.acquireSlot(NOON)).rejects.toThrow(OutOfTimeError);
  // Those of an earlier day are not made in the next.
  clock.now = MIDNIGHT;
  hasSlots = true;
  expect(await make(1)).toBe(1);
  expect(await table.read()).toMatchObject({ value: { day: { used: BLOCK } } });
});

it('passes on that no slot is left', async () => {
  const rateLimiter: RateLimiter = {
    acquireSlot: async (deadline) => {
      throw new RetryableError(`none before ${deadline}`);
    },
  };
  const { limited } = environment(memoryStore<Ledger>(), { now: NOON }, { rateLimiter });
  await expect(limited.acquireSlot(5)).rejects.toThrow('none before 5');
});
