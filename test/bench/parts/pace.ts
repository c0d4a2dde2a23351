import { parseConfig } from '../../../infra/config.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { sum } from '../../support/sum.ts';
import { type Filled, pooled } from '../measure/filled.ts';
import type { Part } from '../report/section.ts';
import { goal, number, percent } from '../report/words.ts';
import { runWorlds } from '../simulated/run-worlds.ts';
import type { WorldOptions } from '../simulated/world.ts';
import { COUNTED, type SteadyResult, steadyBackfill, WARM_UP } from '../system/steady-backfill.ts';

/** Of the worlds in which the network shakes: the first is that of the others too. */
const SEEDS = [1, 2, 3, 4] as const;
const USERS = 2000;
const LATENCIES = [
  { medianMs: 50, p95Ms: 130 },
  REAL_LATENCY,
  { medianMs: 500, p95Ms: 1350 },
  { medianMs: 1500, p95Ms: 4000 },
];
const JITTER_MS = 50;
const SLACKS_MS = [0, 20, 40, 60, 80, 100, 150];
/** Requests that start together, beside those of the formula. */
const BURSTS = [1, 5, 25];
/** With jitter, and without. */
const LEAST_UTILISATION = 0.9;
const LEAST_STILL = 0.95;
/** Where the chart of the quota begins, in percent: less is not reached by any slack. */
const LEAST_SHOWN = 60;
const MOST_REFUSED = 0.005;

/** How close to the limit a backfill runs, and what that costs in refusals. */
export const edge: Part = {
  name: 'edge',
  about: 'how much of the quota a backfill fills, and how many requests are refused',
  async run(say) {
    const { windowSlackMs } = parseConfig({}).crm;
    const world = (options: Partial<WorldOptions>): WorldOptions => ({
      users: USERS,
      latency: REAL_LATENCY,
      jitterMs: 0,
      windowSlackMs,
      seed: SEEDS[0],
      ...options,
    });
    const shaken = world({ jitterMs: JITTER_MS });
    say('Backfills on a simulated clock');
    const shakenWorlds = [
      ...SLACKS_MS.map((slack) => ({ ...shaken, windowSlackMs: slack })),
      ...BURSTS.map((burst) => ({ ...shaken, burst })),
      shaken,
    ];
    const worlds = await runWorlds([
      ...LATENCIES.map((latency) => world({ latency })),
      ...shakenWorlds.flatMap((options) => SEEDS.map((seed) => ({ ...options, seed }))),
    ]);
    const still = worlds.splice(0, LATENCIES.length);
    const pools = shakenWorlds.map(() => pooled(worlds.splice(0, SEEDS.length)));
    const curve = pools.splice(0, SLACKS_MS.length);
    const bursts = pools.splice(0, BURSTS.length);
    const chosen = pools;
    const stillReal: SteadyResult[] = [];
    for (const latency of LATENCIES) {
      say(`A backfill in real time, at a latency of ${latency.medianMs} ms`);
      stillReal.push(await steadyBackfill(latency, 0));
    }
    say('A backfill in real time, over a network that shakes');
    const shakenReal = await steadyBackfill(REAL_LATENCY, JITTER_MS);
    const fitting = SLACKS_MS.filter((_, index) => isGood(curve[index]));
    return {
      title: "At the limit's edge",
      method: `A backfill of ${number(USERS, 0)} users who are new to the CRM, counted at its door in strict sliding seconds, with environments from the formula (\`shared/quota/pace.ts\`). It runs on a simulated clock: the modules of sync-contact and of the backfill and the synthesized state machine, in one process without sockets, with tables and a FIFO queue in memory (5 ms for each call of them) and the simulator as the CRM; time jumps to the next timer when nothing can go on. Jitter delays each request by 0 to ${2 * JITTER_MS} ms before the limit is looked at, and figures with it are of ${SEEDS.length} such backfills together. *In real time* is the stack on the local cloud, where the CRM, the tables, the queue and all environments share the processors of this machine: ${number(COUNTED, 0)} requests out of the middle of a backfill. The ${number(WARM_UP, 0)} before them, while each environment's code is compiled, are not counted; ${number(sum([...stillReal, shakenReal].map(({ refusedBefore }) => refusedBefore)), 0)} of ${number((stillReal.length + 1) * WARM_UP, 0)} were refused.`,
      tables: [
        {
          columns: [
            'latency, median / p95',
            'environments',
            ...['quota filled', 'most in a second', 'refused'],
            ...['filled in real time', 'most in a second', 'refused'],
          ],
          rows: LATENCIES.map(({ medianMs, p95Ms }, index) => [
            `${number(medianMs, 0)} / ${number(p95Ms, 0)} ms`,
            number(still[index]?.environments ?? 0, 0),
            ...[still, stillReal].flatMap((results) => filled(results[index])),
          ]),
        },
        {
          columns: [`slack of the window, jitter ±${JITTER_MS} ms`, 'quota filled', 'refused'],
          rows: [
            ...SLACKS_MS.map((slack, index) => line(`${slack} ms`, curve[index])),
            ...chosen.map((result) => line(`${windowSlackMs} ms, the default`, result)),
            line(`${windowSlackMs} ms in real time`, shakenReal),
          ],
        },
        {
          columns: [
            `starts together, slack ${windowSlackMs} ms, jitter ±${JITTER_MS} ms`,
            'quota filled',
            'refused',
          ],
          rows: [
            ...BURSTS.map((burst, index) => line(number(burst, 0), bursts[index])),
            ...chosen.map((result) => line('half of a second’s, the default', result)),
          ],
        },
      ],
      charts: [
        {
          kind: 'lines',
          name: 'performance-utilisation',
          title: `Quota filled, with ±${JITTER_MS} ms of jitter`,
          xLabel: 'slack of the window (ms)',
          yLabel: '% of the quota',
          leastY: LEAST_SHOWN,
          series: [{ name: 'filled', points: points(curve, ({ utilisation }) => 100 * utilisation) }],
        },
        {
          kind: 'lines',
          name: 'performance-refusals',
          title: `Requests refused, with ±${JITTER_MS} ms of jitter`,
          xLabel: 'slack of the window (ms)',
          yLabel: '% of the requests',
          series: [{ name: 'refused', points: points(curve, ({ refusedPart }) => 100 * refusedPart) }],
        },
      ],
      conclusions: [
        conclusion(fitting, windowSlackMs, isGood(chosen[0])),
        'Starts that have to wait are together, since two bursts that are a window apart stay apart when the network shakes, and single starts run into each other. Half of a second’s are, and not all, since nobody has said how the gateway takes a burst; and they follow one another by some milliseconds, since a processor that is to send many requests at once sends some of them late.',
      ],
      goals: [
        goal(
          'quota filled without jitter, least of four latencies',
          `≥ ${percent(LEAST_STILL, 0)}`,
          percent(Math.min(...still.map(({ utilisation }) => utilisation))),
          still.every(({ utilisation }) => utilisation >= LEAST_STILL),
        ),
        goal(
          'quota filled without jitter, in real time',
          `≥ ${percent(LEAST_STILL, 0)}`,
          percent(Math.min(...stillReal.map(({ utilisation }) => utilisation))),
          stillReal.every(({ utilisation }) => utilisation >= LEAST_STILL),
        ),
        goal(
          'refused without jitter',
          '0',
          number(sum(still.map(({ refusedPart, requests }) => refusedPart * requests)), 0),
          still.every(({ refusedPart }) => refusedPart === 0),
        ),
        goal(
          'refused without jitter, in real time',
          '0',
          `${number(sum(stillReal.map(({ refused }) => refused)), 0)} of ${number(sum(stillReal.map(({ requests }) => requests)), 0)}`,
          stillReal.every(({ refused }) => refused === 0),
        ),
        ...chosen.flatMap(({ utilisation, refusedPart }) => [
          goal(
            `quota filled with ±${JITTER_MS} ms of jitter`,
            `≥ ${percent(LEAST_UTILISATION, 0)}`,
            percent(utilisation),
            utilisation >= LEAST_UTILISATION,
          ),
          goal(
            `refused with ±${JITTER_MS} ms of jitter`,
            `≤ ${percent(MOST_REFUSED)}`,
            percent(refusedPart, 2),
            refusedPart <= MOST_REFUSED,
          ),
        ]),
      ],
      figures: {
        still: LATENCIES.map((latency, index) => ({
          latency,
          ...still[index],
          real: stillReal[index],
        })),
        bursts: BURSTS.map((burst, index) => ({ burst, ...bursts[index] })),
        jitter: SLACKS_MS.map((slackMs, index) => ({ slackMs, ...curve[index] })),
        default: { slackMs: windowSlackMs, ...chosen[0] },
        real: { slackMs: windowSlackMs, ...shakenReal },
      },
    };
  },
};

