import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../infra/cli/support/connection-file.ts';
import type { ArrayMode } from '../../shared/infusionsoft/catalog/catalog.ts';
import { PRESETS } from '../../shared/quota/limits.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { Statistics } from '../simulator/statistics.ts';
import { BUSY_SLACK_MS, isRefusedOften } from './busy-machine.ts';
import { crmAccount } from './crm-account.ts';
import { startLocalSystem } from './local-system.ts';
import { population } from './population.ts';
import type { Progress } from './progress.ts';
import { BURST, burstOfEdits, dayOfEdits, makeEdits, signUpAll } from './scenario.ts';
import { simulatorClient } from './simulator-client.ts';
import { spawnSimulator } from './spawn-simulator.ts';
import { ALL_TAGS, verify } from './verify.ts';

export interface DemoOptions {
  users: number;
  /** Origin of a CRM that is there already, instead of the simulator. */
  crmUrl: string | undefined;
  token: string | undefined;
  /** Requests a second. */
  rate: number;
  seed: number;
}

/** What a run came to. Figures that only the simulator can tell are null with an outside CRM. */
export interface DemoReport {
  users: number;
  inSync: number;
  contactsCreated: number | null;
  contactsUpdated: number | null;
  tagsApplied: number | null;
  tagsRemoved: number | null;
  requests: number;
  /** Requests of the first sync for each user, those for the catalog included. */
  requestsPerUser: number;
  throttled: number;
  maxRequestsInAnySecond: number | null;
  foreignWrites: number | null;
  deadLetters: number;
  elapsedMs: number;
  /** What the account does with array items that an update does not list, as the sync has learned it. */
  arrays: ArrayMode | 'unknown';
  /** Requests that the burst of edits of one user cost. */
  burstRequests: number;
  /** What is wrong, in words. Empty when all is well. */
  problems: string[];
}

/** A run that is over. The system still runs until `stop`. */
export interface DemoRun {
  report: DemoReport;
  /** Where a person can look at the CRM while the system is up. */
  crm: string;
  /** How other processes find the system. */
  connection: Connection;
  stop(): Promise<void>;
}

/** Most requests that a user may cost in the first sync: one for the contact, one for the tags, a few for stale tags. */
const MAX_REQUESTS_PER_USER = 2.3;
/** Most requests that the catalog may cost, once: reading the account and creating what is missing. */
const MAX_CATALOG_REQUESTS = 40;
/** A round of a changed field and a changed tag: one request for the contact, one for the old tag, one for the new. */
const REQUESTS_PER_ROUND = 3;
const MAX_BURST_ROUNDS = 2;
const SETTLE_MS = 15 * 60_000;
/** Longer than the stream's poll and the window of the queue's poll together. */
const QUIET_MS = 1000;

/**
 * The main job on one machine: users appear in the table, change, and go, and the CRM follows; then every user is held
 * against the CRM.
 */
