import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SlotState } from '../../../shared/quota/rate-lease.ts';
import { type RateLimiter, rateLimiter } from '../../../shared/quota/rate-limiter.ts';
import { MAX_SLOT_AHEAD_MS, NO_SLOT_MS } from '../../../shared/quota/retry-policy.ts';
import type { VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { CloudError, RetryableError } from '../../../shared/sync/errors.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { mostInASecond } from '../../support/most-in-a-second.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const LIMIT = 25;
const schedule = { requestsPerWindow: LIMIT, windowMs: 1050, burst: 13 };

beforeEach(() => vi.useFakeTimers({ now: NOON }));
afterEach(() => vi.useRealTimers());

const slotStore = () => memoryStore<SlotState>();
const later = () => Date.now() + 120_000;
const sleep = (ms: number): Promise<void> => new Promise((due) => setTimeout(due, ms));

/** Asks for so many slots. `starts` gets the moments at which requests may be sent. */
function request(count: number, limiter: RateLimiter | undefined, starts: number[]): void {
  for (let index = 0; index < count; index++)
    void limiter?.acquireSlot(later()).then(() => void starts.push(Date.now()));
}

describe('a rate limiter', () => {
  it('starts the first request at once', async () => {
    const limiter = rateLimiter({ schedule, store: slotStore() });
    await vi.advanceTimersByTimeAsync(321);
    await limiter.acquireSlot(later());
    expect(Date.now()).toBe(NOON + 321);
  });

  it('uses every slot, and no more, however many environments there are', async () => {
    const store = slotStore();
    const starts: number[] = [];
    for (let environment = 0; environment < 8; environment++)
      request(50, rateLimiter({ schedule, store }), starts);
    await vi.advanceTimersByTimeAsync(17_000);
    expect(starts).toHaveLength(400);
    expect(mostInASecond(starts)).toBe(LIMIT);
    expect(Math.max(...starts) - NOON).toBeLessThanOrEqual(16 * 1050);
  });

  it('keeps to the limit in any second, for any arrival times', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            afterMs: fc.integer({ min: 0, max: 1500 }),
            requests: fc.integer({ min: 1, max: 40 }),
          }),
          { minLength: 1, maxLength: 20 },
        ),
        fc.integer({ min: 1, max: LIMIT }),
        async (arrivals, burst) => {
          const store = slotStore();
          const limiters = [1, 2, 3].map(() => rateLimiter({ schedule: { ...schedule, burst }, store }));
          const starts: number[] = [];
          for (const [index, { afterMs, requests }] of arrivals.entries()) {
            await vi.advanceTimersByTimeAsync(afterMs);
            for (let each = 0; each < requests; each++) request(1, limiters[(index + each) % 3], starts);
          }
          await vi.advanceTimersByTimeAsync(60_000);
          expect(starts).toHaveLength(arrivals.reduce((sum, { requests }) => sum + requests, 0));
          expect(mostInASecond(starts)).toBeLessThanOrEqual(LIMIT);
        },
      ),
      { numRuns: 50 },
    );
  }, 30_000);

  it('reserves slots together for requests that ask at the same time', async () => {
    const store = slotStore();
    const write = vi.spyOn(store, 'write');
    const limiter = rateLimiter({ schedule, store });
    await Promise.all(Array.from({ length: 10 }, () => limiter.acquireSlot(later())));
    expect(write).toHaveBeenCalledTimes(2);
    expect(Date.now()).toBe(NOON);
  });

  it('refuses slots after the deadline', async () => {
    const limiter = rateLimiter({ schedule, store: slotStore() });
    const all = Promise.allSettled(Array.from({ length: 100 }, () => limiter.acquireSlot(NOON + 1500)));
    await vi.advanceTimersByTimeAsync(10_000);
    const refused = (await all).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(50);
    expect(refused[0]).toMatchObject({ reason: expect.any(RetryableError) });
    expect(refused[0]).toMatchObject({ reason: { afterMs: NO_SLOT_MS } });
  });

  it('starts a request at its deadline, and neither starts nor stores one a millisecond later', async () => {
    const store = slotStore();
    const limiter = rateLimiter({ schedule, store });
    await limiter.acquireSlot(NOON);
    await expect(limiter.acquireSlot(NOON - 1)).rejects.toThrow(RetryableError);
    expect(Date.now()).toBe(NOON);
    expect((await store.read())?.value.slots).toEqual([NOON]);
  });

  it('stores no more slots than those of a window and of the last write', async () => {
    const store = slotStore();
    const limiter = rateLimiter({ schedule, store });
    for (let round = 0; round < 4; round++) {
      await Promise.all([
        ...Array.from({ length: 10 }, () => limiter.acquireSlot(later())),
        vi.advanceTimersByTimeAsync(5000),
      ]);
      const { slots = [] } = (await store.read())?.value ?? {};
      expect(slots.length).toBeLessThanOrEqual(LIMIT + 10);
      expect(slots.every((slot) => slot <= Date.now())).toBe(true);
    }
  });

  it('stores when it reserved slots, and until when it respects a lease', async () => {
    const store = slotStore();
    const lease = { id: 'laptop', rate: 2, ms: 9000, renewal: 1, until: null };
    await store.write({ slots: [], at: 0, leases: [lease] }, undefined);
    await vi.advanceTimersByTimeAsync(100);
    await rateLimiter({ schedule, store }).acquireSlot(later());
    expect((await store.read())?.value).toEqual({
      slots: [NOON + 100],
      at: NOON + 100,
      leases: [{ ...lease, until: NOON + 9100 }],
    });
  });

  it('does not reserve slots after the deadline, so that work goes on under overload', async () => {
    const slow = { requestsPerWindow: 4, windowMs: 1045, burst: 2 };
    const store = slotStore();
    const starts: number[] = [];
    /** Invocations one after another, each with more to do than it can. */
    const environment = async () => {
      const limiter = rateLimiter({ schedule: slow, store });
      for (;;) {
        const deadline = Date.now() + 115_000;
        const requests = Array.from({ length: 500 }, () =>
          limiter.acquireSlot(deadline).then(() => void starts.push(Date.now())),
        );
        await Promise.allSettled(requests);
        await sleep(10);
      }
    };
    void environment();
    void environment();
    for (let minute = 1; minute <= 12; minute++) {
      const before = starts.length;
      await vi.advanceTimersByTimeAsync(60_000);
      expect(starts.length - before).toBeGreaterThan(200);
    }
  });

  it('ignores slots that were reserved by a clock far ahead', async () => {
    const store = slotStore();
    const ahead = rateLimiter({ schedule, store, now: () => Date.now() + 86_400_000 });
    await ahead.acquireSlot(NOON + 2 * 86_400_000);
    await rateLimiter({ schedule, store }).acquireSlot(later());
    expect(Date.now() - NOON).toBeLessThan(1050);
  });

  it.each([
    ['as far ahead as an invocation can last', MAX_SLOT_AHEAD_MS - 1, false],
    ['further ahead', MAX_SLOT_AHEAD_MS, true],
  ])('takes a slot %s for one of a wrong clock: %s ms ahead, %s', async (_, aheadMs, isIgnored) => {
    const store = slotStore();
    await store.write({ slots: [NOON + aheadMs], at: NOON, leases: [] }, undefined);
    const [result] = await Promise.allSettled([rateLimiter({ schedule, store }).acquireSlot(NOON + 10_000)]);
    expect(result.status).toBe(isIgnored ? 'fulfilled' : 'rejected');
  });

  it.each([
    [30, 1],
    [31, 2],
  ])(
    'that is %s ms late for a slot takes %s slots: three quarters of the slack are tolerated',
    async (lateMs, count) => {
      const store = slotStore();
      const { write } = store;
      vi.spyOn(store, 'write').mockImplementationOnce(async (value, over) => {
        vi.setSystemTime(NOON + lateMs);
        return write(value, over);
      });
      await rateLimiter({ schedule: { ...schedule, windowMs: 1040 }, store }).acquireSlot(later());
      expect((await store.read())?.value.slots).toEqual([NOON, NOON + lateMs].slice(0, count));
    },
  );

  it('says why slots cannot be stored', async () => {
    const store = slotStore();
    const cause = new Error('throttled');
    vi.spyOn(store, 'read').mockRejectedValueOnce(cause);
    const error = await rateLimiter({ schedule, store })
      .acquireSlot(later())
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CloudError);
    expect(error).toMatchObject({ cause });
  });

  it('throws a RetryableError when slots cannot be stored, and recovers', async () => {
    const store = slotStore();
    const read = vi.spyOn(store, 'read').mockRejectedValueOnce(new Error('throttled'));
    const limiter = rateLimiter({ schedule, store });
    await expect(limiter.acquireSlot(later())).rejects.toThrow(RetryableError);
    await limiter.acquireSlot(later());
    expect(read).toHaveBeenCalledTimes(2);
  });
});

