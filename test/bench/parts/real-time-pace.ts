import { parseConfig } from '../../../infra/config.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { sum } from '../../support/sum.ts';
import { atLeast, atMost, number, type Part, percent } from '../report/section.ts';
import { COUNTED, type SteadyFill, steadyBackfill, WARM_UP } from '../system/steady-backfill.ts';
import {
  fillCells,
  JITTER_MS,
  LATENCIES,
  latencyName,
  MAX_REJECTED_WITH_JITTER,
  percentOfRejections,
} from './pace.ts';

const MIN_FILLED = 0.9;

/** The same as `pace`, in real time on the local cloud. */
export const realTimePace: Part = {
  name: 'real-time-pace',
  about: 'the same in real time on the local cloud',
  async run(log) {
    const { windowSlackMs } = parseConfig({}).crm;
    const steady: SteadyFill[] = [];
    for (const latency of LATENCIES) {
      log(`Running a backfill in real time, with a median latency of ${latency.medianMs} ms`);
      steady.push(await steadyBackfill(latency, 0));
    }
    log('Running a backfill in real time, with jitter');
    const jittered = await steadyBackfill(REAL_LATENCY, JITTER_MS);
    const all = [...steady, jittered];
    return {
      title: 'Pace in real time',
      method: `The stack on the local cloud, where the CRM simulator, the tables, the queue and all environments share the processors of this machine: ${number(COUNTED, 0)} requests from the middle of a backfill of new users. The ${number(WARM_UP, 0)} requests before, while each environment's code is compiled, are not counted; ${number(sum(all.map(({ rejectedBefore }) => rejectedBefore)), 0)} of ${number(all.length * WARM_UP, 0)} were rejected. The window slack is ${windowSlackMs} ms, the default.`,
      tables: [
        {
          columns: ['latency, median / p95', 'quota filled', 'most in a second', 'rejected'],
          rows: [
            ...LATENCIES.map((latency, index) => [latencyName(latency), ...fillCells(steady[index])]),
            [`${latencyName(REAL_LATENCY)}, jitter ±${JITTER_MS} ms`, ...fillCells(jittered)],
          ],
        },
      ],
      charts: [],
      conclusions: [],
      goals: [
        atLeast(
          'quota filled in real time, lowest of four latencies and jitter',
          Math.min(...all.map(({ filled }) => filled)),
          MIN_FILLED,
          percent,
        ),
        atMost(
          'rejected in real time without jitter',
          sum(steady.map(({ rejected }) => rejected)),
          0,
          (count) => number(count, 0),
        ),
        atMost(
          `rejected in real time with ±${JITTER_MS} ms of jitter`,
          jittered.rejectedShare,
          MAX_REJECTED_WITH_JITTER,
          percentOfRejections,
        ),
      ],
      figures: {
        withoutJitter: LATENCIES.map((latency, index) => ({ latency, ...steady[index] })),
        withJitter: { slackMs: windowSlackMs, ...jittered },
      },
    };
  },
};
