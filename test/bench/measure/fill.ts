import { sum } from '../../support/sum.ts';

/** How close to the rate limit a backfill ran. */
export interface Fill {
  /** Requests that arrived at the CRM, including rejected ones. */
  requests: number;
  /** Share of the requests that were rejected with 429. */
  rejectedShare: number;
  /** Steady rate of admitted requests, as a share of the rate limit. */
  filled: number;
  maxArrivalsInAnySecond: number;
}

/** Combines backfills that differ only by their random seed. A single one has too few rejections to estimate their share. */
export function combineFills(fills: readonly Fill[]): Fill {
  const requests = sum(fills.map((fill) => fill.requests));
  return {
    requests,
    rejectedShare: sum(fills.map((fill) => fill.rejectedShare * fill.requests)) / requests,
    filled: sum(fills.map(({ filled }) => filled)) / fills.length,
    maxArrivalsInAnySecond: Math.max(...fills.map((fill) => fill.maxArrivalsInAnySecond)),
  };
}

/** Share of the requests at each end that is left out: the ramp-up and the last batches. */
const RAMP = 0.1;

/**
 * The steady rate in requests per second, without the first and last tenth of the arrivals.
 *
 * It is measured from one arrival to another that is a whole number of limits later, so it never exceeds a limit that was kept in every
 * sliding second, and bursts count as a whole. It is averaged over the first `limit` arrivals: from a single one, a missed slot would
 * count either as nothing or as a whole burst.
 *
 * @param arrivals epoch milliseconds, in any order.
 * @param limit allowed requests per second.
 * @returns 0 if there are too few arrivals.
 */
export function steadyRate(arrivals: readonly number[], limit: number): number {
  const ramp = Math.floor(arrivals.length * RAMP);
  const steady = [...arrivals].sort((a, b) => a - b).slice(ramp, arrivals.length - ramp);
  const count = limit * (Math.floor(steady.length / limit) - 1);
  if (count <= 0) return 0;
  const ends = steady.slice(count, count + limit);
  const meanMs = sum(ends.map((end, index) => end - (steady[index] ?? end))) / limit;
  return meanMs === 0 ? 0 : (1000 * count) / meanMs;
}
