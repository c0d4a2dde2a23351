import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sharedPace } from '../../../shared/quota/shared-pace.ts';
import { Retryable } from '../../../shared/sync/errors.ts';
import { later, mostIn, NOON, storedStarts, timetable } from './pace-under-test.ts';

beforeEach(() => vi.useFakeTimers({ now: NOON }));
afterEach(() => vi.useRealTimers());

describe('the shared pace', () => {
  it('lets the first requests start at once, after a quiet while', async () => {
    const pace = sharedPace({ timetable, store: storedStarts() });
    await vi.advanceTimersByTimeAsync(321);
    await pace.turn(later());
    expect(Date.now()).toBe(NOON + 321);
  });

  it('uses every start, and no more, however many environments there are', async () => {
    const store = storedStarts();
    const environments = Array.from({ length: 8 }, () => sharedPace({ timetable, store }));
    const starts: number[] = [];
    for (const pace of environments) {
      for (let request = 0; request < 50; request++)
        void pace.turn(later()).then(() => void starts.push(Date.now()));
    }
    await vi.advanceTimersByTimeAsync(17_000);
    expect(starts).toHaveLength(400);
    expect(mostIn(starts, 1000)).toBe(25);
    expect(Math.max(...starts) - NOON).toBeLessThanOrEqual(16 * 1050);
  });

  it('keeps to the limit in any second, whenever requests come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            afterMs: fc.integer({ min: 0, max: 1500 }),
            requests: fc.integer({ min: 1, max: 40 }),
          }),
          { minLength: 1, maxLength: 20 },
        ),
        fc.integer({ min: 1, max: 25 }),
        async (arrivals, burst) => {
          const store = storedStarts();
          const environments = [1, 2, 3].map(() => sharedPace({ timetable: { ...timetable, burst }, store }));
          const starts: number[] = [];
          for (const [index, { afterMs, requests }] of arrivals.entries()) {
            await vi.advanceTimersByTimeAsync(afterMs);
            for (let request = 0; request < requests; request++)
              void environments[(index + request) % 3]
                ?.turn(later())
                .then(() => void starts.push(Date.now()));
          }
          await vi.advanceTimersByTimeAsync(60_000);
          expect(starts).toHaveLength(arrivals.reduce((sum, { requests }) => sum + requests, 0));
          expect(mostIn(starts, 1000)).toBeLessThanOrEqual(25);
        },
      ),
      { numRuns: 50 },
    );
  }, 30_000);

  it('takes what asks at the same time together', async () => {
    const store = storedStarts();
    const write = vi.spyOn(store, 'write');
    const pace = sharedPace({ timetable, store });
    await Promise.all(Array.from({ length: 10 }, () => pace.turn(later())));
    expect(write).toHaveBeenCalledTimes(2);
    expect(Date.now()).toBe(NOON);
  });

  it('has no turn after the deadline', async () => {
    const pace = sharedPace({ timetable, store: storedStarts() });
    const all = Promise.allSettled(Array.from({ length: 100 }, () => pace.turn(NOON + 1500)));
    await vi.advanceTimersByTimeAsync(10_000);
    const refused = (await all).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(50);
    expect(refused[0]).toMatchObject({ reason: expect.any(Retryable) });
  });

  it('goes on when more is asked for than there are turns: those that nobody can take are left to others', async () => {
    const slow = { requestsPerWindow: 4, windowMs: 1045, burst: 2 };
    const store = storedStarts();
    const started: number[] = [];
    /** Invocations one after another, each with more to do than it can. */
    const environment = async () => {
      const pace = sharedPace({ timetable: slow, store });
      for (;;) {
        const deadline = Date.now() + 115_000;
        const turns = Array.from({ length: 500 }, () =>
          pace.turn(deadline).then(() => void started.push(Date.now())),
        );
        await Promise.allSettled(turns);
        await new Promise((done) => setTimeout(done, 10));
      }
    };
    void environment();
    void environment();
    for (let minute = 1; minute <= 12; minute++) {
      const before = started.length;
      await vi.advanceTimersByTimeAsync(60_000);
      expect(started.length - before).toBeGreaterThan(200);
    }
  });

  it('is not held up by a clock that was far ahead', async () => {
    const store = storedStarts();
    const ahead = sharedPace({ timetable, store, now: () => Date.now() + 86_400_000 });
    await ahead.turn(NOON + 2 * 86_400_000);
    await sharedPace({ timetable, store }).turn(later());
    expect(Date.now() - NOON).toBeLessThan(1050);
  });

  it('postpones the work when the starts cannot be stored, and goes on afterwards', async () => {
    const store = storedStarts();
    const read = vi.spyOn(store, 'read').mockRejectedValueOnce(new Error('throttled'));
    const pace = sharedPace({ timetable, store });
    await expect(pace.turn(later())).rejects.toThrow(Retryable);
    await pace.turn(later());
    expect(read).toHaveBeenCalledTimes(2);
  });
});
