import { setTimeout as sleep } from 'node:timers/promises';
import { population } from '../../demo/population.ts';
import type { Latency } from '../../simulator/traffic/latency.ts';
import { costOf } from '../measure/cost.ts';
import type { Filled } from '../measure/filled.ts';
import { type BenchSystem, withBenchSystem } from './bench-system.ts';

/** The stretch of a backfill that is counted. */
export interface SteadyResult extends Filled {
  refused: number;
  /** Requests that were refused before it. */
  refusedBefore: number;
}

/** Requests that are not counted: on the few processors of one machine it takes some batches until each environment's code is compiled. */
export const WARM_UP = 600;
/** Requests that are counted. */
export const COUNTED = 1200;
/** Users who come after them: at its end a backfill has ever fewer environments at work. */
const REST = 300;
const LOOK_MS = 500;

/** A backfill on the local cloud in real time, at a latency of the CRM and with environments from the formula, of which the middle is counted. */
export function steadyBackfill({ medianMs, p95Ms }: Latency, jitterMs: number): Promise<SteadyResult> {
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

/** Runs a backfill of a system and counts a stretch of it. @param counted requests that are counted, after those of the warm-up. */
export async function steadyPart(
  { door, backfill }: BenchSystem,
  warmUp: number,
  counted: number,
): Promise<SteadyResult> {
  const requestsPast = async (count: number) => {
    while ((await door.stats()).totalRequests < count) await sleep(LOOK_MS);
  };
  const count = async (): Promise<SteadyResult> => {
    await requestsPast((await door.stats()).totalRequests + warmUp);
    const { throttled: refusedBefore } = await door.stats();
    await door.countAnew();
    const { requests, refused, utilisation } = await costOf(door, async () => {
      await requestsPast(counted);
      return counted;
    });
    const { maxArrivalsInAnySecond } = await door.stats();
    const refusedPart = refused / requests;
    return { requests, refused, utilisation, refusedPart, maxArrivalsInAnySecond, refusedBefore };
  };
  const finished = backfill({ mode: 'contacts' });
  const [result] = await Promise.all([count(), finished]);
  return result;
}
