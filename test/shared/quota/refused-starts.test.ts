import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sharedPace } from '../../../shared/quota/shared-pace.ts';
import { linesOf } from './lines-of.ts';
import { later, NOON, storedStarts, timetable } from './pace-under-test.ts';

beforeEach(() => vi.useFakeTimers({ now: NOON }));
afterEach(() => vi.useRealTimers());

describe('a pace that is refused', () => {
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
