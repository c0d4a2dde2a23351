/** Part of the requests at the beginning and at the end that is no steady running: the ramp and the last batches. */
const RAMP = 0.1;
const SECOND_MS = 1000;

/**
 * Requests a second while it ran steadily: in the whole seconds that lie between the first and the last tenth of the arrivals. So it is
 * never more than a limit that was kept in any sliding second.
 *
 * @param arrivals epoch milliseconds, in any order.
 * @returns 0 when it ran for less than a second.
 */
export function steadyRate(arrivals: readonly number[]): number {
  const sorted = [...arrivals].sort((a, b) => a - b);
  const ramp = Math.floor(sorted.length * RAMP);
  const from = sorted[ramp] ?? 0;
  const to = sorted[sorted.length - 1 - ramp] ?? 0;
  const seconds = Math.floor((to - from) / SECOND_MS);
  if (seconds === 0) return 0;
  const end = from + seconds * SECOND_MS;
  return sorted.filter((at) => at >= from && at < end).length / seconds;
}
