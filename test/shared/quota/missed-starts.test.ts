import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sharedPace } from '../../../shared/quota/shared-pace.ts';
import { nextStarts } from '../../../shared/quota/timetable.ts';
import type { VersionedStore } from '../../../shared/quota/versioned.ts';
import { later, mostIn, NOON, storedStarts, timetable } from './pace-under-test.ts';

beforeEach(() => vi.useFakeTimers({ now: NOON }));
afterEach(() => vi.useRealTimers());

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

describe('an environment that is held up', () => {
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
        async (given, requests) => {
          // Given ones are left as they are: what fails is shown, and made smaller.
          const delays = [...given];
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
});
