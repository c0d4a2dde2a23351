import type { BackfillInput } from '../../../lambdas/backfill/input.ts';
import { PRESETS } from '../../../shared/quota/limits.ts';
import { BATCH_SIZE, type PaceInput, paceFor, requestsPerSecond } from '../../../shared/quota/pace.ts';
import type { Budget } from '../../../shared/quota/standing.ts';
import type { User } from '../../../shared/user/user.ts';
import { population } from '../../demo/population.ts';
import { simulate } from '../../lambdas/backfill/definition.ts';
import { memorySyncTable, memoryUserTable } from '../../lambdas/sync-contact/crm.ts';
import type { Latency } from '../../simulator/latency.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { simulatorApp } from '../../simulator/simulator-app.ts';
import { LIMIT } from '../cost.ts';
import type { Filled } from '../filled.ts';
import { mapping } from '../five-tags.ts';
import { steadyRate } from '../utilisation.ts';
import { runEnvironment } from './environment.ts';
import { feederPorts } from './feeder-ports.ts';
import { FifoQueue } from './fifo-queue.ts';
import { slowly } from './slowly.ts';

export interface WorldOptions {
  users: number;
  /** Of the CRM, and what the pace is made for. */
  latency: Latency;
  jitterMs: number;
  windowSlackMs: PaceInput['windowSlackMs'];
  /** Requests that start together; left out, the formula's. */
  burst?: number;
  seed: number;
}

/** What a backfill in a simulated world came to. */
export interface WorldResult extends Filled {
  environments: number;
  requestsPerUser: number;
  duplicates: number;
  /** From the start to the last request. */
  hours: number;
  historyEvents: number[];
}

const URL_OF_CRM = 'http://crm.simulated';
/** A call of DynamoDB or SQS, in milliseconds: assumed. */
const CALL_MS = 5;
/** Contacts that one request can tag (`infra/config.ts`). */
const TAG_BATCH = 100;
const BUDGET: Budget = { limits: PRESETS.team, liveReserve: 0.2 };

/** A backfill of users who are new to the CRM, by the real code, with the simulator as its CRM, in one process and without sockets. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const { latency, jitterMs, windowSlackMs, burst, seed } = options;
  const simulator = createSimulator({ latency, jitterMs, seed });
  const app = simulatorApp(simulator);
  globalThis.fetch = async (input, init) => app.fetch(new Request(input, init));

  const startedAt = Date.now();
  const pace = paceFor({ limits: PRESETS.team, latencyP95Ms: latency.p95Ms, windowSlackMs, burst });
  const people = population(options.users, seed, startedAt).users;
  const users = memoryUserTable(...people);
  const slowUsers = { ...users, table: slowly(users.table, CALL_MS) };
  const table = memorySyncTable();
  const slowTable = slowly(table, CALL_MS);
  const queue = new FifoQueue();
  const environments = Promise.all(
    Array.from({ length: pace.environments }, (_, index) =>
      runEnvironment({
        name: `environment-${index}`,
        crmUrl: URL_OF_CRM,
        queue,
        users: slowUsers,
        table: slowTable,
        mapping,
        schedule: pace,
        budget: BUDGET,
      }),
    ),
  );
  const feeding = simulate(
    { mode: 'contacts' } satisfies Partial<BackfillInput>,
    'timers',
    feederPorts({
      queue,
      table: slowTable,
      count: people.length,
      at: (index) => users.user(people[index]?.userId ?? ''),
    }),
    {
      mapping,
      budget: BUDGET,
      requestsPerSecond: requestsPerSecond(pace),
      tagBatch: TAG_BATCH,
      inFlight: pace.environments * BATCH_SIZE,
      scanMs: 20_000,
    },
  );
  const { historyEvents } = await Promise.race([
    feeding,
    environments.then(() => {
      throw new Error('The environments ended before the backfill');
    }),
  ]);
  queue.stop();
  await environments;
  const missing = leftOut(people, users);
  if (missing.length > 0)
    throw new Error(`Not in the CRM as they should be: ${missing.slice(0, 10).join(', ')}`);

  const { statistics, store, foreign } = simulator;
  const { throttled, maxArrivalsInAnySecond, duplicateContacts, lastRequestAt } = statistics.report(
    store,
    foreign.found,
  );
  const requests = statistics.times.length + throttled;
  return {
    environments: pace.environments,
    requests,
    refusedPart: throttled / requests,
    requestsPerUser: requests / people.length,
    utilisation: steadyRate(statistics.times, LIMIT) / LIMIT,
    maxArrivalsInAnySecond,
    duplicates: duplicateContacts,
    hours: ((lastRequestAt ?? startedAt) - startedAt) / 3_600_000,
    historyEvents,
  };
}

/** Who is not in the CRM with a tag of each group at the end. Figures of a system that does not work mean nothing. */
function leftOut(people: readonly User[], users: ReturnType<typeof memoryUserTable>): string[] {
  const isIn = ({ crm }: User) =>
    crm?.contactId !== undefined && crm.tagIds?.length === mapping.tagGroups.length;
  return people.map(({ userId }) => userId).filter((userId) => !isIn(users.user(userId)));
}