/** A time in which the code of an environment does not run, in milliseconds after noon. */
interface HoldUp {
  from: number;
  ms: number;
}

/** The rate limiter of an environment that is held up: timers and answers that come in that time wait for its end. */
function heldUpLimiter(store: VersionedStore<SlotState>, holdUps: readonly HoldUp[]): RateLimiter {
  const resumed = async <Result>(work: Promise<Result>): Promise<Result> => {
    const result = await work;
    for (;;) {
      const at = Date.now() - NOON;
      const holdUp = holdUps.find(({ from, ms }) => at >= from && at < from + ms);
      if (!holdUp) return result;
      await sleep(holdUp.from + holdUp.ms - at);
    }
  };
  const answerMs = 5;
  return rateLimiter({
    schedule,
    store: {
      read: () => resumed(sleep(answerMs).then(() => store.read())),
      write: (value, over) =>
        resumed(
          store.write(value, over).then(async (written) => {
            await sleep(answerMs);
            return written;
          }),
        ),
    },
    sleep: (ms) => resumed(sleep(ms)),
  });
}

describe('an environment that is held up', () => {
  it('gives up a missed slot, and reserves another', async () => {
    const store = slotStore();
    const starts: number[] = [];
    request(1, heldUpLimiter(store, [{ from: 6, ms: 500 }]), starts);
    await vi.advanceTimersByTimeAsync(2000);
    expect(starts).toEqual([NOON + 511]);
    expect((await store.read())?.value.slots).toEqual([NOON + 5, NOON + 506]);
  });

  it('uses a slot that it is a little late for', async () => {
    const store = slotStore();
    const starts: number[] = [];
    request(1, heldUpLimiter(store, [{ from: 6, ms: 30 }]), starts);
    await vi.advanceTimersByTimeAsync(2000);
    expect(starts).toEqual([NOON + 36]);
    expect((await store.read())?.value.slots).toEqual([NOON + 5]);
  });

  const holdUps = fc.array(
    fc.record({ from: fc.integer({ min: 0, max: 15_000 }), ms: fc.integer({ min: 1, max: 1500 }) }),
    { maxLength: 12 },
  );
  it.each([
    ['one after another', fc.tuple(holdUps, holdUps, holdUps)],
    ['all at once', holdUps.map((same) => [same, same, same] as [HoldUp[], HoldUp[], HoldUp[]])],
  ])(
    'keeps to the limit in any second at the moment of sending: environments %s',
    async (_, heldUp) => {
      await fc.assert(
        fc.asyncProperty(
          heldUp,
          fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 20, maxLength: 40 }),
          async (each, requests) => {
            vi.setSystemTime(NOON);
            const store = slotStore();
            const limiters = each.map((times) => heldUpLimiter(store, times));
            const starts: number[] = [];
            for (const [index, count] of requests.entries()) {
              request(count, limiters[index % limiters.length], starts);
              await vi.advanceTimersByTimeAsync(count * 30);
            }
            await vi.advanceTimersByTimeAsync(60_000);
            expect(starts).toHaveLength(requests.reduce((sum, count) => sum + count, 0));
            expect(mostInASecond(starts)).toBeLessThanOrEqual(LIMIT);
          },
        ),
        { numRuns: 100 },
      );
    },
    60_000,
  );
});