export async function runDemo(options: DemoOptions, progress: Progress): Promise<DemoRun> {
  const startedAt = Date.now();
  const { rate, seed, token = DEFAULT_TOKEN } = options;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    const last = stops.pop();
    if (!last) return;
    try {
      await last();
    } finally {
      await stop();
    }
  };
  try {
    progress.step('Starting the CRM and the local cloud');
    const simulator = options.crmUrl
      ? undefined
      : await spawnSimulator([
          '--second',
          String(rate),
          '--minute',
          String(rate * 60),
          '--seed',
          String(seed),
        ]);
    if (simulator) stops.push(simulator.stop);
    const crmUrl = options.crmUrl ?? simulator?.url ?? '';
    const door = simulator && simulatorClient(simulator.url);
    const system = await startLocalSystem({
      settings: {
        crm: {
          url: crmUrl,
          limits: { ...PRESETS.team, second: rate, minute: rate * 60 },
          windowSlackMs: BUSY_SLACK_MS,
        },
      },
      credentials: { kind: 'service-account-key', key: token },
    });
    stops.push(system.stop);
    const { app, cloud, metrics } = system;
    const requests = () => metrics.sum('CrmRequests');
    const outcomes = () =>
      `${metrics.sum('Users.synced')} synced, ${metrics.sum('Users.unchanged')} unchanged, ` +
      `${metrics.sum('Users.postponed')} postponed, ${metrics.sum('Users.rejected')} rejected, ${requests()} requests`;
    const settle = async () => {
      progress.watch(async () => outcomes());
      do {
        await cloud.untilIdle(SETTLE_MS);
        await sleep(QUIET_MS);
      } while (!(await cloud.idle()));
    };

    const { users, existing } = population(options.users, seed, Date.now());
    for (const { email, phone2 } of existing) system.personal.remember({ email, phone: phone2 });
    const account = crmAccount(crmUrl, token, rate);
    progress.step(`Marketing adds ${existing.length} contacts by hand, with tags and fields of its own`);
    await account.addByHand(existing);
    await door?.declareOwnership();
    const atFirst = await door?.stats();

    progress.step(`${users.length} users sign up`);
    await signUpAll(app, users);
    await settle();
    const firstSyncRequests = requests();

    const edits = dayOfEdits(users, seed);
    progress.step(`${edits.length} edits: week, subscription, name, email, phone`);
    await makeEdits(app, edits);
    await settle();

    const [bursting, leaving] = [users[0], users.at(-1)];
    progress.step(`${BURST} edits of one user in a row`);
    const beforeBurst = requests();
    if (bursting) await burstOfEdits(app, bursting);
    await settle();
    const burstRequests = requests() - beforeBurst;

    progress.step('A user is deleted');
    const contactOfLeaving = (await app.users()).find(({ userId }) => userId === leaving?.userId)?.crm
      ?.contactId;
    if (leaving) await app.remove(leaving.userId);
    await settle();
    const atLast = await door?.stats();
    const elapsedMs = Date.now() - startedAt;

    progress.step('Holding every user against the CRM');
    const remaining = await app.users();
    const { inSync, problems } = verify({
      users: remaining,
      contacts: await account.contacts(ALL_TAGS),
      existing,
      deletedContactIds: contactOfLeaving ? [contactOfLeaving] : [],
      now: Date.now(),
    });
    progress.done();
    const since = (
      name: 'contactsCreated' | 'contactsUpdated' | 'tagsApplied' | 'tagsRemoved' | 'throttled',
    ) => (atFirst && atLast ? atLast[name] - atFirst[name] : null);
    const report: DemoReport = {
      users: remaining.length,
      inSync,
      contactsCreated: since('contactsCreated'),
      contactsUpdated: since('contactsUpdated'),
      tagsApplied: since('tagsApplied'),
      tagsRemoved: since('tagsRemoved'),
      requests: requests(),
      requestsPerUser: Number((firstSyncRequests / users.length).toFixed(2)),
      throttled: since('throttled') ?? metrics.sum('CrmThrottles'),
      maxRequestsInAnySecond: atLast?.maxArrivalsInAnySecond ?? null,
      foreignWrites: atLast?.foreignWrites.length ?? null,
      deadLetters: await system.deadLetters(),
      arrays: (await system.catalog())?.arrays?.mode ?? 'unknown',
      elapsedMs,
      burstRequests,
      problems,
    };
    report.problems.push(...complaints(report, options, firstSyncRequests, atLast));
    return {
      report,
      crm: simulator ? `${crmUrl}/_simulator` : crmUrl,
      connection: system.connection,
      stop,
    };
  } catch (error) {
    progress.done();
    await stop();
    throw error;
  }
}

/** What a run promises beside the state of every user. */
function complaints(
  report: DemoReport,
  { users }: DemoOptions,
  firstSyncRequests: number,
  stats: Statistics | undefined,
): string[] {
  const { throttled, deadLetters, burstRequests, requests } = report;
  const maxFirst = MAX_REQUESTS_PER_USER * users + MAX_CATALOG_REQUESTS;
  const maxBurst = MAX_BURST_ROUNDS * REQUESTS_PER_ROUND;
  return [
    isRefusedOften(report) && `the CRM refused ${throttled} of ${requests} requests`,
    deadLetters > 0 && `${deadLetters} dead letters`,
    firstSyncRequests > maxFirst &&
      `the first sync took ${firstSyncRequests} requests, more than ${maxFirst}`,
    burstRequests > maxBurst &&
      `a burst of ${BURST} edits took ${burstRequests} requests, more than ${maxBurst}`,
    requests === 0 && 'no request was counted',
    ...(stats?.foreignWrites ?? []).map(
      ({ contactId, what }) =>
        `foreign write: ${what}${contactId === null ? '' : ` of contact ${contactId}`}`,
    ),
  ].filter((complaint) => complaint !== false);
}
