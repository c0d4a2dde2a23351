import { copyFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { followBackfill, startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import type { Report } from '../../lambdas/backfill/run.ts';
import { desiredState, isSyncable } from '../../shared/sync/desired-state.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { consentFindings } from '../demo/consent-findings.ts';
import { signUpAll } from '../demo/scenario.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { shownOf, verify } from '../demo/verify.ts';
import { SEARCH_MODES } from '../simulator/account/search.ts';
import {
  type CallbackReceiver,
  signingSecretOf,
  startCallbackReceiver,
} from '../support/callback-receiver.ts';
import { ACTIONS } from './actions.ts';
import { type ChaosContext, changeUser } from './chaos-context.ts';
import { explainDeadLetters, readDeadLetters } from './dead-letters.ts';
import { startPoll } from './event-actions.ts';
import { evidenceOf } from './evidence.ts';
import { stopFaults } from './fault-actions.ts';
import { faultProxy } from './fault-proxy.ts';
import { ManualChanges } from './manual-changes.ts';
import { OwnLimit } from './own-limit.ts';
import { countDoubled, isRetired, pairFindings } from './pair-findings.ts';
import { liftLimit } from './quota-actions.ts';
import { makeRoom, refusedCreations } from './refused-creations.ts';
import { repeatErasures, unansweredErasures } from './repeat-erasures.ts';
import { detectAgain, failForGood } from './server-error-actions.ts';
import { watchWaitingUsers } from './waiting-users.ts';
import { REFUSED_PROGRAM, World } from './world.ts';

export interface ChaosOptions {
  seed: number;
  users: number;
  /** How long actions run after the first contacts exist, in seconds. */
  seconds: number;
  /** Names of actions to leave out. */
  without: readonly string[];
  /** Names of the only actions to run. Default: all. */
  only?: readonly string[];
  /** Whether the CRM fails for one user's contact at the end until the user is rejected, which takes some ten minutes more. */
  failForGood?: boolean;
  /** File for the log of the functions. */
  logFile?: string;
}

export interface ChaosReport {
  seed: number;
  users: number;
  changes: number;
  faultsInjected: number;
  /** Injected faults that cut off a response of DynamoDB or SQS after the call took effect. */
  responsesCutOff: number;
  environmentsKilled: number;
  /** Backfills that were started, including skipped ones. */
  backfills: number;
  /** Deployments that raised the sync's own daily limit. */
  limitsRaised: number;
  /** How often a check found that limit reached. */
  limitsReached: number;
  /** Users whom the CRM rejected with 403. */
  forbidden: number;
  /** Users who were not in sync when the refresh with forbidden users ended. */
  leftOut: number;
  /**
   * Missing users, contacts with wrong fields or cleared while their users waited for others, erasure requests without a record, and fields
   * left out without a reason.
   */
  lost: number;
  doubledContacts: number;
  /** Contacts that two users have, or that have the data of two users. */
  sharedContacts: number;
  /** Contacts that look like those of users and that no user has, except those that are marked as deleted. */
  orphans: number;
  foreignWrites: number;
  /** Requests beyond the sync's own daily limit, as the CRM counted them. */
  overLimit: number;
  /** Users whose address has another status than their consent asks for, and opt-outs by staff or the person that the sync undid. */
  wrongConsent: number;
  /** Changes made by hand in the CRM without exactly one event, and events about what the sync itself wrote. */
  wrongEvents: number;
  wrongTags: number;
  deadLettersExplained: number;
  /** Dead letters and rejected users that the list of expected reasons does not explain, and expected ones that are missing. */
  deadLettersUnexplained: number;
  settleMs: number;
  problems: string[];
  /** What the functions logged about the first problems. */
  evidence: string[];
}

/** Number of findings that make a run fail. */
export const failuresIn = (report: ChaosReport): number =>
  report.lost +
  report.doubledContacts +
  report.sharedContacts +
  report.orphans +
  report.foreignWrites +
  report.overLimit +
  report.wrongConsent +
  report.wrongEvents +
  report.wrongTags +
  report.deadLettersUnexplained;

/** Factor by which limits are multiplied and latencies divided. With more, the environments of a slow machine miss most of their slots. */
const SPEED = 4;
/**
 * Visibility timeout, instead of the template's 150 seconds, so that messages of killed environments return sooner. Lambda and the local
 * cloud require at least the timeout of the function, so that a message never returns while its invocation is running.
 */
const VISIBILITY_SECONDS = 40;
/** Time limit for everything to settle. Longer than the sync waits for a conflict between two users, so that the report shows it. */
const SETTLE_MS = 17 * 60_000;
/** Time limit for running backfills once the faults have stopped: a step may wait five minutes for its next attempt. */
const BACKFILLS_MS = 6 * 60_000;
/** Time limit for a refresh with forbidden users: messages of killed environments are invisible for up to a minute. */
const REFRESH_MS = 2 * 60_000;
const QUIET_MS = 2000;
/** An account that replaces array items drops them from a contact that a web form has just created. */
const LOST_EMAIL = /^email_addresses\.EMAIL2$/;
const OTHER = { merge: 'replace', replace: 'merge' } as const;
/** The duration of the actions starts at this many contacts: without contacts users cannot meet, and a busy machine creates them late. */
const FIRST_CONTACTS = 5;
/** Longest wait for the first contacts. */
const FIRST_CONTACTS_MS = 60_000;
const ACTION_EVERY_MS = 120;
/** Usable requests of the first daily limit, plus one for every fourth user. The sync reaches this limit, and waits until it is raised. */
const FIRST_LIMIT = 60;
/** Factor by which wait states are shortened. The backfill waits up to an hour for a quota, which a run raises within seconds. */
const WAIT_SCALE = 1 / 120;

/** Runs random actions and faults against the whole system, then verifies every user against the CRM. */
export async function runChaos(options: ChaosOptions, log: (line: string) => void): Promise<ChaosReport> {
  const world = new World(options.seed, options.users, Date.now());
  const proxy = faultProxy(world.random, SPEED);
  let running: SimulatedSystem | undefined;
  let callback: CallbackReceiver | undefined;
  let stopWatching: ReturnType<typeof watchWaitingUsers> | undefined;
  try {
    callback = await startCallbackReceiver(signingSecretOf(() => running?.system.cloud));
    let strangers: { id: number }[] = [];
    // Half of the users exist before the stack: no stream has them, so only a backfill syncs them.
    const all = [...world.users.values()];
    const existing = all.slice(0, all.length / 2);
    const limits = { second: 25 * SPEED, minute: 1500 * SPEED, month: null };
    const ownLimit = new OwnLimit(limits);
    ownLimit.raise(FIRST_LIMIT + Math.ceil(options.users / 4));
    // A backfill of contacts waits until a person makes room for what the account refuses to create. So half of the seeds refuse nothing.
    const refused = options.seed % 2 === 1 ? refusedCreations(world.random) : [];
    // Eight consecutive seeds have eight different combinations of search and arrays.
    const search = SEARCH_MODES[options.seed % SEARCH_MODES.length] ?? 'exact';
    const arrays = Math.floor(options.seed / SEARCH_MODES.length) % 2 === 0 ? 'merge' : 'replace';
    // If the CRM does not say which field it refuses, the sync may leave out other fields too. With both array modes.
    const unnamedRefusals = Math.floor(options.seed / 2) % 2 === Math.floor(options.seed / 4) % 2;
    // Sixteen seeds also combine them with both array modes of create-or-updates.
    const putArrays = Math.floor(options.seed / SEARCH_MODES.length / 2) % 2 === 0 ? arrays : OTHER[arrays];
    const simulator = ['--speed', String(SPEED), '--day', '1000000', '--seed', String(options.seed)];
    running = await startSimulatedSystem({
      simulator: [...simulator, '--search', search, '--arrays', arrays, '--put-arrays', putArrays],
      async prepare(crm) {
        await crm.declareOwnership();
        strangers = await crm.addContacts(world.strangers());
        await crm.set('directory', { refusedCreations: refused });
        await crm.refuseValues(REFUSED_PROGRAM);
        await crm.set('strictness', { unnamedRefusals });
      },
      settings: {
        crm: { limits: ownLimit.limits, latencyP95Ms: 400 / SPEED, windowSlackMs: BUSY_SLACK_MS },
        events: { callback: { url: 'http://127.0.0.1:1/' }, resources: ['orders'] },
      },
      existingUsers: existing.map((user) => marshall(user, { removeUndefinedValues: true })),
      cloud: {
        visibilityTimeoutSeconds: VISIBILITY_SECONDS,
        functionEnvironment: proxy.route,
        variables: { CALLBACK_URL: callback.url },
        waitScale: WAIT_SCALE,
      },
    });
    const { system, controlApi } = running;
    const sqs = new SQSClient(system.cloud.sdk('SQS'));
    const sfn = new SFNClient(system.cloud.sdk('SFN'));
    const counts = { killed: 0, duplicates: 0, backfills: 0, limitsRaised: 0 };
    const manualChanges = new ManualChanges(strangers.map(({ id }) => id));
    const context: ChaosContext = {
      ...{ world, running, proxy, ownLimit, manualChanges, callback, sqs, sfn, counts },
    };

    log(
      `The CRM starts with search mode ${search} and array modes ${putArrays} (PUT) and ${arrays} (PATCH), and refuses to create ${refused.join(', ') || 'nothing'}`,
    );
    log(
      `${existing.length} users exist, ${all.length - existing.length} sign up; running actions and faults for ${options.seconds} s`,
    );
    // The first polls only record the state of the account. Later ones report changes.
    await pollAll(context);
    await signUpAll(system.app, all.slice(existing.length));
    stopWatching = watchWaitingUsers(context);
    log(`Ran ${listOf(await runActions(context, options))}`);

    log('Stopping all faults except for forbidden users');
    await stopFaults(context);
    if (refused.length > 0) {
      await makeRoom(context);
      // An environment uses a catalog for up to a minute. A deployment replaces the environments.
      await liftLimit(context);
    }
    const settlingSince = Date.now();
    // The sync notices what people did to a contact only with the next change of its user. Until then, users can wait for each other.
    for (const userId of [...world.drifted, ...world.merged])
      await changeUser(context, userId, { firstName: 'Foundling' });
    const left = await refreshWithForbidden(context);
    await untilIdle(running);
    await runBackfill(context, 'contacts');
    await untilIdle(running);
    const erasures = await repeatErasures(context);
    await untilIdle(running);
    const erasureProblems = await unansweredErasures(context, erasures);
    await detectAgain(context);
    await untilIdle(running);
    const settleMs = Date.now() - settlingSince - 4 * QUIET_MS;
    if (options.failForGood) {
      log('The CRM fails for one contact from now on');
      await failForGood(context);
      await untilIdle(running);
    }

    const cleared = await stopWatching();
    // A poll leaves what the sync is working on to the next poll, so there are two.
    await pollAll(context);
    await pollAll(context);

    log('Verifying every user against the CRM');
    const rows = await system.app.users();
    const now = Date.now();
    const syncable = rows.filter((user) => isSyncable(desiredState(mapping, user, now)));
    const contacts = await controlApi.contacts();
    const shown = contacts.map(shownOf);
    // An email of a deleted user may be that of another user by now: docs/decisions/0003-claims.md, "What stays wrong".
    const remaining = shown.filter((contact) => !isRetired(contact, mapping));
    const working = syncable.filter(({ userId }) => !world.failing.has(userId));
    const { problems, wrongTags } = verify({
      users: working,
      contacts: remaining,
      existing: [],
      deletedContactIds: [],
      now,
    });
    const missing = [...world.users.keys()].filter((userId) => !rows.some((row) => row.userId === userId));
    const stats = await controlApi.stats();
    const consent = consentFindings(
      syncable.filter(({ crm }) => !crm?.rejection),
      await controlApi.addresses(),
      now,
    );
    const byId = new Map(contacts.map((contact) => [contact.id, contact]));
    const userIdOf = (contactId: number) => byId.get(contactId)?.customFields['App User Id'];
    const emailOf = (contactId: number) =>
      String(byId.get(contactId)?.values['email_addresses.EMAIL1'] ?? '');
    const undone = stats.optOutsUndone
      .filter((email) => !world.optedOutMeanwhile.has(email.toLowerCase()))
      .map((email) => `an opt-out of others was undone: ${world.userIdsOf(email).join(', ')}`);
    const eventFindings = manualChanges.findings(callback.events, mapping, {
      emailsOf: (userId) => world.emailsOf(userId),
      usersOf: (email) => world.userIdsOf(email).length,
      userIdOf,
      isLost: (contactId) => !userIdOf(contactId) && world.userIdsOf(emailOf(contactId)).length > 0,
      isTakenOver: (contactId) => putArrays === 'replace' && world.userIdsOf(emailOf(contactId)).length > 1,
    });
    // The search did not show the form's contact yet, so the sync could not know that the account would drop its second email.
    const foreignWrites = stats.foreignWrites.filter(
      ({ contactId, what }) =>
        !(putArrays === 'replace' && LOST_EMAIL.test(what) && world.forms.has(contactId ?? 0)),
    );
    const pairs = pairFindings({
      users: rows,
      contacts: shown,
      forgotten: world.forgotten,
      untraceable: world.untraceable,
      recreated: world.recreated,
      mapping,
      now,
    });
    const shared = pairs.filter(({ kind }) => kind === 'shared');
    const orphans = pairs.filter(({ kind }) => kind === 'orphan');
    const deadLetters = explainDeadLetters(await readDeadLetters(sqs, system.cloud.outputs), {
      'no-usable-email': world.rejected,
      'unreadable-message': world.unreadable,
      'fails-in-crm': new Set(world.failing.keys()),
    });
    ownLimit.check(await controlApi.times(), now);
    const costly = unnamedRefusals ? [] : unexpectedRefusals(rows, world.refusable);
    const rejections = working.flatMap(({ userId, crm }) =>
      crm?.rejection ? [`${userId}: is rejected with ${crm.rejection.reason}`] : [],
    );
    const allProblems = [
      ...problems,
      ...missing.map((userId) => `${userId}: not in the table`),
      ...foreignWrites.map(({ contactId, what }) => `contact ${contactId}: foreign write of ${what}`),
      ...consent,
      ...undone,
      ...eventFindings,
      ...erasureProblems,
      ...cleared,
      ...costly,
      ...pairs.map(({ contactId, text }) => `contact ${contactId}: ${text}`),
      ...deadLetters.unexplained,
      ...rejections,
    ];
    return {
      seed: options.seed,
      users: rows.length,
      changes: world.changes,
      faultsInjected: stats.faults + proxy.throttled + proxy.cutOff,
      responsesCutOff: proxy.cutOff,
      environmentsKilled: counts.killed,
      backfills: counts.backfills,
      limitsRaised: counts.limitsRaised,
      limitsReached: ownLimit.reached,
      forbidden: world.forbidden.size,
      leftOut: left.length,
      lost: problems.length - wrongTags + [...missing, ...cleared, ...erasureProblems, ...costly].length,
      doubledContacts: countDoubled(remaining),
      sharedContacts: new Set(shared.map(({ contactId }) => contactId)).size,
      orphans: orphans.length,
      foreignWrites: foreignWrites.length,
      overLimit: ownLimit.passedBy,
      wrongConsent: consent.length + undone.length,
      wrongEvents: eventFindings.length,
      wrongTags,
      deadLettersExplained: deadLetters.explained,
      deadLettersUnexplained: deadLetters.unexplained.length + rejections.length,
      settleMs,
      problems: allProblems,
      evidence: evidenceOf(allProblems, readFileSync(running.system.connection.logFile, 'utf8')),
    };
  } finally {
    await stopWatching?.();
    proxy.stop();
    callback?.stop();
    if (running && options.logFile) copyFileSync(running.system.connection.logFile, options.logFile);
    await running?.stop();
  }
}

/** Fields that the sync left out for a user, although no user has had a value in them that the CRM refuses. */
const unexpectedRefusals = (users: readonly User[], refusable: ReadonlySet<string>): string[] =>
  users.flatMap(({ userId, crm }) =>
    Object.keys(crm?.refusedFields ?? {})
      .filter((field) => !refusable.has(field))
      .map((field) => `${userId}: lacks ${field}, which the CRM does not refuse`),
  );

/** Runs every kind of poll, one after the other. */
async function pollAll(context: ChaosContext): Promise<void> {
  for (const poll of ['changes', 'opt-outs', 'listing'] as const) {
    await startPoll(context, poll);
    await untilIdle(context.running);
  }
}

/** Runs random actions, starting before the first contact exists. @returns how often each action ran. */
async function runActions(
  context: ChaosContext,
  { seconds, without, only = Object.keys(ACTIONS) }: ChaosOptions,
): Promise<ReadonlyMap<string, number>> {
  const actions = Object.entries(ACTIONS).filter(([name]) => only.includes(name) && !without.includes(name));
  if (actions.length === 0) throw new Error('No action is left to run');
  const total = actions.reduce((sum, [, [weight]]) => sum + weight, 0);
  const ran = new Map<string, number>();
  let end = Date.now() + FIRST_CONTACTS_MS + seconds * 1000;
  let hasContacts = false;
  while (Date.now() < end) {
    if (!hasContacts && (await context.running.controlApi.stats()).contactsCreated >= FIRST_CONTACTS) {
      hasContacts = true;
      end = Date.now() + seconds * 1000;
    }
    let left = context.world.random() * total;
    const chosen = actions.find(([, [weight]]) => {
      left -= weight;
      return left < 0;
    });
    if (!chosen) continue;
    const [name, [, run]] = chosen;
    ran.set(name, (ran.get(name) ?? 0) + 1);
    await run(context);
    await sleep(context.world.random() * 2 * ACTION_EVERY_MS);
    await context.world.runDue(Date.now());
  }
  await context.world.runDue(Number.POSITIVE_INFINITY);
  return ran;
}

const listOf = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([name, count]) => `${name} ${count}`).join(', ');

/** Verifies that a refresh ends although the CRM rejects some users for good. @returns the users who were not in sync at its end. */
async function refreshWithForbidden(context: ChaosContext): Promise<Report['unfinished']['users']> {
  const { world, running } = context;
  await untilBackfillsEnd(running);
  const startedAt = Date.now();
  const { unfinished } = await runBackfill(context, 'refresh');
  if (Date.now() - startedAt > REFRESH_MS)
    throw new Error(`The refresh with forbidden users took ${(Date.now() - startedAt) / 1000} s`);
  await running.controlApi.set('forbidden', { emails: [] });
  // Their messages are retried rarely by now. An edit triggers a sync at once.
  for (const userId of world.forbidden.keys()) await changeUser(context, userId, { firstName: 'Allowed' });
  return unfinished.users;
}

/** Waits until no backfill is running. */
async function untilBackfillsEnd({ system: { cloud } }: SimulatedSystem): Promise<void> {
  const until = Date.now() + BACKFILLS_MS;
  for (let names = runningBackfills(cloud); names.length > 0; names = runningBackfills(cloud)) {
    if (Date.now() > until) throw new Error(`Backfills did not end: ${names.join(', ')}`);
    await sleep(QUIET_MS);
  }
}

/** Runs a backfill while no other one is running. */
async function runBackfill({ running, sfn }: ChaosContext, mode: 'contacts' | 'refresh'): Promise<Report> {
  await untilBackfillsEnd(running);
  const machine = running.system.cloud.outputs['BackfillStateMachineArn'] ?? '';
  return (await followBackfill(sfn, await startBackfill(sfn, machine, { mode }), 200, () => {})).report;
}

const runningBackfills = (cloud: SimulatedSystem['system']['cloud']): string[] =>
  cloud
    .executions()
    .filter(({ status }) => status === 'RUNNING')
    .map(({ name }) => name);

async function untilIdle({ system }: SimulatedSystem): Promise<void> {
  do {
    await system.cloud.untilIdle(SETTLE_MS);
    await sleep(QUIET_MS);
  } while (!(await system.cloud.idle()));
}
