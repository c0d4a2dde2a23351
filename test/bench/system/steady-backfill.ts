import { setTimeout as sleep } from 'node:timers/promises';
import { population } from '../../demo/population.ts';
import type { Latency } from '../../simulator/traffic/latency.ts';
import { measureCost } from '../measure/cost.ts';
import type { Fill } from '../measure/fill.ts';
import { type BenchSystem, withBenchSystem } from './bench-system.ts';

/** Fill during the counted requests of a backfill. */
export interface SteadyFill extends Fill {
  rejected: number;
  /** Requests rejected during the warm-up. */
  rejectedBefore: number;
}

/** Requests before the counted ones: with few processors it takes some batches until each environment's code is compiled. */
export const WARM_UP = 600;
/** Requests that are counted. */
export const COUNTED = 1200;
/** Users after the counted requests: at its end, a backfill keeps fewer and fewer environments busy. */
const REST = 300;
const POLL_MS = 500;

/** Runs a backfill on the local cloud in real time, and counts requests from its middle. The pace is computed for the CRM's latency. */
export function steadyBackfill({ medianMs, p95Ms }: Latency, jitterMs: number): Promise<SteadyFill> {
  return withBenchSystem(
    {
      users: population(WARM_UP + COUNTED + REST, 1, Date.now()).users,
      simulator: [
        ...['--latency-median', String(medianMs)],
        ...['--latency-p95', String(p95Ms)],
        ...['--jitter', String(jitterMs)],
      ],
      crm: { latencyP95Ms: p95Ms },
    },
    (system) => steadyPart(system, WARM_UP, COUNTED),
  );
}

/**
 * Runs a backfill of a system and counts requests from its middle.
 *
 * @param warmUp requests before the counted ones.
 * @param counted requests to count.
 */
export async function steadyPart(
  { controlApi, backfill }: BenchSystem,
  warmUp: number,
  counted: number,
): Promise<SteadyFill> {
  const untilRequests = async (count: number) => {
    while ((await controlApi.stats()).totalRequests < count) await sleep(POLL_MS);
  };
  const count = async (): Promise<SteadyFill> => {
    await untilRequests((await controlApi.stats()).totalRequests + warmUp);
    const { throttled: rejectedBefore } = await controlApi.stats();
    await controlApi.countAnew();
    const { requests, rejected, filled } = await measureCost(controlApi, async () => {
      await untilRequests(counted);
      return counted;
    });
    const { maxArrivalsInAnySecond } = await controlApi.stats();
    const rejectedShare = rejected / requests;
    return { requests, rejected, filled, rejectedShare, maxArrivalsInAnySecond, rejectedBefore };
  };
  const finished = backfill({ mode: 'contacts' });
  const [result] = await Promise.all([count(), finished]);
  return result;
}
