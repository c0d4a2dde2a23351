import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../../infra/config.ts';
import { REAL_LATENCY } from '../../simulator/simulator.ts';
import { LIMIT } from '../measure/cost.ts';
import type { Part } from '../report/section.ts';
import { number } from '../report/words.ts';
import { runWorlds } from '../simulated/run-worlds.ts';

const SIZES = [1000, 4000, 15_000, 60_000];
const FEEDER = fileURLToPath(new URL('../simulated/backfill-memory-process.ts', import.meta.url));
const MIB = 1024 ** 2;

/** How a backfill's cost grows with the users. */
export const growth: Part = {
  name: 'growth',
  about: 'requests, time, history and memory from 1,000 to 60,000 users',
  async run(say) {
    const { windowSlackMs } = parseConfig({}).crm;
    say('Backfills of 1,000 to 60,000 users on a simulated clock');
    // The longest first, so that the cores end together.
    const largestFirst = [...SIZES].reverse();
    const worlds = await runWorlds(
      largestFirst.map((users) => ({ users, latency: REAL_LATENCY, jitterMs: 0, windowSlackMs, seed: 1 })),
    );
    say('The memory of the feeder');
    const rows = [];
    for (const users of SIZES) {
      const world = worlds[largestFirst.indexOf(users)];
      if (!world) throw new Error(`No world of ${users} users has come to its end`);
      const { requests, requestsPerUser, hours, historyEvents, duplicates } = world;
      const minutesAtLimit = requests / LIMIT / 60;
      const feederBytes = await feederMemory(users);
      rows.push({ users, requestsPerUser, minutesAtLimit, hours, historyEvents, duplicates, feederBytes });
    }
    return {
      title: 'From 1,000 to 60,000 users',
      method:
        "Backfills of users who are new to the CRM, on the simulated clock of the section before, from 06:00 UTC on, with a day's limit of 125,000 requests of which 20 % are left for live changes. The memory of the feeder is the most that its heap holds more, after a collection at each page, than before the first.",
      tables: [
        {
          columns: [
            'users',
            'requests for each',
            `minutes at ${LIMIT} a second`,
            "hours with the day's quota",
            'history events',
            'feeder (MiB)',
          ],
          rows: rows.map(({ users, requestsPerUser, minutesAtLimit, hours, historyEvents, feederBytes }) => [
            number(users, 0),
            number(requestsPerUser, 3),
            number(minutesAtLimit, 1),
            number(hours, 2),
            historyEvents.map((events) => number(events, 0)).join(' + '),
            number(feederBytes / MIB, 1),
          ]),
        },
      ],
      charts: [
        {
          kind: 'lines',
          name: 'performance-growth',
          title: 'Requests for each user',
          xLabel: 'users (logarithmic)',
          yLabel: 'requests',
          logarithmicX: true,
          series: [
            { name: 'this system', points: rows.map((row) => [row.users, row.requestsPerUser] as const) },
          ],
        },
      ],
      conclusions: [
        'What does not grow with the users is the catalog, which is read and created once. History events are far from the 25,000 of one execution, and the feeder holds a page of messages, however many users there are.',
      ],
      goals: [],
      figures: { sizes: rows },
    };
  },
};

async function feederMemory(users: number): Promise<number> {
  const child = fork(FEEDER, [String(users)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ bytes }] = await Promise.race([
    once(child, 'message') as Promise<[{ bytes: number }]>,
    once(child, 'exit').then(([code]) => {
      throw new Error(`The process of the feeder ended with ${code}`);
    }),
  ]);
  return bytes;
}
