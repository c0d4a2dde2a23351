import { setTimeout as sleep } from 'node:timers/promises';
import type { BackfillInput } from '../../../lambdas/backfill/input.ts';
import { PRESETS } from '../../../shared/quota/limits.ts';
import { inFlightFor, type PaceInput, paceFor, requestsPerSecond } from '../../../shared/quota/pace.ts';
import type { Budget } from '../../../shared/quota/remaining-quota.ts';
import type { UserMessage } from '../../../shared/sync/message.ts';
import { messageGroupOf } from '../../../shared/sync/message.ts';
import type { User } from '../../../shared/user/user.ts';
import { population } from '../../demo/population.ts';
import type { Latency } from '../../simulator/latency.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { simulatorApp } from '../../simulator/simulator-app.ts';
import { simulate } from '../../support/backfill-definition.ts';
import { memoryPostponedStore, memorySyncTable, memoryUserTable } from '../../support/crm-under-test.ts';
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
  /** Users who are in the CRM, and are edited one after another while the backfill goes on. */
  live?: number;
}

/** What a backfill in a simulated world came to. */
export interface WorldResult extends Filled {
  environments: number;
  requestsPerUser: number;
  duplicates: number;
  /** From the start to the last request. */
  hours: number;
  historyEvents: number[];
  /** From each live change to the write-back, in milliseconds. */
  liveMs: number[];
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
  const paceInput = { limits: PRESETS.team, latencyP95Ms: latency.p95Ms, windowSlackMs, burst };
  const pace = paceFor(paceInput);
  const everybody = population(options.users + (options.live ?? 0), seed, startedAt).users;
  const people = everybody.slice(0, options.users);
  const users = memoryUserTable(...everybody);
  const slowUsers = { ...users, table: slowly(users.table, CALL_MS) };
  const table = memorySyncTable();
  const slowTable = slowly(table, CALL_MS);
  const postponed = slowly(memoryPostponedStore(), CALL_MS);
  const queue = new FifoQueue();
  const environments = Promise.all(
    Array.from({ length: pace.environments }, (_, index) =>
      runEnvironment({
        name: `environment-${index}`,
        crmUrl: URL_OF_CRM,
        queue,
        users: slowUsers,
        table: slowTable,
        postponed,
        mapping,
        schedule: pace,
        budget: BUDGET,
      }),
    ),
  );
  const edited = everybody.slice(options.users);
  await signUpAll(edited, users, queue);
  const before = simulator.statistics.times.length;
  const feeding = simulate(
    { mode: 'contacts' } satisfies Partial<BackfillInput>,
    'timers',
    feederPorts({
      queue,
      table: slowTable,
      users: slowUsers.table,
      postponed,
      count: people.length,
      at: (index) => users.user(people[index]?.userId ?? ''),
    }),
    {
      mapping,
      budget: BUDGET,
      requestsPerSecond: requestsPerSecond(pace),
      tagBatch: TAG_BATCH,
      inFlight: inFlightFor(paceInput),
      callMs: 20_000,
    },
  );
  const live = editAll(edited, users, queue);
  const { historyEvents } = await Promise.race([
    feeding,
    environments.then(() => {
      throw new Error('The environments ended before the backfill');
    }),
  ]);
  const liveMs = await live;
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
    utilisation: steadyRate(statistics.times.slice(before), LIMIT) / LIMIT,
    maxArrivalsInAnySecond,
    duplicates: duplicateContacts,
    hours: ((lastRequestAt ?? startedAt) - startedAt) / 3_600_000,
    historyEvents,
    liveMs,
  };
}

type Users = ReturnType<typeof memoryUserTable>;

const isIn = ({ crm }: User) =>
  crm?.contactId !== undefined && crm.tagIds?.length === mapping.tagGroups.length;

/** Who is not in the CRM with a tag of each group at the end. Figures of a system that does not work mean nothing. */
function leftOut(people: readonly User[], users: Users): string[] {
  return people.map(({ userId }) => userId).filter((userId) => !isIn(users.user(userId)));
}

/** When the first edit is made, after the backfill has begun, and how long after it the next, in milliseconds. */
const EDITS_FROM_MS = 10_000;
const EDIT_EVERY_MS = 250;
/** From a change in the table to its message in the queue, in milliseconds: the stream and diff-user, assumed. */
const TO_QUEUE_MS = 300;
const LOOK_MS = 10;

/** Sends a message about a live change. */
function change(queue: FifoQueue, userId: string): void {
  const message: UserMessage = {
    version: 1,
    kind: 'user',
    userId,
    cause: 'changed',
    changedAt: new Date().toISOString(),
    fields: [],
    tagsAdded: [],
    tagsRemoved: [],
  };
  queue.send(messageGroupOf(userId), JSON.stringify(message));
}

async function signUpAll(newcomers: readonly User[], users: Users, queue: FifoQueue): Promise<void> {
  for (const { userId } of newcomers) change(queue, userId);
  while (newcomers.some(({ userId }) => !isIn(users.user(userId)))) await sleep(LOOK_MS);
}

/** Edits users one after another while a backfill goes on. @returns how long each took until it was written back, in milliseconds. */
function editAll(edited: readonly User[], users: Users, queue: FifoQueue): Promise<number[]> {
  const edit = async ({ userId }: User, index: number): Promise<number> => {
    await sleep(EDITS_FROM_MS + index * EDIT_EVERY_MS);
    const changedAt = Date.now();
    users.edit(userId, { firstName: `Livia ${index}` });
    await sleep(TO_QUEUE_MS);
    change(queue, userId);
    while (Date.parse(users.user(userId).crm?.syncedAt ?? '') < changedAt) await sleep(LOOK_MS);
    return Date.now() - changedAt;
  };
  return Promise.all(edited.map(edit));
}
