import { percentile } from '../../../infra/cli/support/percentile.ts';
import { parseConfig } from '../../../infra/config.ts';
import { population } from '../../demo/population.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { functionFolder } from '../../support/function-folder.ts';
import { measureCost } from '../measure/cost.ts';
import { atLeast, atMost, number, type Part, percent, seconds } from '../report/section.ts';
import { runWorlds } from '../simulated/run-worlds.ts';
import { withBenchSystem } from '../system/bench-system.ts';
import { liveLatencies } from '../system/live-latency.ts';

/** Edits, half of them while idle and half during the backfill. */
const EDITS = 200;
const BACKFILLED = 900;
const EDIT_EVERY_MS = 250;
const MAX_IDLE_MS = 1500;
const MAX_BUSY_MS = 3000;
/** The backfill and the edits together, in real time and on the simulated clock. */
const MIN_FILLED = 0.9;
const MIN_FILLED_SIMULATED = 0.95;
/** On the simulated clock the backfill is long enough for a full tag job, with edits during all of it. */
const SIMULATED_USERS = 4000;
const SIMULATED_EDITS = 600;
const MIB = 1024 ** 2;

/** Time from a write in the table to the CRM, and the memory that the functions use meanwhile. */
export const live: Part = {
  name: 'live',
  about: 'time from a write in the table to the CRM, idle and during a backfill, and memory use',
  async run(log) {
    const { windowSlackMs } = parseConfig({}).crm;
    log('Making edits during a backfill on a simulated clock');
    const [world] = await runWorlds([
      {
        users: SIMULATED_USERS,
        live: SIMULATED_EDITS,
        latency: REAL_LATENCY,
        jitterMs: 0,
        windowSlackMs,
        seed: 1,
      },
    ]);
    if (!world) throw new Error('The simulated world returned no result');
    log('Making edits in real time, idle and during a backfill');
    const { users } = population(EDITS + BACKFILLED, 4, Date.now());
    const [edited, others] = [users.slice(0, EDITS), users.slice(EDITS)];
    return withBenchSystem({ users: others }, async (system) => {
      const { app, backfill, settle } = system;
      for (const user of edited) await app.signUp(user);
      await settle();
      const idle = await liveLatencies(system, edited.slice(0, EDITS / 2), EDIT_EVERY_MS);
      await settle();
      const [busy, cost] = await Promise.all([
        liveLatencies(system, edited.slice(EDITS / 2), EDIT_EVERY_MS),
        measureCost(system.controlApi, async () => (await backfill({ mode: 'contacts' })).enqueued),
      ]);
      const { functions } = system.system.cloud.statistics();
      const memory = Object.entries(functions)
        .filter(([, { invocations }]) => invocations > 0)
        .map(([name, { maxHeapBytes, invocations }]) => ({
          name: functionFolder(name),
          maxHeapBytes,
          invocations,
        }));
      const figures = {
        idle: { p50: percentile(idle, 0.5), p99: percentile(idle, 0.99) },
        busy: { p50: percentile(busy, 0.5), p99: percentile(busy, 0.99), filled: cost.filled },
        simulated: {
          p50: percentile(world.liveMs, 0.5),
          p99: percentile(world.liveMs, 0.99),
          filled: world.filled,
        },
      };
      const row = (name: string, { p50, p99, filled }: { p50: number; p99: number; filled?: number }) => [
        name,
        number(p50 / 1000, 2),
        number(p99 / 1000, 2),
        filled === undefined ? '–' : percent(filled),
      ];
      return {
        title: 'Live changes',
        method: `The stack on the local cloud in real time, with the latency of the real CRM. ${EDITS / 2} users are edited while idle, then ${EDITS / 2} during a backfill of ${BACKFILLED} users, one every ${EDIT_EVERY_MS} ms. The time runs from the call of DynamoDB to the log line that sync-contact writes after it has the CRM's response and has written it back. Memory is the largest heap of an environment at the end of an invocation, including garbage. *On a simulated clock* is a backfill of ${number(SIMULATED_USERS, 0)} users with ${number(SIMULATED_EDITS, 0)} edits, one every 250 ms, as in the section on the pace, with 300 ms assumed for the stream and diff-user.`,
        tables: [
          {
            columns: ['from write to CRM', 'p50 (s)', 'p99 (s)', 'quota filled'],
            rows: [
              row('idle', figures.idle),
              row('during a backfill', figures.busy),
              row('during a backfill, on a simulated clock', figures.simulated),
            ],
          },
          {
            columns: ['memory of the functions', 'invocations', 'largest heap (MiB)'],
            rows: memory.map(({ name, maxHeapBytes, invocations }) => [
              name,
              number(invocations, 0),
              number(maxHeapBytes / MIB, 0),
            ]),
          },
        ],
        charts: [
          {
            kind: 'lines' as const,
            name: 'performance-live',
            title: 'Time from a write in the table to the CRM',
            xLabel: '% of the changes',
            yLabel: 'seconds',
            series: [
              { name: 'idle', points: quantiles(idle) },
              { name: 'during a backfill', points: quantiles(busy) },
              { name: 'on a simulated clock', points: quantiles(world.liveMs) },
            ],
          },
        ],
        conclusions: [
          `When the system is idle, half of the changes are in the CRM within ${seconds(figures.idle.p50)}, of which the CRM's response takes ${seconds(REAL_LATENCY.medianMs)}. During a backfill, a change waits behind the users that the backfill has in flight, which are less than two seconds of requests.`,
        ],
        goals: [
          atMost('p99 from write to CRM, idle', figures.idle.p99, MAX_IDLE_MS, seconds),
          atMost('p99 from write to CRM, during a backfill', figures.busy.p99, MAX_BUSY_MS, seconds),
          atLeast('quota filled by that backfill', figures.busy.filled, MIN_FILLED, percent),
          atMost(
            'p99 from write to CRM, during a backfill, on a simulated clock',
            figures.simulated.p99,
            MAX_BUSY_MS,
            seconds,
          ),
          atLeast(
            'quota filled by that backfill, on a simulated clock',
            figures.simulated.filled,
            MIN_FILLED_SIMULATED,
            percent,
          ),
        ],
        figures: { ...figures, memory },
      };
    });
  },
};

const QUANTILES = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99];
const quantiles = (values: readonly number[]) =>
  QUANTILES.map((share) => [100 * share, percentile(values, share) / 1000] as const);
