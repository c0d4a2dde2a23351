import { percentile } from '../../../infra/cli/support/percentile.ts';
import { parseConfig } from '../../../infra/config.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { LIMIT } from '../measure/cost.ts';
import { atLeast, atMost, number, type Part, percent, seconds } from '../report/section.ts';
import { runWorlds } from '../simulated/run-worlds.ts';
import type { WorldResult } from '../simulated/world.ts';
import { type CsvRun, listToCsv } from '../system/list-to-csv.ts';

const USERS = 4000;
const EDITS = 600;
const RATE = 2;
/** The limit of `live.ts`, scaled by the share of slots that the lease leaves. */
const MAX_LIVE_MS = (3000 * LIMIT) / (LIMIT - RATE);
/** The sync leaves two of 25 requests a second to the command. */
const MIN_FILLED = 0.95;
const FEW = 10_000;
const MANY = 100_000;
/** How much more memory ten times the contacts may need, in bytes: for garbage only. To keep the contacts would need four times as much. */
const MAX_MORE_BYTES = 80 * 1024 ** 2;
const MIB = 1024 ** 2;

/** A person's command that runs beside the sync, and the memory of the command. */
export const reading: Part = {
  name: 'reading',
  about: 'live changes beside a command that reads the CRM, and the memory of that command',
  async run(log) {
    const { windowSlackMs } = parseConfig({}).crm;
    log('Making edits during a backfill on a simulated clock, without and with a command');
    const world = { users: USERS, live: EDITS, latency: REAL_LATENCY, jitterMs: 0, windowSlackMs, seed: 1 };
    const [alone, beside] = await runWorlds([world, { ...world, jobRate: RATE }]);
    if (!alone || !beside) throw new Error('A simulated world returned no result');
    log(`Listing ${FEW} and ${MANY} contacts as CSV`);
    const [few, many] = await listToCsv(MANY, [FEW, MANY]);
    if (!few || !many) throw new Error('A list returned no result');
    const p99 = percentile(beside.liveMs, 0.99);
    return {
      title: 'Reading the CRM beside the sync',
      method: `On a simulated clock: a backfill of ${number(USERS, 0)} users with ${EDITS} edits, as in the section on live changes, without and with a command that leases ${RATE} requests per second and makes as many as it can. In real time: \`crm list contacts --format csv\` with all fields on the local cloud, at its highest rate, with a heap of at most 64 MiB. Memory is the largest resident set of the command's process.`,
      tables: [
        {
          columns: [
            'during a backfill',
            'live p50 (s)',
            'live p99 (s)',
            'quota filled',
            'requests of the command',
            'rejected',
            'most in a second',
          ],
          rows: [rowOf('alone', alone), rowOf('beside a command', beside)],
        },
        {
          columns: ['contacts to CSV', 'lines', 'requests', 'memory (MiB)'],
          rows: [few, many].map(({ contacts, lines, requests, bytes }) => [
            ...[contacts, lines, requests].map((value) => number(value, 0)),
            number(bytes / MIB, 0),
          ]),
        },
      ],
      charts: [],
      conclusions: [],
      goals: [
        atMost('p99 from write to CRM, during a backfill and beside a command', p99, MAX_LIVE_MS, seconds),
        atMost('rejected beside a command', beside.rejectedShare, 0, percent),
        atLeast('quota filled by the backfill and the command', beside.filled, MIN_FILLED, percent),
        atLeast(`lines of CSV for ${number(MANY, 0)} contacts`, many.lines, MANY + 1, (value) =>
          number(value, 0),
        ),
        atMost(
          'memory for ten times the contacts, more',
          many.bytes - few.bytes,
          MAX_MORE_BYTES,
          (bytes) => `${number(bytes / MIB, 0)} MiB`,
        ),
      ],
      figures: { alone: figuresOf(alone), beside: figuresOf(beside), csv: [few, many] satisfies CsvRun[] },
    };
  },
};

const figuresOf = ({ liveMs, filled, jobRequests, rejectedShare, maxArrivalsInAnySecond }: WorldResult) => ({
  p50: percentile(liveMs, 0.5),
  p99: percentile(liveMs, 0.99),
  filled,
  jobRequests,
  rejectedShare,
  maxArrivalsInAnySecond,
});

function rowOf(name: string, world: WorldResult): string[] {
  const { p50, p99, filled, jobRequests, rejectedShare, maxArrivalsInAnySecond } = figuresOf(world);
  return [
    name,
    number(p50 / 1000, 2),
    number(p99 / 1000, 2),
    percent(filled),
    number(jobRequests, 0),
    percent(rejectedShare, 2),
    number(maxArrivalsInAnySecond, 0),
  ];
}
