import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';

export const slotScheduleSchema = z.object({
  /** Slots in any window. */
  requestsPerWindow: positiveInt,
  /** Length of the window in milliseconds. */
  windowMs: positiveInt,
  /** Slots of a burst. They are a few milliseconds apart. */
  burst: positiveInt,
});
/** How request slots are spread over time, for all environments together. A slot is the moment at which one request may start. */
export type SlotSchedule = z.infer<typeof slotScheduleSchema>;

/**
 * Time between two slots of a burst, in milliseconds: about what an environment needs to send a request. Requests that start at the same
 * moment delay each other on the processor by different times, which has the effect of network jitter.
 */
const SPACING_MS = 4;

/** The bursts of a window. */
interface Bursts {
  /** From the start of one burst to the start of the next, in milliseconds. */
  intervalMs: number;
  /** Slots in a burst. */
  size: number;
  /** From one slot of a burst to the next, in milliseconds. */
  spacingMs: number;
}

function burstsOf({ requestsPerWindow, windowMs, burst }: SlotSchedule): Bursts {
  const bursts = Math.ceil(requestsPerWindow / burst);
  const intervalMs = windowMs / bursts;
  const size = Math.ceil(requestsPerWindow / bursts);
  return { intervalMs, size, spacingMs: Math.min(SPACING_MS, Math.floor(intervalMs / size / 2)) };
}

/** From the start of one burst to the start of the next, in milliseconds: the longest that a request waits for a burst. */
export const burstIntervalMs = (schedule: SlotSchedule): number => burstsOf(schedule).intervalMs;

/**
 * The next slots, in epoch milliseconds: now if the limit allows it, otherwise in the next burst of a grid that divides the window evenly.
 * Each slot is at least a window later than the one `requestsPerWindow` before it, so no sliding window has more slots than that.
 *
 * Slots come in bursts, since network jitter moves arrivals towards each other: two bursts a window apart stay apart, but evenly spaced
 * requests exceed the limit now and then (`docs/performance.md` has the curve).
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
    const start = Math.max(earliest, burstBefore + bursts.intervalMs);
    const next = onGrid(Math.max(start - 1, last + bursts.spacingMs), bursts);
    slots.push(start <= now ? now : Math.max(earliest, next));
  }
  return slots.slice(past.length);
}

/** The first slot of the grid at or after a time, in whole milliseconds. A slot on the grid is not moved by the rounding of fractions. */
function onGrid(time: number, { intervalMs, size, spacingMs }: Bursts): number {
  const burst = Math.floor((time + 1) / intervalMs);
  const start = Math.round(burst * intervalMs);
  const index = time <= start ? 0 : Math.ceil((time - start) / spacingMs);
  return index < size ? start + index * spacingMs : Math.round((burst + 1) * intervalMs);
}
