import * as z from 'zod/mini';
import { positiveInt } from '../values.ts';

export const slotScheduleSchema = z.object({
  /** Slots in any window. */
  requestsPerWindow: positiveInt,
  /** Length of the window in milliseconds. */
  windowMs: positiveInt,
  /** Slots of a burst, which are a few milliseconds apart. */
  burst: positiveInt,
});
/** How request slots are spread over time, for all environments together. A slot is the moment at which one request may start. */
export type SlotSchedule = z.infer<typeof slotScheduleSchema>;

/**
 * From one slot of a burst to the next, in milliseconds: about what it takes an environment to send a request. Requests of the same
 * moment would delay each other on the processor, each by another time, and that moves their arrivals as jitter of the network does.
 */
const SPACING_MS = 4;

/** The bursts of a window. */
interface Bursts {
  /** From the begin of a burst to the begin of the next. */
  intervalMs: number;
  /** Slots of each. */
  size: number;
  /** From one slot of a burst to the next. */
  spacingMs: number;
}

function burstsOf({ requestsPerWindow, windowMs, burst }: SlotSchedule): Bursts {
  const bursts = Math.ceil(requestsPerWindow / burst);
  const intervalMs = windowMs / bursts;
  const size = Math.ceil(requestsPerWindow / bursts);
  return { intervalMs, size, spacingMs: Math.min(SPACING_MS, Math.floor(intervalMs / size / 2)) };
}

/** From the begin of a burst to the begin of the next, in milliseconds: the longest that a request waits for a burst. */
export const burstIntervalMs = (schedule: SlotSchedule): number => burstsOf(schedule).intervalMs;

/**
 * The next slots, in epoch milliseconds: at once if the limit allows it, or else in the next burst of a grid that divides the window
 * evenly. Each slot is at least a window after the one `requestsPerWindow` before it, so no window has more of them, wherever it begins.
 *
 * Bursts, and not evenly spaced slots: when the network moves arrivals towards each other, two bursts that are a window apart stay
 * apart, but evenly spaced requests run into each other (`docs/performance.md` has the curve).
 *
 * @param past the last slots, oldest first; some may be in the future.
 */
export function nextSlots(
  schedule: SlotSchedule,
  past: readonly number[],
  count: number,
  now: number,
): number[] {
  const { requestsPerWindow, windowMs } = schedule;
  const bursts = burstsOf(schedule);
  const slots = [...past];
  for (let added = 0; added < count; added++) {
    const last = slots.at(-1) ?? 0;
    const windowBefore = slots.at(-requestsPerWindow) ?? 0;
    const burstBefore = slots.at(-bursts.size) ?? 0;
    const earliest = Math.max(now, last, windowBefore + windowMs);
    const begin = Math.max(earliest, burstBefore + bursts.intervalMs);
    const next = onGrid(Math.max(begin - 1, last + bursts.spacingMs), bursts);
    slots.push(begin <= now ? now : Math.max(earliest, next));
  }
  return slots.slice(past.length);
}

/** The first slot of the grid at or after a time, in whole milliseconds. The rounding of fractions does not move a slot that is on the grid already. */
function onGrid(time: number, { intervalMs, size, spacingMs }: Bursts): number {
  const burst = Math.floor((time + 1) / intervalMs);
  const begin = Math.round(burst * intervalMs);
  const place = time <= begin ? 0 : Math.ceil((time - begin) / spacingMs);
  return place < size ? begin + place * spacingMs : Math.round((burst + 1) * intervalMs);
}
