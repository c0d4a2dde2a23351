import { setTimeout as sleep } from 'node:timers/promises';
import type { BackfillInput } from '../../../lambdas/backfill/input.ts';
import { leasedLimiter } from '../../../shared/quota/leased-limiter.ts';
import { PRESETS } from '../../../shared/quota/limits.ts';
import { inFlightFor, type PaceInput, paceFor, requestsPerSecond } from '../../../shared/quota/pace.ts';
import type { Budget } from '../../../shared/quota/remaining-quota.ts';
import type { SlotSchedule } from '../../../shared/quota/slots.ts';
import type { SyncTable } from '../../../shared/store/sync-table.ts';
import { messageGroupOf, userMessage } from '../../../shared/sync/message.ts';
import type { User } from '../../../shared/user/user.ts';
import { population } from '../../demo/population.ts';
import { createSimulator, DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { simulatorApp } from '../../simulator/simulator-app.ts';
import type { Latency } from '../../simulator/traffic/latency.ts';
import { simulate } from '../../support/backfill-definition.ts';
import {
  memoryClaimStore,
  memoryPostponedStore,
  memorySyncTable,
  memoryUserTable,
} from '../../support/crm-under-test.ts';
import { LIMIT } from '../measure/cost.ts';
import { type Fill, steadyRate } from '../measure/fill.ts';
import { mapping } from '../users/five-tags.ts';
import { backfillPorts } from './backfill-ports.ts';
import { runEnvironment } from './environment.ts';
import { WaitingQueue } from './waiting-queue.ts';

export interface WorldOptions {
  users: number;
  /** Latency of the CRM, for which the pace is computed too. */
  latency: Latency;
  jitterMs: number;
  windowSlackMs: PaceInput['windowSlackMs'];
  /** Slots per burst. Default: computed by `paceFor`. */
  burst?: number;
  seed: number;
  /** Number of users who are already in the CRM and are edited one after another during the backfill. */
  live?: number;
  /** Requests a second that a person's command leases and makes during the backfill. */
  jobRate?: number;
}

/** Result of a backfill in a simulated world. */
export interface WorldResult extends Fill {
  environments: number;
  requestsPerUser: number;
  duplicates: number;
  /** Time from the start to the last request. */
  hours: number;
  historyEvents: number[];
  /** Time from each live change to its write-back, in milliseconds. */
  liveMs: number[];
  /** Requests that the command made. */
  jobRequests: number;
}

const URL_OF_CRM = 'http://crm.simulated';
/** Assumed duration of a call of DynamoDB or SQS, in milliseconds. */
const CALL_MS = 5;
/** Contacts that one request tags (`infra/config.ts`). */
const TAG_BATCH = 100;
const BUDGET: Budget = { limits: PRESETS.team, liveReserve: 0.2 };

/** Runs a backfill of users who are new to the CRM: the production code and the CRM simulator in one process, without sockets. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const { latency, jitterMs, windowSlackMs, burst, seed } = options;
  const simulator = createSimulator({ latency, jitterMs, seed });
  const app = simulatorApp(simulator);
  globalThis.fetch = async (input, init) => app.fetch(new Request(input, init));

  const startedAt = Date.now();
  const paceInput = { limits: PRESETS.team, latencyP95Ms: latency.p95Ms, windowSlackMs, burst };
  const pace = paceFor(paceInput);
  const allUsers = population(options.users + (options.live ?? 0), seed, startedAt).users;
  const backfilled = allUsers.slice(0, options.users);
  const users = memoryUserTable(...allUsers);
  const slowUsers = { ...users, table: withDelay(users.table, CALL_MS) };
  const table = memorySyncTable();
  const slowTable = withDelay(table, CALL_MS);
  const postponed = withDelay(memoryPostponedStore(), CALL_MS);
  const claimStore = memoryClaimStore();
  const queue = new WaitingQueue();
  const environments = Promise.all(
    Array.from({ length: pace.environments }, () =>
      runEnvironment({
        crmUrl: URL_OF_CRM,
        queue,
        users: slowUsers.table,
        table: slowTable,
        claimStore,
        postponed,
        mapping,
        schedule: pace,
        budget: BUDGET,
        tagBatch: TAG_BATCH,
      }),
    ),
  );
  const edited = allUsers.slice(options.users);
  await signUpAll(edited, users, queue);
  const before = simulator.statistics.times.length;
  const backfill = simulate(
    { mode: 'contacts' } satisfies Partial<BackfillInput>,
    'timers',
    backfillPorts({
      queue,
      table: slowTable,
      users: slowUsers.table,
      postponed,
      count: backfilled.length,
      at: (index) => users.user(backfilled[index]?.userId ?? ''),
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
  let isBackfilling = true;
  const job =
    options.jobRate === undefined ? 0 : runJob(slowTable.slots, pace, options.jobRate, () => isBackfilling);
  const { historyEvents } = await Promise.race([
    backfill,
    environments.then(() => {
      throw new Error('The environments ended before the backfill');
    }),
  ]);
  isBackfilling = false;
  const [liveMs, jobRequests] = await Promise.all([live, job]);
  queue.stop();
  await environments;
  const failed = notInSync(backfilled, users);
  if (failed.length > 0) throw new Error(`Users not in sync: ${failed.slice(0, 10).join(', ')}`);

  const { statistics, store, foreign } = simulator;
  const { throttled, maxArrivalsInAnySecond, duplicateContacts, lastRequestAt } = statistics.report(
    store,
    foreign.found,
  );
  const requests = statistics.times.length + throttled;
  return {
    environments: pace.environments,
    requests,
    rejectedShare: throttled / requests,
    requestsPerUser: (requests - jobRequests) / backfilled.length,
    jobRequests,
    filled: steadyRate(statistics.times.slice(before), LIMIT) / LIMIT,
    maxArrivalsInAnySecond,
    duplicates: duplicateContacts,
    hours: ((lastRequestAt ?? startedAt) - startedAt) / 3_600_000,
    historyEvents,
    liveMs,
  };
}

type Users = ReturnType<typeof memoryUserTable>;

const isSynced = ({ crm }: User) =>
  crm?.contactId !== undefined && crm.tagIds?.length === mapping.tagGroups.length;

/** Users who have no contact with a tag of each group. Figures of a system that does not work are useless. */
function notInSync(backfilled: readonly User[], users: Users): string[] {
  return backfilled.map(({ userId }) => userId).filter((userId) => !isSynced(users.user(userId)));
}

/** Time from the start of the backfill to the first edit, and between edits, in milliseconds. */
const FIRST_EDIT_MS = 10_000;
const EDIT_EVERY_MS = 250;
/** Assumed time that the stream and diff-user take from a change in the table to its message in the queue, in milliseconds. */
const TO_QUEUE_MS = 300;
const POLL_MS = 10;

/** Sends the message of a live change. */
function sendChange(queue: WaitingQueue, userId: string): void {
  const message = userMessage(userId, { cause: 'changed', changedAt: Date.now() });
  queue.send(messageGroupOf(userId), JSON.stringify(message));
}

async function signUpAll(newUsers: readonly User[], users: Users, queue: WaitingQueue): Promise<void> {
  for (const { userId } of newUsers) sendChange(queue, userId);
  while (newUsers.some(({ userId }) => !isSynced(users.user(userId)))) await sleep(POLL_MS);
}

/** Edits users one after another during a backfill. @returns the time from each edit to its write-back, in milliseconds. */
function editAll(edited: readonly User[], users: Users, queue: WaitingQueue): Promise<number[]> {
  const edit = async ({ userId }: User, index: number): Promise<number> => {
    await sleep(FIRST_EDIT_MS + index * EDIT_EVERY_MS);
    const changedAt = Date.now();
    users.edit(userId, { firstName: `Livia ${index}` });
    await sleep(TO_QUEUE_MS);
    sendChange(queue, userId);
    while (Date.parse(users.user(userId).crm?.syncedAt ?? '') < changedAt) await sleep(POLL_MS);
    return Date.now() - changedAt;
  };
  return Promise.all(edited.map(edit));
}

/** Wraps a service and its parts so that every method call takes longer, as a call of a remote service does. */
function withDelay<Service extends object>(service: Service, ms: number): Service {
  return new Proxy(service, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member === 'object' && member !== null) return withDelay(member, ms);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        await sleep(ms);
        return member.apply(target, args);
      };
    },
  });
}

/** Makes requests at a leased rate, as a command does that lists something. @returns how many. */
async function runJob(
  store: SyncTable['slots'],
  { requestsPerWindow, windowMs }: SlotSchedule,
  rate: number,
  goesOn: () => boolean,
): Promise<number> {
  const lease = leasedLimiter({ store, id: 'command', rate, requestsPerWindow, windowMs, elapsed: Date.now });
  let requests = 0;
  while (goesOn()) {
    await lease.acquireSlot(0);
    requests++;
    await fetch(`${URL_OF_CRM}/crm/rest/v1/tags?limit=1`, { headers: { 'x-keap-api-key': DEFAULT_TOKEN } });
  }
  await lease.release();
  return requests;
}
