import { parseConfig } from '../../../infra/config.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { sum } from '../../support/sum.ts';
import { combineFills, type Fill } from '../measure/fill.ts';
import { atLeast, atMost, number, type Part, percent } from '../report/section.ts';
import { runWorlds } from '../simulated/run-worlds.ts';
import type { WorldOptions } from '../simulated/world.ts';

/** With jitter, results differ by seed, so several are combined. Without jitter, the first is used. */
const SEEDS = [1, 2, 3, 4] as const;
const USERS = 2000;
/** Latencies of the CRM: a faster one than the real one, the real one, and two slower ones. */
export const LATENCIES = [
  { medianMs: 50, p95Ms: 130 },
  REAL_LATENCY,
  { medianMs: 500, p95Ms: 1350 },
  { medianMs: 1500, p95Ms: 4000 },
];
export const JITTER_MS = 50;
const SLACKS_MS = [0, 20, 40, 60, 80, 100, 150];
/** Sizes of bursts to compare with the default. */
const BURSTS = [1, 5, 25];
const MIN_FILLED = 0.95;
export const MAX_REJECTED_WITH_JITTER = 0.005;
/** Start of the chart's y axis, in percent. */
const CHART_FROM = 60;

/** How much of the quota a backfill fills and how many of its requests are rejected, on a simulated clock. */
export const pace: Part = {
  name: 'pace',
  about: 'how much of the quota a backfill fills, and how many requests are rejected, on a simulated clock',
  async run(log) {
    const { windowSlackMs } = parseConfig({}).crm;
    const world = (options: Partial<WorldOptions>): WorldOptions => ({
      users: USERS,
      latency: REAL_LATENCY,
      jitterMs: 0,
      windowSlackMs,
      seed: SEEDS[0],
      ...options,
    });
    const withJitter = world({ jitterMs: JITTER_MS });
    const jitterWorlds = [
      withJitter,
      ...SLACKS_MS.map((slack) => ({ ...withJitter, windowSlackMs: slack })),
      ...BURSTS.map((burst) => ({ ...withJitter, burst })),
    ];
    log('Running backfills on a simulated clock');
    const results = await runWorlds([
      ...LATENCIES.map((latency) => world({ latency })),
      ...jitterWorlds.flatMap((options) => SEEDS.map((seed) => ({ ...options, seed }))),
    ]);
    const steady = results.splice(0, LATENCIES.length);
    const jittered = combineFills(results.splice(0, SEEDS.length));
    const bySlack = SLACKS_MS.map(() => combineFills(results.splice(0, SEEDS.length)));
    const byBurst = BURSTS.map(() => combineFills(results.splice(0, SEEDS.length)));
    return {
      title: 'Pace on a simulated clock',
      method: `A backfill of ${number(USERS, 0)} users who are new to the CRM, with the number of environments that \`shared/quota/pace.ts\` computes. The CRM simulator counts requests in sliding seconds. Everything runs in one process without sockets: the modules of sync-contact and of the backfill, the synthesized state machine, tables and a FIFO queue in memory (5 ms per call) and the simulator. The clock jumps to the next timer when nothing else can run. Jitter delays each request by 0 to ${2 * JITTER_MS} ms before it is counted; figures with jitter combine ${SEEDS.length} backfills.`,
      tables: [
        {
          columns: ['latency, median / p95', 'environments', 'quota filled', 'most in a second', 'rejected'],
          rows: LATENCIES.map((latency, index) => [
            latencyName(latency),
            number(steady[index]?.environments ?? 0, 0),
            ...fillCells(steady[index]),
          ]),
        },
        {
          columns: [`window slack, jitter ±${JITTER_MS} ms`, 'quota filled', 'most in a second', 'rejected'],
          rows: [
            ...SLACKS_MS.map((slack, index) => [`${slack} ms`, ...fillCells(bySlack[index])]),
            [`${windowSlackMs} ms, the default`, ...fillCells(jittered)],
          ],
        },
        {
          columns: [
            `slots per burst, slack ${windowSlackMs} ms, jitter ±${JITTER_MS} ms`,
            'quota filled',
            'most in a second',
            'rejected',
          ],
          rows: [
            ...BURSTS.map((burst, index) => [number(burst, 0), ...fillCells(byBurst[index])]),
            ['half a second’s, the default', ...fillCells(jittered)],
          ],
        },
      ],
      charts: [
        {
          kind: 'lines',
          name: 'performance-fill',
          title: `Quota filled with ±${JITTER_MS} ms of jitter`,
          xLabel: 'window slack (ms)',
          yLabel: '% of the quota',
          minY: CHART_FROM,
          series: [{ name: 'filled', points: points(bySlack, ({ filled }) => 100 * filled) }],
        },
        {
          kind: 'lines',
          name: 'performance-rejections',
          title: `Rejected requests with ±${JITTER_MS} ms of jitter`,
          xLabel: 'window slack (ms)',
          yLabel: '% of the requests',
          series: [{ name: 'rejected', points: points(bySlack, ({ rejectedShare }) => 100 * rejectedShare) }],
        },
      ],
      conclusions: [
        conclusion(
          SLACKS_MS.filter((_, index) => meetsGoals(bySlack[index])),
          windowSlackMs,
          meetsGoals(jittered),
        ),
        'Slots come in bursts, because two bursts that are a window apart stay apart under jitter, while evenly spaced slots drift into each other. A burst has half of the slots of a second, not all of them, because the vendor does not document how the gateway treats bursts. The slots of a burst are some milliseconds apart, because a processor that has to send many requests at once sends some of them late.',
      ],
      goals: [
        atLeast(
          'quota filled without jitter, lowest of four latencies',
          Math.min(...steady.map(({ filled }) => filled)),
          MIN_FILLED,
          percent,
        ),
        atMost('rejected without jitter', sum(steady.map(rejectedOf)), 0, (count) => number(count, 0)),
        atLeast(`quota filled with ±${JITTER_MS} ms of jitter`, jittered.filled, MIN_FILLED, percent),
        atMost(
          `rejected with ±${JITTER_MS} ms of jitter`,
          jittered.rejectedShare,
          MAX_REJECTED_WITH_JITTER,
          percentOfRejections,
        ),
      ],
      figures: {
        withoutJitter: LATENCIES.map((latency, index) => ({ latency, ...steady[index] })),
        bursts: BURSTS.map((burst, index) => ({ burst, ...byBurst[index] })),
        slacks: SLACKS_MS.map((slackMs, index) => ({ slackMs, ...bySlack[index] })),
        default: { slackMs: windowSlackMs, ...jittered },
      },
    };
  },
};

