import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type LeasedLimiter,
  type LeasedLimiterOptions,
  leasedLimiter,
  NoRateLeftError,
} from '../../../shared/quota/leased-limiter.ts';
import type { RateLease, SlotState } from '../../../shared/quota/rate-lease.ts';
import { type RateLimiter, rateLimiter } from '../../../shared/quota/rate-limiter.ts';
import { MAX_SLOT_AHEAD_MS, RATE_LEASE } from '../../../shared/quota/retry-policy.ts';
import type { VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { CloudError } from '../../../shared/sync/errors.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { mostInASecond } from '../../support/most-in-a-second.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const HOUR_MS = 3_600_000;
const LIMIT = 25;
const WINDOW_MS = 1050;
const schedule = { requestsPerWindow: LIMIT, windowMs: WINDOW_MS, burst: 13 };

beforeEach(() => vi.useFakeTimers({ now: NOON }));
afterEach(() => vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

interface World {
  store: VersionedStore<SlotState>;
  /** When each request was started. */
  environments: number[];
  commands: number[];
}
const newWorld = (): World => ({ store: memoryStore<SlotState>(), environments: [], commands: [] });

function command(
  { store }: World,
  options: Partial<LeasedLimiterOptions> & { clockErrorMs?: number } = {},
): LeasedLimiter {
  const { clockErrorMs = 0, ...rest } = options;
  return leasedLimiter({
    store,
    id: 'laptop',
    rate: 2,
    requestsPerWindow: LIMIT,
    windowMs: WINDOW_MS,
    elapsed: () => Date.now() - NOON,
    now: () => Date.now() + clockErrorMs,
    ...rest,
  });
}

/** Environments with more to do than the limit allows, until a time in milliseconds from now. */
function backfill({ store, environments }: World, forMs: number, count = 3): void {
  const until = Date.now() + forMs;
  const work = async (limiter: RateLimiter) => {
    while (Date.now() < until) {
      await limiter.acquireSlot(until + 60_000);
      environments.push(Date.now());
    }
  };
  for (let index = 0; index < count; index++) {
    const limiter = rateLimiter({ schedule, store });
    for (let each = 0; each < 10; each++) void work(limiter);
  }
}

async function requests(world: World, limiter: LeasedLimiter, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await limiter.acquireSlot(0);
    world.commands.push(Date.now());
  }
}

const leases = async ({ store }: World) => (await store.read())?.value.leases ?? [];

describe('a lease of a part of the rate', () => {
  it('starts requests evenly, a window after it was taken', async () => {
    const world = newWorld();
    void requests(world, command(world), 4);
    await pass(5000);
    expect(world.commands.map((at) => at - NOON)).toEqual([1050, 1575, 2100, 2625]);
  });

  it('waits until the slots that are reserved already are over', async () => {
    const world = newWorld();
    const limiter = rateLimiter({ schedule, store: world.store });
    for (let index = 0; index < 100; index++)
      void limiter.acquireSlot(NOON + 60_000).then(() => world.environments.push(Date.now()));
    await pass(10);
    void requests(world, command(world), 1);
    await pass(20_000);
    expect(world.commands[0]).toBeGreaterThan(Math.max(...world.environments) + 1000);
  });

  it.each([
    ['right', 0],
    ['nine hours ahead', 9 * HOUR_MS],
    ['nine hours behind', -9 * HOUR_MS],
  ])(
    'leaves the rest of the rate to the environments, and no less, by a clock that is %s',
    async (_, clockErrorMs) => {
      const world = newWorld();
      backfill(world, 60_000);
      const job = requests(world, command(world, { clockErrorMs }), 60);
      await pass(120_000);
      await job;
      const from = Math.min(...world.commands);
      const during = world.environments.filter((at) => at >= from && at < from + 21_000);
      expect(during).toHaveLength(23 * 20);
      expect(mostInASecond([...world.environments, ...world.commands])).toBeLessThanOrEqual(LIMIT);
      expect(mostInASecond(world.commands)).toBeLessThanOrEqual(2);
    },
  );

  it('ends by itself after a command that died, wherever its clock was', async () => {
    for (const clockErrorMs of [0, 9 * HOUR_MS, -9 * HOUR_MS]) {
      vi.setSystemTime(NOON);
      const world = newWorld();
      backfill(world, 90_000);
      void requests(world, command(world, { clockErrorMs, elapsed: () => Date.now() }), 1);
      await pass(40_000);
      expect(await leases(world)).toEqual([]);
      const before = world.environments.length;
      await pass(21_000);
      expect(world.environments.length - before).toBeGreaterThanOrEqual(25 * 19);
    }
  });

  it('ends at the latest half a minute after an environment has seen it, whatever is written in it', async () => {
    const world = newWorld();
    const lease = { id: 'odd', rate: 20, ms: 10 * HOUR_MS, renewal: 1, until: NOON + 100 * HOUR_MS };
    await world.store.write({ slots: [], at: 0, leases: [lease] }, undefined);
    backfill(world, 60_000);
    await pass(21_000);
    // No more than half of the limit is left out.
    expect(world.environments.length).toBeGreaterThanOrEqual(13 * 19);
    await pass(11_000);
    expect(await leases(world)).toEqual([]);
  });

  it('is taken again after a time without requests, or after the machine slept', async () => {
    const world = newWorld();
    let asleepMs = 0;
    const limiter = command(world, { elapsed: () => Date.now() - NOON - asleepMs });
    backfill(world, 200_000);
    await Promise.all([requests(world, limiter, 3), pass(6_000)]);
    // The monotonic clock stands still while the machine sleeps.
    asleepMs = 60_000;
    await pass(60_000);
    expect(await leases(world)).toEqual([]);
    const awake = Date.now();
    await Promise.all([requests(world, limiter, 3), pass(20_000)]);
    expect(world.commands.filter((at) => at >= awake && at < awake + 1050)).toEqual([]);
    expect(world.commands).toHaveLength(6);
    await pass(150_000);
    expect(mostInASecond([...world.environments, ...world.commands])).toBeLessThanOrEqual(LIMIT);
  });

  it('is given back a window after the last request', async () => {
    const world = newWorld();
    backfill(world, 60_000);
    const limiter = command(world);
    const job = requests(world, limiter, 5).then(() => limiter.release());
    await pass(10_000);
    await job;
    expect(await leases(world)).toEqual([]);
    await pass(60_000);
    expect(mostInASecond([...world.environments, ...world.commands])).toBeLessThanOrEqual(LIMIT);
  });

  it('counts its last requests, also for an environment that was idle', async () => {
    const world = newWorld();
    const limiter = command(world);
    const job = requests(world, limiter, 3).then(() => limiter.release());
    await pass(2101);
    await job;
    backfill(world, 10_000);
    await pass(20_000);
    expect(mostInASecond([...world.environments, ...world.commands])).toBe(LIMIT);
  });

  it('is at most half of the limit, for all commands together', async () => {
    const world = newWorld();
    const [first, second] = [command(world, { rate: 20 }), command(world, { id: 'second', rate: 20 })];
    void requests(world, first, 2000);
    await pass(1);
    const refused = expect(requests(world, second, 1)).rejects.toThrow(NoRateLeftError);
    await pass(100_000);
    await refused;
    expect([first.rate(), second.rate()]).toEqual([12, 0]);
  });

  it('is free again when the command that has it died, also if no environment runs', async () => {
    const world = newWorld();
    const dead = command(world, { id: 'dead', rate: 12 });
    await Promise.all([requests(world, dead, 1), pass(2000)]);
    const limiter = command(world);
    const job = requests(world, limiter, 1);
    await pass(25_000);
    expect(limiter.rate()).toBe(0);
    await pass(20_000);
    await job;
    expect(limiter.rate()).toBe(2);
  });

  it('is taken by the clocks of the machine, unless others are given', async () => {
    const { store } = newWorld();
    const limiter = leasedLimiter({ store, id: 'a', rate: 2, requestsPerWindow: LIMIT, windowMs: WINDOW_MS });
    const job = limiter.acquireSlot(0).then(() => Date.now() - NOON);
    await pass(2000);
    expect(await job).toBe(WINDOW_MS);
    expect(await leases({ ...newWorld(), store })).toEqual([
      { id: 'a', rate: 2, ms: RATE_LEASE.ms, renewal: 1, until: null },
    ]);
    await Promise.all([limiter.acquireSlot(0), pass(RATE_LEASE.renewAfterMs)]);
    await Promise.all([limiter.acquireSlot(0), pass(2000)]);
    expect((await store.read())?.value.leases[0]?.renewal).toBe(2);
  });

  it('is renewed ten seconds after the last renewal, and goes on without a wait', async () => {
    const world = newWorld();
    const write = vi.spyOn(world.store, 'write');
    void requests(world, command(world), 40);
    // Requests start from 1,050 ms on, every 525 ms.
    await pass(RATE_LEASE.renewAfterMs - 1);
    expect(write).toHaveBeenCalledTimes(1);
    await pass(600);
    expect(write).toHaveBeenCalledTimes(2);
    await pass(10_500);
    expect(write).toHaveBeenCalledTimes(3);
    expect(await leases(world)).toMatchObject([{ id: 'laptop', rate: 2, renewal: 3 }]);
    const steps = world.commands.slice(1).map((at, index) => at - (world.commands[index] ?? 0));
    expect(new Set(steps)).toEqual(new Set([525]));
  });

  it.each([-1, 1])('is renewed when a clock was set (%s hours)', async (hours) => {
    const world = newWorld();
    let clock = 0;
    const limiter = command(world, { now: () => NOON + clock });
    await Promise.all([requests(world, limiter, 1), pass(2000)]);
    clock = hours * HOUR_MS;
    await Promise.all([requests(world, limiter, 1), pass(2000)]);
    expect(await leases(world)).toMatchObject([{ renewal: 2 }]);
  });

  it('is as much as others leave, down to one request in a window', async () => {
    const world = newWorld();
    const other = { id: 'other', rate: 11, ms: RATE_LEASE.ms, renewal: 1, until: null };
    await world.store.write({ slots: [], at: 0, leases: [other] }, undefined);
    const limiter = command(world, { rate: 5 });
    expect(limiter.rate()).toBe(0);
    await Promise.all([requests(world, limiter, 1), pass(2000)]);
    expect(limiter.rate()).toBe(1);
    expect(await leases(world)).toEqual([other, { ...other, id: 'laptop', rate: 1 }]);
  });

  it('is refused after a minute in which others kept all', async () => {
    const world = newWorld();
    void requests(world, command(world, { id: 'other', rate: 12 }), 2000);
    await pass(1);
    const begun = Date.now();
    const refused = requests(world, command(world), 1).catch((error: unknown) => [error, Date.now() - begun]);
    await pass(100_000);
    expect(await refused).toEqual([expect.any(NoRateLeftError), 2 * RATE_LEASE.ms + RATE_LEASE.lookAgainMs]);
  });

  it.each([
    ['slots that are reserved ahead', 5000, 5000 + WINDOW_MS],
    ['slots of the past', -5000, WINDOW_MS],
    ['slots of a wrong clock', 24 * HOUR_MS, MAX_SLOT_AHEAD_MS + WINDOW_MS],
  ])('starts a window after %s', async (_, aheadMs, expected) => {
    const world = newWorld();
    await world.store.write({ slots: [NOON - 9000, NOON + aheadMs], at: NOON, leases: [] }, undefined);
    await Promise.all([requests(world, command(world), 1), pass(expected + 10)]);
    expect(world.commands).toEqual([NOON + expected]);
  });

  it('is given back for itself alone, and only if it was taken', async () => {
    const world = newWorld();
    const other = { id: 'other', rate: 3, ms: RATE_LEASE.ms, renewal: 7, until: null };
    await world.store.write({ slots: [NOON], at: NOON, leases: [other] }, undefined);
    const write = vi.spyOn(world.store, 'write');
    const limiter = command(world);
    await limiter.release();
    expect(write).not.toHaveBeenCalled();
    await Promise.all([requests(world, limiter, 1), pass(2000)]);
    await limiter.release();
    expect(limiter.rate()).toBe(0);
    expect((await world.store.read())?.value).toEqual({
      slots: [NOON],
      at: NOON,
      leases: [other, { id: 'laptop', rate: 2, ms: WINDOW_MS, renewal: 2, until: null }],
    });
  });

  it('says why it cannot be stored', async () => {
    const world = newWorld();
    const cause = new Error('throttled');
    vi.spyOn(world.store, 'read').mockRejectedValueOnce(cause);
    const error = await command(world)
      .acquireSlot(0)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'CloudError', cause });
  });

  it('throws a CloudError when it cannot be stored, and recovers', async () => {
    const world = newWorld();
    vi.spyOn(world.store, 'read').mockRejectedValueOnce(new Error('throttled'));
    const limiter = command(world);
    await expect(limiter.acquireSlot(0)).rejects.toThrow(CloudError);
    await Promise.all([limiter.acquireSlot(0), pass(2000)]);
  });

  it('never exceeds the limit, for any commands that come, die and go, by any clock', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            afterMs: fc.integer({ min: 0, max: 20_000 }),
            count: fc.integer({ min: 1, max: 30 }),
            rate: fc.integer({ min: 1, max: 15 }),
            clockErrorMs: fc.integer({ min: -9 * HOUR_MS, max: 9 * HOUR_MS }),
            releases: fc.boolean(),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        fc.array(
          fc.record({ afterMs: fc.integer({ min: 0, max: 9000 }), forMs: fc.integer({ min: 0, max: 9000 }) }),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        async (commands, loads) => {
          vi.setSystemTime(NOON);
          const world = newWorld();
          const later = (ms: number) => new Promise((due) => setTimeout(due, ms));
          for (const { afterMs, forMs } of loads) void later(afterMs).then(() => backfill(world, forMs, 2));
          for (const [index, { afterMs, count, rate, clockErrorMs, releases }] of commands.entries()) {
            const limiter = command(world, { id: `c${index}`, rate, clockErrorMs });
            void later(afterMs)
              .then(() => requests(world, limiter, count))
              .then(() => (releases ? limiter.release() : undefined))
              .catch((error: unknown) => expect(error).toBeInstanceOf(NoRateLeftError));
          }
          await pass(150_000);
          expect(mostInASecond([...world.environments, ...world.commands])).toBeLessThanOrEqual(LIMIT);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});

describe('a lease by the clocks of a machine', () => {
  /** A machine whose clocks only a test and a wait move. */
  function machine(world: World, options: Partial<LeasedLimiterOptions> = {}) {
    const clocks = { elapsed: 0, now: NOON };
    const sleep = async (ms: number) => {
      clocks.elapsed += ms;
      clocks.now += ms;
    };
    const limiter = command(world, {
      elapsed: () => clocks.elapsed,
      now: () => clocks.now,
      sleep,
      ...options,
    });
    return { clocks, limiter };
  }
  const other = { id: 'other', rate: 11, ms: RATE_LEASE.ms, renewal: 1, until: null };
  const setLeases = async ({ store }: World, next: readonly RateLease[]) =>
    store.write({ slots: [], at: 0, leases: [...next] }, (await store.read())?.version);

  it.each([
    ['less than ten seconds have passed', { elapsed: 9999 }, 1],
    ['ten seconds have passed', { elapsed: 10_000 }, 2],
    ['the clock is less than ten seconds ahead', { now: NOON + 9999 }, 1],
    ['the clock is ten seconds ahead', { now: NOON + 10_000 }, 2],
    ['the clock is less than ten seconds behind', { now: NOON - 9999 }, 1],
    ['the clock is ten seconds behind', { now: NOON - 10_000 }, 2],
  ])('when %s since the renewal is renewed, or not', async (_, moved, renewal) => {
    const world = newWorld();
    const { clocks, limiter } = machine(world);
    await limiter.acquireSlot(0);
    Object.assign(clocks, { elapsed: WINDOW_MS + 525, now: NOON }, moved);
    await limiter.acquireSlot(0);
    expect(await leases(world)).toMatchObject([{ renewal }]);
  });

  it('counts another that nobody renews for as long as it lasts', async () => {
    const world = newWorld();
    const lastsMs = 2 * RATE_LEASE.lookAgainMs;
    await setLeases(world, [{ ...other, rate: 12, ms: lastsMs }]);
    const { clocks, limiter } = machine(world);
    await limiter.acquireSlot(0);
    expect(clocks.elapsed).toBe(lastsMs + RATE_LEASE.lookAgainMs + WINDOW_MS);
    expect(await leases(world)).toMatchObject([{ id: 'laptop', rate: 2 }]);
  });

  it('keeps its rate at a renewal, although others have left more', async () => {
    const world = newWorld();
    await setLeases(world, [other]);
    const { clocks, limiter } = machine(world, { rate: 5 });
    await limiter.acquireSlot(0);
    await setLeases(
      world,
      (await leases(world)).filter(({ id }) => id === 'laptop'),
    );
    clocks.elapsed = RATE_LEASE.renewAfterMs;
    await limiter.acquireSlot(0);
    expect(clocks.elapsed).toBe(RATE_LEASE.renewAfterMs);
    expect(await leases(world)).toMatchObject([{ id: 'laptop', rate: 1, renewal: 2 }]);
  });

  it('is taken again after it has ended, from what others have left', async () => {
    const world = newWorld();
    const { clocks, limiter } = machine(world);
    await limiter.acquireSlot(0);
    await setLeases(world, [other]);
    clocks.elapsed = 60_000;
    await limiter.acquireSlot(0);
    expect(clocks.elapsed).toBe(60_000 + WINDOW_MS);
    expect(await leases(world)).toMatchObject([other, { id: 'laptop', rate: 1 }]);
  });

  it('is taken again after it was given back', async () => {
    const world = newWorld();
    const { clocks, limiter } = machine(world);
    await limiter.acquireSlot(0);
    await limiter.release();
    clocks.elapsed = 5000;
    await limiter.acquireSlot(0);
    expect(clocks.elapsed).toBe(5000 + WINDOW_MS);
    expect(await leases(world)).toMatchObject([{ rate: 2, ms: RATE_LEASE.ms, renewal: 3 }]);
  });

  it('is renewed before a request when the machine slept during the wait', async () => {
    const world = newWorld();
    const { clocks, limiter } = machine(world, {
      sleep: async (ms) => {
        clocks.elapsed += ms;
        clocks.now += clocks.now === NOON ? HOUR_MS : ms;
      },
    });
    await limiter.acquireSlot(0);
    expect(await leases(world)).toMatchObject([{ renewal: 2 }]);
  });

  it('waits on when a timer is early', async () => {
    const { clocks, limiter } = machine(newWorld(), {
      sleep: async (ms) => {
        clocks.elapsed += Math.ceil(ms / 2);
      },
    });
    await limiter.acquireSlot(0);
    expect(clocks.elapsed).toBe(WINDOW_MS);
  });
});
