import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../infra/cli/support/connection-file.ts';
import type { ArrayModes } from '../../shared/infusionsoft/catalog/catalog.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { Statistics } from '../simulator/traffic/statistics.ts';
import type { App } from './app.ts';
import { isRefusedOften } from './busy-machine.ts';
import { consentFindings } from './consent-findings.ts';
import { crmAccount } from './crm-account.ts';
import { type DemoOptions, type DemoProcesses, demoSettings, startDemoProcesses } from './demo-processes.ts';
import { startLocalSystem } from './local-system.ts';
import { population } from './population.ts';
import { type Progress, seconds } from './progress.ts';
import { BURST, burstOfEdits, dayOfEdits, makeEdits, signUpAll } from './scenario.ts';
import { simulatorClient } from './simulator-client.ts';
import { ALL_TAGS, verify } from './verify.ts';

/** Result of a run. Figures that only the simulator knows are null with another CRM. */
export interface DemoReport {
  users: number;
  inSync: number;
  contactsCreated: number | null;
  contactsUpdated: number | null;
  tagsApplied: number | null;
  tagsRemoved: number | null;
  requests: number;
  /** Requests of the first sync per user, including those of the catalog. */
  requestsPerUser: number;
  throttled: number;
  maxRequestsInAnySecond: number | null;
  foreignWrites: number | null;
  deadLetters: number;
  /** From the start of this process until the first user had a contact. */
  firstContactMs: number;
  /** From the start of this process until every user was verified. */
  elapsedMs: number;
  /** What the account does with array items that an update does not list, as learned by the sync. */
  arrays: ArrayModes | 'unknown';
  /** Requests for the burst of edits of one user. */
  burstRequests: number;
  /** Violated expectations. Empty when all is well. */
  problems: string[];
}

/** A run that has ended. The system keeps running until `stop`. */
export interface DemoRun {
  report: DemoReport;
  /** Where a person can see the CRM while the system runs. */
  crm: string;
  /** How other processes find the system. */
  connection: Connection;
  stop(): Promise<void>;
}

/**
 * Most requests per user in the first sync, on average: one for the contact, one for the tags, one for the consent of those who give it,
 * and a few to remove stale tags.
 */
const MAX_REQUESTS_PER_USER = 3;
/** Most requests for the catalog, once: reading the account and creating what is missing. */
const MAX_CATALOG_REQUESTS = 40;
/** One sync of a changed field and a changed tag: one request for the contact, one for the old tag, one for the new. */
const REQUESTS_PER_SYNC = 3;
const MAX_BURST_SYNCS = 2;
const SETTLE_MS = 15 * 60_000;
const FIRST_CONTACT_POLL_MS = 200;

/**
 * Runs the main job on this machine: users appear in the table, change and leave, and the CRM follows. Then every user is
 * verified against the CRM.
 *
 * @param processes that were started for these options. The run stops them.
 */