export const latencyName = ({ medianMs, p95Ms }: (typeof LATENCIES)[number]): string =>
  `${number(medianMs, 0)} / ${number(p95Ms, 0)} ms`;

export const percentOfRejections = (share: number): string => percent(share, 2);

/** Cells of the columns "quota filled", "most in a second" and "rejected". */
export const fillCells = (fill: Fill | undefined): string[] => [
  percent(fill?.filled ?? 0),
  number(fill?.maxArrivalsInAnySecond ?? 0, 0),
  percentOfRejections(fill?.rejectedShare ?? 0),
];

const rejectedOf = ({ rejectedShare, requests }: Fill): number => Math.round(rejectedShare * requests);

const meetsGoals = (fill: Fill | undefined): boolean =>
  !!fill && fill.filled >= MIN_FILLED && fill.rejectedShare <= MAX_REJECTED_WITH_JITTER;

const points = (fills: readonly Fill[], value: (fill: Fill) => number) =>
  fills.map((fill, index) => [SLACKS_MS[index] ?? 0, value(fill)] as const);

function conclusion(good: readonly number[], windowSlackMs: number, defaultIsGood: boolean): string {
  const goals = `at least ${percent(MIN_FILLED, 0)} filled with at most ${percent(MAX_REJECTED_WITH_JITTER)} rejected`;
  const measured =
    good.length === 0
      ? `None of the other measured slacks reaches ${goals}`
      : `A slack of ${good.join(', ')} ms reaches ${goals}`;
  return `Two requests that are sent a second apart can arrive up to ${2 * JITTER_MS} ms closer together. A window of exactly one second would then exceed the limit, and each millisecond of slack costs a thousandth of the rate. ${measured}. The default of \`crm.windowSlackMs\`, ${windowSlackMs} ms, ${defaultIsGood ? 'reaches' : 'does not reach'} this goal.`;
}
