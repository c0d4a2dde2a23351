/** Part of the requests at the beginning and at the end that is no steady running: the ramp and the last batches. */
const RAMP = 0.1;
/**
 * Requests a second while it ran steadily: between the first and the last tenth of the arrivals, from one arrival to another that is
 * a whole number of limits later. So it is never more than a limit that was kept in any sliding second, and bursts are counted whole.
 *
 * @param arrivals epoch milliseconds, in any order.
 * @param limit requests of a second.
 * @returns 0 when there were too few.
 */
export function steadyRate(arrivals: readonly number[], limit: number): number {
  const sorted = [...arrivals].sort((a, b) => a - b);
  const ramp = Math.floor(sorted.length * RAMP);
  const limits = Math.floor((sorted.length - 1 - 2 * ramp) / limit);
  const [from, to] = [sorted[ramp], sorted[ramp + limits * limit]];
  return from === undefined || to === undefined || to === from ? 0 : (1000 * limits * limit) / (to - from);
}
