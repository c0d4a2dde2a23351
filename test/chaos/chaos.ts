import { setTimeout as sleep } from 'node:timers/promises';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { followBackfill, startBackfill } from '../../infra/cli/follow-backfill.ts';
import type { Report } from '../../lambdas/backfill/run.ts';
import { PROBE_NAME } from '../../shared/infusionsoft/catalog/detect-array-mode.ts';
import { desiredState, isSyncable } from '../../shared/sync/desired-state.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { signUpAll } from '../demo/scenario.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { shownOf, verify } from '../demo/verify.ts';
import type { ReadableContact } from '../simulator/admin-routes.ts';
import { SEARCH_MODES } from '../simulator/search-mode.ts';
import { ACTIONS, type ChaosContext } from './actions.ts';
import { explainDeadLetters } from './dead-letters.ts';
import { faultProxy } from './fault-proxy.ts';
import { World } from './world.ts';

export interface ChaosOptions {
  seed: number;
  users: number;
  /** How long things happen, in seconds. */
  seconds: number;
  /** Names of actions that do not happen. */
  without: readonly string[];
}

export interface ChaosReport {
  seed: number;
  users: number;
  changes: number;
  faultsInjected: number;
  /** Of those, answers of our own cloud that were cut off after the call had its effect. */
  answersCutOff: number;
  environmentsKilled: number;
  /** Backfills that were started, those that were skipped too. */
  backfills: number;
  /** Users whom the CRM refused with 403, and users for whom a refresh beside them did not wait. */
  forbidden: number;
  leftOut: number;
  lost: number;
  doubledContacts: number;
  foreignWrites: number;
  /** Probe contacts whose creation was not confirmed, or whose environment was killed just after it: nothing proves whose they are. */
  probesLeft: number;
  wrongTags: number;
  deadLettersExplained: number;
  deadLettersUnexplained: number;
  settleMs: number;
  problems: string[];
}

/** Limits times this, latencies divided by it. */
const SPEED = 8;
/**
 * In place of the template's 150 seconds: how soon the messages of a killed environment come back. Longer than the time-out of the
 * function, as the local cloud demands like Lambda: a message never comes back beside a living invocation.
 */
const VISIBILITY_SECONDS = 40;
const SETTLE_MS = 12 * 60_000;
/** Longest that runs take to end once the other faults have: a step of theirs may wait for five minutes for its next try. */
const RUNS_MS = 6 * 60_000;
/** Longest that a refresh takes beside users who can never be written: messages of killed environments are hidden for a minute. */
const REFRESH_MS = 2 * 60_000;
const QUIET_MS = 2000;
const ACTION_EVERY_MS = 120;

/** Lets everything go wrong at once, and then holds every user against the CRM. */
export async function runChaos(options: ChaosOptions, say: (what: string) => void): Promise<ChaosReport> {
  const world = new World(options.seed, options.users, Date.now());
  const proxy = faultProxy(world.random);
  let running: SimulatedSystem | undefined;
  try {
    // Half of the users were there before the stack: they are in no stream, and only a backfill brings them in.
    const all = [...world.users.values()];
    const existing = all.slice(0, all.length / 2);
    const limits = { second: 25 * SPEED, minute: 1500 * SPEED, day: 1_000_000, month: null };
    // Eight seeds in a row have eight kinds of account.
    const search = SEARCH_MODES[options.seed % SEARCH_MODES.length] ?? 'exact';
    const arrays = Math.floor(options.seed / SEARCH_MODES.length) % 2 === 0 ? 'merge' : 'replace';
    const simulator = ['--speed', String(SPEED), '--day', '1000000', '--seed', String(options.seed)];
    running = await startSimulatedSystem({
      simulator: [...simulator, '--search', search, '--arrays', arrays],
      async prepare(crm) {
        await crm.declareOwnership();
        await crm.addContacts(world.strangers());
      },
      settings: { crm: { limits, latencyP95Ms: 400 / SPEED, windowSlackMs: 100 } },
      existingUsers: existing.map((user) => marshall(user, { removeUndefinedValues: true })),
      cloud: { visibilityTimeoutSeconds: VISIBILITY_SECONDS, functionEnvironment: proxy.between },
    });
    const { system, door } = running;
    const sqs = new SQSClient(system.cloud.sdk('SQS'));
    const sfn = new SFNClient(system.cloud.sdk('SFN'));
    const counts = { killed: 0, duplicates: 0, backfills: 0 };
    const context: ChaosContext = { world, running, proxy, sqs, sfn, counts };

    say(`The CRM has ${search} searches at first, and updates ${arrays} array items`);
    say(
      `${existing.length} users are there, as many sign up, and everything goes wrong for ${options.seconds} s`,
    );
    await signUpAll(system.app, all.slice(existing.length));
    await happen(context, options);

    say('The faults end, all but those of users whom the CRM refuses');
    proxy.throttleRate = 0;
    proxy.cutOffRate = 0;
    await door.set('faults', { rate: 0 });
    const settlingSince = Date.now();
    const left = await endBesideForbidden(context);
    await settle(running);
    await backfillAll(context, 'contacts');
    await settle(running);
    for (const userId of world.drifted) {
      if (world.users.has(userId)) await system.app.edit(userId, { firstName: 'Foundling' });
    }
    await settle(running);
    const settleMs = Date.now() - settlingSince - 3 * QUIET_MS;

    say('Every user is held against the CRM');
    const rows = await system.app.users();
    const now = Date.now();
    const syncable = rows.filter((user) => isSyncable(desiredState(mapping, user, now)));
    const contacts = await door.contacts();
    const { problems } = verify({
      users: syncable,
      contacts: contacts.map(shownOf),
      existing: [],
      deletedContactIds: [],
      now,
    });
    const missing = [...world.users.keys()].filter((userId) => !rows.some((row) => row.userId === userId));
    const stats = await door.stats();
    const probes = probesIn(contacts);
    const foreignWrites = stats.foreignWrites.filter(({ contactId }) => !probes.has(contactId));
    const deadLetters = await explainDeadLetters(sqs, system.cloud.outputs, world);
    const wrongTags = problems.filter((problem) => problem.includes(': holds '));
    return {
      seed: options.seed,
      users: rows.length,
      changes: world.changes,
      faultsInjected: stats.faults + proxy.throttled + proxy.cutOff,
      answersCutOff: proxy.cutOff,
      environmentsKilled: counts.killed,
      backfills: counts.backfills,
      forbidden: world.forbidden.size,
      leftOut: left.length,
      lost: problems.length - wrongTags.length + missing.length,
      doubledContacts: stats.duplicateContacts,
      foreignWrites: foreignWrites.length,
      probesLeft: probes.size,
      wrongTags: wrongTags.length,
      deadLettersExplained: deadLetters.explained,
      deadLettersUnexplained: deadLetters.unexplained.length,
      settleMs,
      problems: [
        ...problems,
        ...missing.map((userId) => `${userId}: is not in the table`),
        ...foreignWrites.map(({ what }) => `foreign write: ${what}`),
        ...deadLetters.unexplained,
      ],
    };
  } finally {
    proxy.stop();
    await running?.stop();
  }
}

