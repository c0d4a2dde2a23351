import { percentile } from '../../../infra/cli/support/percentile.ts';
import { parseConfig } from '../../../infra/config.ts';
import { population } from '../../demo/population.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { functionFolder } from '../../support/function-folder.ts';
import { costOf } from '../cost.ts';
import type { Part } from '../section.ts';
import { runWorlds } from '../simulated/run-worlds.ts';
import { withBenchSystem } from '../system/bench-system.ts';
import { liveLatencies } from '../system/live-latency.ts';
import { goal, number, percent } from '../words.ts';

/** Half of them are edited when nothing else goes on, half during the backfill. */
const LIVE = 200;
const BACKFILLED = 900;
const IDLE_EVERY_MS = 250;
const BUSY_EVERY_MS = 250;
const MOST_IDLE_MS = 1500;
const MOST_BUSY_MS = 3000;
/** Of the quota, by the backfill and the edits together. */
const LEAST_FILLED = 0.95;
/** On the simulated clock: a backfill long enough for a full tag job, and edits during all of it. */
const SIMULATED_USERS = 4000;
const SIMULATED_EDITS = 600;
const MIB = 1024 ** 2;

/** How long a change takes to the CRM, and what the functions need of memory meanwhile. */
export const live: Part = {
  name: 'live',
  about: 'from a write in the table to the CRM, idle and during a backfill, and the memory of the functions',
  async run(say) {
    const { windowSlackMs } = parseConfig({}).crm;
    say('Edits during a backfill on a simulated clock');
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
    if (!world) throw new Error('The simulated world has not come to its end');
    say('Edits with nothing else to do, and during a backfill');
    const { users } = population(LIVE + BACKFILLED, 4, Date.now());
    const [edited, others] = [users.slice(0, LIVE), users.slice(LIVE)];
    return withBenchSystem({ users: others }, async (system) => {
      const { app, backfill, settle } = system;
      for (const user of edited) await app.signUp(user);
      await settle();
      const idle = await liveLatencies(system, edited.slice(0, LIVE / 2), IDLE_EVERY_MS);
      await settle();
      const [busy, cost] = await Promise.all([
        liveLatencies(system, edited.slice(LIVE / 2), BUSY_EVERY_MS),
        costOf(system.door, async () => (await backfill({ mode: 'contacts' })).enqueued),
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
        busy: { p50: percentile(busy, 0.5), p99: percentile(busy, 0.99), filled: cost.utilisation },
        simulated: {
          p50: percentile(world.liveMs, 0.5),
          p99: percentile(world.liveMs, 0.99),
          filled: world.utilisation,
        },
      };
      const row = (name: string, { p50, p99, filled }: { p50: number; p99: number; filled?: number }) => [
        name,
        number(p50 / 1000, 2),
        number(p99 / 1000, 2),
        filled === undefined ? '–' : percent(filled),
      ];
      return {
        title: 'Live changes first',
        method: `On the local cloud in real time, at the CRM's real latency. ${LIVE / 2} users are edited, one each ${IDLE_EVERY_MS} ms, when nothing else goes on; then ${LIVE / 2}, one each ${BUSY_EVERY_MS} ms, while a backfill brings in ${BACKFILLED}. A change is there when sync-contact has the CRM's answer and has written it back: from the call of DynamoDB to that line of the log. Memory is the largest heap of an environment at the end of an invocation, with what was still to be collected. *On a simulated clock* is a backfill of ${number(SIMULATED_USERS, 0)} users with ${number(SIMULATED_EDITS, 0)} edits, one each 250 ms, as in the section on the limit's edge; 300 ms are assumed for the stream and diff-user. The backfill reads no counts of the queue (it has no permission to), so it does not matter how late they are.`,
        tables: [
          {
            columns: ['from write to CRM', 'p50 (s)', 'p99 (s)', 'quota filled meanwhile'],
            rows: [
              row('idle', figures.idle),
              row('during a backfill', figures.busy),
              row('during a backfill, on a simulated clock', figures.simulated),
            ],
          },
          {
            columns: ['memory of the functions', 'invocations', 'heap at most (MiB)'],
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
            title: 'From a write in the table to the CRM',
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
          `When idle, half of the changes are in the CRM within ${number(figures.idle.p50 / 1000, 2)} s, of which the CRM's answer is ${number(REAL_LATENCY.medianMs / 1000, 2)} s. During a backfill a change waits behind the users that the backfill keeps in flight: those of less than two seconds of the pace.`,
        ],
        goals: [
          goal(
            'p99 from write to CRM, idle',
            `≤ ${number(MOST_IDLE_MS / 1000, 1)} s`,
            `${number(figures.idle.p99 / 1000, 2)} s`,
            figures.idle.p99 <= MOST_IDLE_MS,
          ),
          goal(
            'p99 from write to CRM, during a backfill',
            `≤ ${number(MOST_BUSY_MS / 1000, 0)} s`,
            `${number(figures.busy.p99 / 1000, 2)} s`,
            figures.busy.p99 <= MOST_BUSY_MS,
          ),
          goal(
            'quota filled by that backfill',
            `≥ ${percent(LEAST_FILLED, 0)}`,
            percent(figures.busy.filled),
            figures.busy.filled >= LEAST_FILLED,
          ),
          goal(
            'p99 from write to CRM, during a backfill, on a simulated clock',
            `≤ ${number(MOST_BUSY_MS / 1000, 0)} s`,
            `${number(figures.simulated.p99 / 1000, 2)} s`,
            figures.simulated.p99 <= MOST_BUSY_MS,
          ),
          goal(
            'quota filled by that backfill, on a simulated clock',
            `≥ ${percent(LEAST_FILLED, 0)}`,
            percent(figures.simulated.filled),
            figures.simulated.filled >= LEAST_FILLED,
          ),
        ],
        figures: { ...figures, memory },
      };
    });
  },
};

const SHOWN = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99];
const quantiles = (values: readonly number[]) =>
  SHOWN.map((part) => [100 * part, percentile(values, part) / 1000] as const);
