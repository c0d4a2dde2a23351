import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../../infra/config.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { LIMIT } from '../measure/cost.ts';
import { number, type Part } from '../report/section.ts';
import { runWorlds } from '../simulated/run-worlds.ts';

const SIZES = [1000, 4000, 15_000, 60_000];
const MEMORY_PROCESS = fileURLToPath(new URL('../simulated/backfill-memory-process.ts', import.meta.url));
const MIB = 1024 ** 2;

/** How the cost of a backfill grows with the number of users. */
export const growth: Part = {
  name: 'growth',
  about: 'requests, time, history events and memory of backfills of 1,000 to 60,000 users',
  async run(log) {
    const { windowSlackMs } = parseConfig({}).crm;
    log('Running backfills of 1,000 to 60,000 users on a simulated clock');
    // Longest first, so that all cores are busy until the end.
    const largestFirst = [...SIZES].reverse();
    const worlds = await runWorlds(
      largestFirst.map((users) => ({ users, latency: REAL_LATENCY, jitterMs: 0, windowSlackMs, seed: 1 })),
    );
    log('Measuring the memory of the backfill');
    const rows = [];
    for (const users of SIZES) {
      const world = worlds[largestFirst.indexOf(users)];
      if (!world) throw new Error(`The simulated world of ${users} users returned no result`);
      const { requests, requestsPerUser, hours, historyEvents, duplicates } = world;
      const minutesAtLimit = requests / LIMIT / 60;
      const heapBytes = await backfillMemory(users);
      rows.push({ users, requestsPerUser, minutesAtLimit, hours, historyEvents, duplicates, heapBytes });
    }
    return {
      title: 'Growth from 1,000 to 60,000 users',
      method:
        'Backfills of users who are new to the CRM, on a simulated clock as in the section on the pace, from 06:00 UTC on. The limit is 125,000 requests per day, of which 20 % are reserved for live changes. Memory is the largest growth of the heap over its size before the first page, measured after a garbage collection at each page.',
      tables: [
        {
          columns: [
            'users',
            'requests per user',
            `minutes at ${LIMIT} per second`,
            'hours with the daily quota',
            'history events',
            'memory (MiB)',
          ],
          rows: rows.map(({ users, requestsPerUser, minutesAtLimit, hours, historyEvents, heapBytes }) => [
            number(users, 0),
            number(requestsPerUser, 3),
            number(minutesAtLimit, 1),
            number(hours, 2),
            historyEvents.map((events) => number(events, 0)).join(' + '),
            number(heapBytes / MIB, 1),
          ]),
        },
      ],
      charts: [
        {
          kind: 'lines',
          name: 'performance-growth',
          title: 'Requests per user',
          xLabel: 'users (logarithmic)',
          yLabel: 'requests',
          logarithmicX: true,
          series: [
            { name: 'this system', points: rows.map((row) => [row.users, row.requestsPerUser] as const) },
          ],
        },
      ],
      conclusions: [
        'The catalog is read and created once, so small backfills have more requests per user. The history stays far below the 25,000 events that an execution may have, and memory stays at one page of messages.',
      ],
      goals: [],
      figures: { sizes: rows },
    };
  },
};

async function backfillMemory(users: number): Promise<number> {
  const child = fork(MEMORY_PROCESS, [String(users)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ bytes }] = await Promise.race([
    once(child, 'message') as Promise<[{ bytes: number }]>,
    once(child, 'exit').then(([code]) => {
      throw new Error(`The process that measures the memory exited with code ${code}`);
    }),
  ]);
  return bytes;
}
