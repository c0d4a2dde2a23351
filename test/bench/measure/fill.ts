import { sum } from '../../support/sum.ts';

/** Part of the requests at the beginning and at the end that is no steady running: the ramp and the last batches. */
const RAMP = 0.1;
/**
 * Requests a second while it ran steadily: between the first and the last tenth of the arrivals, from one arrival to another that is
 * a whole number of limits later. So it is never more than a limit that was kept in any sliding second, and bursts are counted whole.
 * The mean time from each arrival of a first limit counts: from one arrival alone, a start that nobody took would cost nothing or,
 * where the count ends one burst later for it, a burst.
 *
 * @param arrivals epoch milliseconds, in any order.
 * @param limit requests of a second.
 * @returns 0 when there were too few.
 */
export function steadyRate(arrivals: readonly number[], limit: number): number {
  const ramp = Math.floor(arrivals.length * RAMP);
  const steady = [...arrivals].sort((a, b) => a - b).slice(ramp, arrivals.length - ramp);
  const count = limit * (Math.floor(steady.length / limit) - 1);
  if (count <= 0) return 0;
  const ends = steady.slice(count, count + limit);
  const took = sum(ends.map((end, index) => end - (steady[index] ?? end))) / limit;
  return took === 0 ? 0 : (1000 * count) / took;
}