const isGood = (result: Filled | undefined): boolean =>
  !!result && result.utilisation >= LEAST_UTILISATION && result.refusedPart <= MOST_REFUSED;

const filled = (result: Filled | undefined): string[] => [
  percent(result?.utilisation ?? 0),
  number(result?.maxArrivalsInAnySecond ?? 0, 0),
  percent(result?.refusedPart ?? 0, 2),
];

const line = (name: string, result: Filled | undefined): string[] => [
  name,
  percent(result?.utilisation ?? 0),
  percent(result?.refusedPart ?? 0, 2),
];

const points = (curve: readonly Filled[], value: (result: Filled) => number) =>
  curve.map((result, index) => [SLACKS_MS[index] ?? 0, value(result)] as const);

function conclusion(fitting: readonly number[], windowSlackMs: number, defaultFits: boolean): string {
  const bound = `at least ${percent(LEAST_UTILISATION, 0)} filled with at most ${percent(MOST_REFUSED)} refused`;
  const which =
    fitting.length === 0
      ? `No slack on the curve gives ${bound}`
      : `On the curve, ${bound} holds at a slack of ${fitting.join(', ')} ms`;
  return `Two requests that start a second apart can arrive up to ${2 * JITTER_MS} ms closer, so a window of exactly a second is bent past the limit, and each millisecond of slack that is added costs a thousandth of the rate. ${which}. The default of \`crm.windowSlackMs\`, ${windowSlackMs} ms, ${defaultFits ? 'holds it too' : 'does not hold it'}.`;
}