export async function runDemo(
  options: DemoOptions,
  progress: Progress,
  processes: DemoProcesses = startDemoProcesses(options),
): Promise<DemoRun> {
  const { rate, seed, token = DEFAULT_TOKEN } = options;
  const stops: (() => Promise<void>)[] = [processes.stop];
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
    progress.step('Start the CRM and the database');
    const simulator = await processes.simulator;
    const crmUrl = options.crmUrl ?? simulator?.url ?? '';
    const controlApi = simulator && simulatorClient(simulator.url);
    const account = crmAccount(crmUrl, token, rate);
    const { users, existing } = population(options.users, seed, Date.now());

    progress.step(
      `Start the local cloud, while marketing adds ${existing.length} contacts by hand, with its own tags and fields`,
    );
    const starting = startLocalSystem({
      settings: { crm: { ...demoSettings(options).crm, url: crmUrl } },
      credentials: { kind: 'service-account-key', key: token },
      cloud: { dynamodbLocal: processes.dynamodbLocal },
    }).then((started) => {
      stops.push(started.stop);
      return started;
    });
    const adding = account.addByHand(existing).then(async () => {
      await controlApi?.declareOwnership();
      return controlApi?.stats();
    });
    // Waits for both before an error of one is thrown, so that everything that has started is stopped.
    await Promise.allSettled([starting, adding]);
    const [system, atFirst] = await Promise.all([starting, adding]);
    const { app, cloud, metrics } = system;
    for (const { email, phone2 } of existing) system.personal.remember({ email, phone: phone2 });
    const requests = () => metrics.sum('CrmRequests');
    const outcomes = () =>
      `${metrics.sum('Users.synced')} synced, ${metrics.sum('Users.unchanged')} unchanged, ` +
      `${metrics.sum('Users.postponed')} postponed, ${metrics.sum('Users.rejected')} rejected, ${requests()} requests`;
    const settle = () => {
      progress.watch(async () => outcomes());
      return cloud.untilIdle(SETTLE_MS);
    };

    progress.step(`${users.length} users sign up`);
    await signUpAll(app, users);
    const firstContact = waitForFirstContact(app);
    firstContact.then(
      (afterMs) => progress.note(`First contact after ${seconds(afterMs)}`),
      // Reported where it is awaited.
      () => undefined,
    );
    await settle();
    const firstContactMs = await firstContact;
    const firstSyncRequests = requests();

    const edits = dayOfEdits(users, seed);
    progress.step(`${edits.length} edits: week, subscription, name, email, phone, consent`);
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
    const atLast = await controlApi?.stats();

    progress.step('Verify every user against the CRM');
    const remaining = await app.users();
    const { inSync, problems } = verify({
      users: remaining,
      contacts: await account.contacts(ALL_TAGS),
      existing,
      deletedContactIds: contactOfLeaving ? [contactOfLeaving] : [],
      now: Date.now(),
    });
    if (controlApi) problems.push(...consentFindings(remaining, await controlApi.addresses(), Date.now()));
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
      arrays: (await system.catalog())?.arrays?.modes ?? 'unknown',
      firstContactMs,
      elapsedMs: performance.now(),
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

/** @returns milliseconds from the start of this process until the table knows the contact of a user. */
async function waitForFirstContact(app: App): Promise<number> {
  const deadline = performance.now() + SETTLE_MS;
  while (!(await app.users()).some(({ crm }) => crm?.contactId)) {
    if (performance.now() > deadline) throw new Error('No user has a contact');
    await sleep(FIRST_CONTACT_POLL_MS);
  }
  return performance.now();
}

/** Violated expectations, besides the state of every user. */
function complaints(
  report: DemoReport,
  { users }: DemoOptions,
  firstSyncRequests: number,
  stats: Statistics | undefined,
): string[] {
  const { throttled, deadLetters, burstRequests, requests } = report;
  const maxFirst = MAX_REQUESTS_PER_USER * users + MAX_CATALOG_REQUESTS;
  const maxBurst = MAX_BURST_SYNCS * REQUESTS_PER_SYNC;
  return [
    isRefusedOften(report) &&
      `the CRM refused ${throttled} of ${requests} requests, because more arrived in a second than its limit. If other programs use this machine, run it again without them`,
    deadLetters > 0 && `${deadLetters} dead letters`,
    firstSyncRequests > maxFirst &&
      `the first sync took ${firstSyncRequests} requests, more than ${maxFirst}`,
    burstRequests > maxBurst &&
      `a burst of ${BURST} edits took ${burstRequests} requests, more than ${maxBurst}`,
    requests === 0 && 'no request was counted',
    ...(stats?.optOutsUndone ?? []).map(
      (email) => `an opt-out of ${email} by staff or the person was undone`,
    ),
    ...(stats?.foreignWrites ?? []).map(
      ({ contactId, what }) =>
        `foreign write: ${what}${contactId === null ? '' : ` of contact ${contactId}`}`,
    ),
  ].filter((complaint) => complaint !== false);
}