function probesIn(contacts: readonly ReadableContact[]): ReadonlySet<number | null> {
  const isProbe = ({ values }: ReadableContact) =>
    Object.entries(PROBE_NAME).every(([key, name]) => values[key] === name) &&
    !Object.keys(values).some((path) => path.startsWith('email_addresses.'));
  return new Set(contacts.filter(isProbe).map(({ id }) => id));
}

async function happen(context: ChaosContext, { seconds, without }: ChaosOptions): Promise<void> {
  const actions = Object.entries(ACTIONS).filter(([name]) => !without.includes(name));
  const total = actions.reduce((sum, [, [weight]]) => sum + weight, 0);
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    let left = context.world.random() * total;
    const chosen = actions.find(([, [weight]]) => {
      left -= weight;
      return left < 0;
    });
    await chosen?.[1][1](context);
    await sleep(context.world.random() * 2 * ACTION_EVERY_MS);
  }
}

/** A refresh ends beside users whom the CRM refuses for good. @returns users for whom it did not wait. */
async function endBesideForbidden(context: ChaosContext): Promise<Report['left']['users']> {
  const { world, running } = context;
  await runsEnd(running);
  const startedAt = Date.now();
  const { left } = await backfillAll(context, 'refresh');
  if (Date.now() - startedAt > REFRESH_MS)
    throw new Error(`A refresh beside users who are refused took ${(Date.now() - startedAt) / 1000} s`);
  await running.door.set('forbidden', { emails: [] });
  // Their messages come back seldom by now: an edit is what a person would make.
  for (const userId of world.forbidden.keys())
    if (world.users.has(userId)) await running.system.app.edit(userId, { firstName: 'Allowed' });
  return left.users;
}

/** Waits until all backfills have ended. */
async function runsEnd({ system: { cloud } }: SimulatedSystem): Promise<void> {
  const until = Date.now() + RUNS_MS;
  for (let open = runningOf(cloud); open.length > 0; open = runningOf(cloud)) {
    if (Date.now() > until) throw new Error(`Backfills do not end: ${open.join(', ')}`);
    await sleep(QUIET_MS);
  }
}

/** Runs a backfill with no other one left. */
async function backfillAll({ running, sfn }: ChaosContext, mode: 'contacts' | 'refresh'): Promise<Report> {
  await runsEnd(running);
  const machine = running.system.cloud.outputs['BackfillStateMachineArn'] ?? '';
  return (await followBackfill(sfn, await startBackfill(sfn, machine, { mode }), 200, () => {})).report;
}

const runningOf = (cloud: SimulatedSystem['system']['cloud']): string[] =>
  cloud
    .executions()
    .filter(({ status }) => status === 'RUNNING')
    .map(({ name }) => name);

async function settle({ system }: SimulatedSystem): Promise<void> {
  do {
    await system.cloud.untilIdle(SETTLE_MS);
    await sleep(QUIET_MS);
  } while (!(await system.cloud.idle()));
}
