import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { burstIntervalMs, nextSlots, type SlotSchedule } from '../../../shared/quota/slots.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const TEAM = { requestsPerWindow: 25, windowMs: 1050, burst: 13 };

const schedules = fc
  .record({
    requestsPerWindow: fc.integer({ min: 2, max: 1000 }),
    windowMs: fc.integer({ min: 1000, max: 2000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ share, ...rest }) => ({ ...rest, burst: Math.max(1, Math.ceil(share * rest.requestsPerWindow)) }));
const arrivals = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 3000 }), count: fc.integer({ min: 1, max: 60 }) }),
  { minLength: 1, maxLength: 40 },
);

/** All slots of requests that arrive at these times. */
function allSlots(schedule: SlotSchedule, asked: { afterMs: number; count: number }[]): number[] {
  let now = NOON;
  const slots: number[] = [];
  for (const { afterMs, count } of asked) {
    now += afterMs;
    slots.push(...nextSlots(schedule, slots.slice(-schedule.requestsPerWindow), count, now));
  }
  return slots;
}

/** Further apart than two slots of a burst, in milliseconds, and closer than two bursts. */
const APART_MS = 50;

/** Slots by the burst that they belong to, in order. */
function burstsOf(slots: readonly number[]): number[][] {
  const bursts: number[][] = [];
  for (const slot of slots) {
    const burst = bursts.at(-1);
    if (burst && slot - (burst.at(-1) ?? 0) < APART_MS) burst.push(slot);
    else bursts.push([slot]);
  }
  return bursts;
}

describe('slots', () => {
  it('are now while the limit allows it', () => {
    expect(nextSlots(TEAM, [], 3, NOON)).toEqual([NOON, NOON, NOON]);
    expect(nextSlots(TEAM, [NOON - 300, NOON - 299], 2, NOON)).toEqual([NOON, NOON]);
  });

  it('are no more than a burst at once', () => {
    const slots = nextSlots(TEAM, [], 25, NOON);
    expect(slots.filter((slot) => slot === NOON)).toHaveLength(13);
    expect(slots[13]).toBeGreaterThanOrEqual(NOON + 524);
  });

  it.each([
    ['at the start of a burst', TEAM, 0, 0],
    ['a little later', TEAM, 1, 4],
    ['at its last slot', TEAM, 48, 48],
    ['after its last slot: in the next burst', TEAM, 49, 525],
    ['half a millisecond after the start of a burst', { ...TEAM, windowMs: 1051 }, 0.5, 4],
  ])('join the bursts of a grid: %s', (_, schedule, earliestMs, expectedMs) => {
    const intervalMs = burstIntervalMs(schedule);
    const start = Math.ceil(NOON / intervalMs / 2) * 2 * intervalMs;
    // The burst before allows the next a millisecond earlier than an interval later.
    const past = Array<number>(13).fill(start + earliestMs + 1 - intervalMs);
    expect(nextSlots(schedule, past, 1, start - 100)).toEqual([start + expectedMs]);
  });

  it('never exceed a burst in the interval of bursts, but for a millisecond, for any requests', () => {
    fc.assert(
      fc.property(schedules, arrivals, (schedule, asked) => {
        const slots = allSlots(schedule, asked);
        const { requestsPerWindow, burst } = schedule;
        const size = Math.ceil(requestsPerWindow / Math.ceil(requestsPerWindow / burst));
        for (const [index, slot] of slots.entries()) {
          const next = slots[index + size];
          if (next !== undefined) expect(next - slot).toBeGreaterThanOrEqual(burstIntervalMs(schedule) - 1);
        }
      }),
    );
  });

  it('come in two bursts a window when the demand exceeds the limit', () => {
    const bursts = burstsOf(nextSlots(TEAM, [], 100, NOON).slice(25));
    expect(bursts.map(({ length }) => length)).toEqual([13, 12, 13, 12, 13, 12]);
    const starts = bursts.map(([start = 0]) => start);
    expect(starts.slice(1).map((start, index) => start - (starts[index] ?? 0))).toEqual(Array(5).fill(525));
  });

  it('are 4 ms apart in a burst', () => {
    const [burst = []] = burstsOf(nextSlots(TEAM, [], 100, NOON).slice(25));
    expect(burst.slice(1).map((slot, index) => slot - (burst[index] ?? 0))).toEqual(Array(12).fill(4));
  });

  it('never exceed the limit in any sliding window, for any requests', () => {
    fc.assert(
      fc.property(schedules, arrivals, (schedule, asked) => {
        const slots = allSlots(schedule, asked);
        const { requestsPerWindow, windowMs } = schedule;
        for (const [index, slot] of slots.entries()) {
          const next = slots[index + requestsPerWindow];
          if (next !== undefined) expect(next - slot).toBeGreaterThanOrEqual(windowMs);
        }
      }),
    );
  });

  it('are never in the past, and always in order', () => {
    fc.assert(
      fc.property(schedules, arrivals, (schedule, asked) => {
        const slots = allSlots(schedule, asked);
        expect(slots).toEqual(slots.toSorted((a, b) => a - b));
        expect(slots[0]).toBeGreaterThanOrEqual(NOON);
      }),
    );
  });

  it('are all used under constant demand', () => {
    fc.assert(
      fc.property(schedules, arrivals, (schedule, before) => {
        const { requestsPerWindow, windowMs } = schedule;
        const past = allSlots(schedule, before);
        const slots = nextSlots(schedule, past, 20 * requestsPerWindow, past.at(-1) ?? NOON);
        const settled = slots.slice(2 * requestsPerWindow);
        const took = (settled.at(-1) ?? 0) - (settled[0] ?? 0);
        expect(took).toBeLessThanOrEqual((settled.length / requestsPerWindow) * windowMs + 1);
      }),
    );
  });
});
