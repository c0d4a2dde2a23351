import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sharedPace } from '../../../shared/quota/shared-pace.ts';
import { nextStarts } from '../../../shared/quota/timetable.ts';
import type { VersionedStore } from '../../../shared/quota/versioned.ts';
import { Retryable } from '../../../shared/sync/errors.ts';
import { linesOf } from './lines-of.ts';
import { memoryStore } from './memory-store.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const timetable = { requestsPerWindow: 25, windowMs: 1050, burst: 13 };
beforeEach(() => vi.useFakeTimers({ now: NOON }));
afterEach(() => vi.useRealTimers());

const storedStarts = () => memoryStore<number[]>();
const later = () => Date.now() + 120_000;
const mostIn = (starts: readonly number[], ms: number): number =>
  Math.max(...starts.map((start) => starts.filter((at) => at >= start && at < start + ms).length));

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

  /** A store whose writes are answered late, as for an environment that is held up. */
  const answeringAfter = (
    store: VersionedStore<number[]>,
    delayMs: () => number,
  ): VersionedStore<number[]> => ({
    read: store.read,
    async write(value, over) {
      const written = await store.write(value, over);
      await new Promise((answered) => setTimeout(answered, delayMs()));
      return written;
    },
  });

  it('gives up a start that it has missed, since its window has ended for others', async () => {
    const store = storedStarts();
    const delaysMs = [500];
    const held = answeringAfter(store, () => delaysMs.shift() ?? 0);
    const turn = sharedPace({ timetable, store: held }).turn(later());
    await vi.advanceTimersByTimeAsync(2000);
    await turn;
    expect((await store.read())?.value).toEqual([NOON, NOON + 500]);
  });

  it('makes use of missed starts as long as the second has room for them, and gives up no more than it must', async () => {
    const store = storedStarts();
    const others = sharedPace({ timetable, store });
    const starts: number[] = [];
    const started = () => void starts.push(Date.now());
    for (let request = 0; request < 25; request++) void others.turn(later()).then(started);
    await vi.advanceTimersByTimeAsync(1);
    const [line = 0] = nextStarts(timetable, (await store.read())?.value ?? [], 1, Date.now());
    // Its first request is taken alone, and nine together after it.
    const delaysMs = [0, line + 58 - Date.now()];
    const held = sharedPace({ timetable, store: answeringAfter(store, () => delaysMs.shift() ?? 0) });
    for (let request = 0; request < 10; request++) void held.turn(later()).then(started);
    await vi.advanceTimersByTimeAsync(1);
    for (let request = 0; request < 200; request++) void others.turn(later()).then(started);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(starts).toHaveLength(235);
    expect(mostIn(starts, 1000)).toBe(25);
    // Of nine there is room for six, one after another as they were to be.
    const late = starts.filter((start) => start >= line + 58 && start < line + 500);
    expect(late.map((start) => start - line)).toEqual([58, 62, 66, 70, 74, 78]);
  });

  it('keeps to the limit in any second though one environment is held up again and again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 5, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 5, maxLength: 40 }),
        async (delays, requests) => {
          const store = storedStarts();
          const held = sharedPace({ timetable, store: answeringAfter(store, () => delays.shift() ?? 0) });
          const others = [1, 2].map(() => sharedPace({ timetable, store }));
          const starts: number[] = [];
          for (const [index, count] of requests.entries()) {
            const pace = [held, ...others][index % 3];
            for (let request = 0; request < count; request++)
              void pace?.turn(later()).then(() => void starts.push(Date.now()));
            await vi.advanceTimersByTimeAsync(count * 30);
          }
          await vi.advanceTimersByTimeAsync(60_000);
          expect(starts).toHaveLength(requests.reduce((sum, count) => sum + count, 0));
          expect(mostIn(starts, 1000)).toBeLessThanOrEqual(25);
        },
      ),
      { numRuns: 100 },
    );
  }, 30_000);

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

  it('lets fewer start at one moment when the gateway takes bursts amiss, until they start one after another', async () => {
    const store = storedStarts();
    const environments = [1, 2, 3].map(() => sharedPace({ timetable, store }));
    let refused = 0;
    let openAt = 0;
    /** A gateway that lets one request through each 35 ms. */
    const request = async (index: number): Promise<void> => {
      const pace = environments[index % 3];
      await pace?.turn(later());
      if (Date.now() >= openAt) {
        openAt = Date.now() + 35;
        return;
      }
      refused++;
      pace?.refused();
    };
    const secondsOf = async (seconds: number): Promise<number> => {
      refused = 0;
      const requests = Promise.all(Array.from({ length: seconds * 24 }, (_, index) => request(index)));
      await vi.advanceTimersByTimeAsync(1100 * seconds);
      await requests;
      return refused / (seconds * 24);
    };
    expect(await secondsOf(2)).toBeGreaterThan(0.5);
    await secondsOf(6);
    expect(await secondsOf(5)).toBeLessThan(0.1);
  });

  it('keeps its bursts when it is refused now and then', async () => {
    const pace = sharedPace({ timetable, store: storedStarts() });
    for (let minute = 0; minute < 10; minute++) {
      pace.refused();
      await vi.advanceTimersByTimeAsync(5000);
    }
    const starts: number[] = [];
    for (let request = 0; request < 100; request++)
      void pace.turn(later()).then(() => void starts.push(Date.now()));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(linesOf(starts.slice(25))).toHaveLength(6);
  });

  it('keeps its bursts when a small part of many requests is refused, as by a network that shakes', async () => {
    const pace = sharedPace({ timetable, store: storedStarts() });
    const starts: number[] = [];
    for (let request = 0; request < 300; request++)
      void pace.turn(later()).then(() => {
        starts.push(Date.now());
        if (request % 20 === 0) pace.refused();
      });
    await vi.advanceTimersByTimeAsync(15_000);
    expect(starts).toHaveLength(300);
    for (let request = 0; request < 25; request++)
      void pace.turn(later()).then(() => void starts.push(Date.now()));
    await vi.advanceTimersByTimeAsync(2000);
    expect(linesOf(starts.slice(300)).map(({ length }) => length)).toEqual([13, 12]);
  });
});
