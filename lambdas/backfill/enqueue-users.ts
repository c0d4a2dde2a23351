import { type Catalog, hashRequirements } from '../../shared/infusionsoft/catalog/catalog.ts';
import { CACHED_MS } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import { type Ledger, ledgerAt } from '../../shared/quota/ledger.ts';
import {
  type Budget,
  backfillPausedUntil,
  pauseOf,
  remainingQuota,
} from '../../shared/quota/remaining-quota.ts';
import { BACKFILL_WAIT } from '../../shared/quota/retry-policy.ts';
import { isFull, requestsFor } from '../../shared/sync/tag-estimate.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { estimatedEnd, openUsers } from './estimated-end.ts';
import { type BackfillMessage, backfillMessage, groupOf, tagJobMessage } from './messages.ts';
import { planUser } from './plan-user.ts';
import type { BackfillPorts } from './ports.ts';
import type { Run, SentUser } from './run.ts';
import { addScannedUser, countTagJob, hasRoom, isScanComplete } from './scan.ts';
import { addPending, checkUsersInFlight, dropFailingUsers, pendingSize } from './users-in-flight.ts';

export interface EnqueueOptions {
  mapping: Mapping;
  budget: Budget;
  /** The consumer's rate in requests a second, all environments together. */
  requestsPerSecond: number;
  /** Most contacts that one request can tag. */
  tagBatch: number;
  /** How long one call lasts, in milliseconds. */
  callMs: number;
}

/** Interval between two checks of the users in flight, in milliseconds. */
const POLL_MS = 500;
/** A call ends after this long without progress, in milliseconds: a wait state costs less than a running function. */
const QUIET_MS = 5000;
/** Part of the room for users in flight that a running tag job takes up. */
const TAG_JOB_PART = 1 / 3;
/** More users are scanned when at least this part of the room for users to be sent is free. */
const FREE_PART = 0.5;
/** Most calls of one execution. A call costs 9 of the 25,000 events that the history of an execution can have (AWS quota). */
const MAX_CALLS = 2000;

/** What stays the same during a call, apart from the counters at the end. */
interface Call {
  ports: BackfillPorts;
  options: EnqueueOptions;
  /** Hash of the mapping's requirements. */
  requirements: string;
  /** Most users in flight. */
  inFlight: number;
  startedAt: number;
  /** How many users to be sent are left from the state that the execution stored. Users that this call scans are sent by the next call. */
  stored: { ready: number; readyForTags: number };
}

/**
 * Keeps the consumer busy for some seconds: checks which users in flight are done, sends others in their place, and scans for more. The
 * run never has more messages in the queue than the consumer needs to keep its pace, whatever else the queue holds. Safe to repeat with the
 * same state.
 *
 * @param runs how many runs share the pace.
 * @returns the new state of the run.
 */
export async function enqueueUsers(
  before: Run,
  runs: number,
  ports: BackfillPorts,
  options: EnqueueOptions,
): Promise<Run> {
  const run = structuredClone(before);
  run.calls++;
  const startedAt = ports.now();
  const call: Call = {
    ports,
    options,
    requirements: hashRequirements(requirementsOf(options.mapping)),
    inFlight: Math.max(1, Math.floor(run.input.maxInFlight / runs)),
    startedAt,
    stored: { ready: run.ready.length, readyForTags: run.readyForTags.length },
  };
  // No user can be done during a pause, so it does not count as time without progress.
  if (run.next === 'waitForQuota') run.lastProgressAt = startedAt;
  if (run.input.dryRun) return scanAll(run, call);
  for (let isFirst = true; ; isFirst = false) {
    const beforePoll = structuredClone(run);
    try {
      const next = await poll(run, call);
      if (next) return next;
    } catch (error) {
      // Keeps what earlier polls have found. When the first one fails, the execution repeats the call.
      if (isFirst) throw error;
      ports.onFailure(error);
      return endCall(beforePoll, 'waitForUsers', BACKFILL_WAIT.afterFailureMs / 1000, call);
    }
  }
}

/** Checks the users in flight once, and enqueues and scans others. @returns the run when the call ends, else undefined. */
async function poll(run: Run, call: Call): Promise<Run | undefined> {
  const { ports, options, startedAt } = call;
  const now = ports.now();
  const quota = quotaOf(ledgerAt(await ports.ledger(), now), options.budget, now);
  run.requestsToday = quota.usedToday;
  if (quota.pausedUntil !== undefined) return waitForQuota(run, quota.pausedUntil, call);
  const catalog = await catalogFor(call.requirements, ports);
  await checkUsersInFlight(run, ports, { mapping: options.mapping, catalog, now });
  if (catalog) await sendAgain(run, catalog, ports, now);
  await dropFailingUsers(run, isAllSent(run, options.tagBatch), ports, now);
  await send(run, call, quota.left, now);
  if (isFinished(run, options.tagBatch)) return endCall(run, 'report', 0, call);

  const isScanning = !isScanComplete(run, options.tagBatch) && hasRoom(run, FREE_PART);
  if (isScanning) await scanPage(run, call);
  const spentMs = ports.now() - startedAt;
  if (spentMs >= options.callMs || isReadyForNextCall(run, call)) return endCall(run, 'enqueue', 0, call);
  const quietMs = ports.now() - run.lastProgressAt;
  if (!isScanning && spentMs >= QUIET_MS && quietMs >= QUIET_MS) {
    const seconds = Math.min(BACKFILL_WAIT.maxDrainMs / 1000, Math.ceil(quietMs / 4000));
    return endCall(run, 'waitForUsers', seconds, call);
  }
  if (!isScanning) await ports.sleep(POLL_MS);
  return undefined;
}

/**
 * The catalog, if it is of this mapping. If not, the consumer reads a new one before its first user.
 *
 * @param requirements hash of the mapping's requirements.
 */
export async function catalogFor(
  requirements: string,
  ports: Pick<BackfillPorts, 'catalog'>,
): Promise<Catalog | undefined> {
  const catalog = await ports.catalog();
  return catalog?.requirementsHash === requirements ? catalog : undefined;
}

/**
 * Sends users again who are in flight for long, once each: during a deployment, the consumer may have handled their message with an older
 * mapping, and seen nothing to do. It sends them also each time that their message may have been handled with an older catalog, which lacks a
 * field or tag that the account has by now. For a user who is up to date by then, the second message costs no request.
 */
async function sendAgain(run: Run, catalog: Catalog, ports: BackfillPorts, now: number): Promise<void> {
  const usedUntil = Date.parse(catalog.refreshedAt) + CACHED_MS;
  const isOld = ({ sentAt, again }: SentUser) => now - sentAt >= CACHED_MS && (sentAt < usedUntil || !again);
  const old = run.sent.filter(isOld);
  if (old.length === 0) return;
  run.sent = run.sent.map((user): SentUser => (isOld(user) ? { ...user, sentAt: now, again: true } : user));
  const messages = old.map(({ userId }) => backfillMessage(userId, run.runId, now));
  // With the deduplication ids of earlier messages, SQS would drop these. The next time that a user is sent, this number is higher.
  const lastSentAt = Math.max(...old.map(({ sentAt }) => sentAt));
  await ports.send(messages, `${run.runId}:${lastSentAt}`);
}

/** Sends as many messages as there is room for. @param quotaLeft requests that backfills may still make. */
async function send(run: Run, call: Call, quotaLeft: number, now: number): Promise<void> {
  const { ports, options, stored } = call;
  while (stored.readyForTags > 0 && !isFull(pendingSize(run))) {
    if (run.pendingTags.userIds.length === 0) run.pendingTags.since = now;
    addPending(run, run.readyForTags.shift() ?? '');
    stored.readyForTags--;
  }
  const messages: BackfillMessage[] = [];
  // Users who have a contact and no tags yet come first, so the requests for their tags are reserved.
  const started = run.sent.length + run.pendingTags.userIds.length;
  const forTags = started > 0 ? requestsFor(run.tagEstimate, options.tagBatch) : 0;
  const room = Math.ceil(call.inFlight * (run.tagJob ? 1 - TAG_JOB_PART : 1)) - run.sent.length;
  const left = quotaLeft - run.sent.length - forTags;
  for (let count = Math.min(room, left, stored.ready); count > 0; count--) {
    const userId = run.ready.shift() ?? '';
    stored.ready--;
    run.sent.push({ userId, sentAt: now });
    messages.push(backfillMessage(userId, run.runId, now));
  }
  if (isTagJobDue(run, options.tagBatch, left <= 0, now)) {
    const { userIds } = run.pendingTags;
    const message = tagJobMessage(userIds, run.runId, now);
    run.tagJob = { userIds, sentAt: now, lastProgressAt: now, group: groupOf(message, run.runId) };
    run.pendingTags = { userIds: [], bytes: 0, since: now };
    messages.push(message);
  }
  if (messages.length > 0) {
    await ports.send(messages, run.runId);
    run.lastProgressAt = now;
  }
}

/**
 * Whether to send the pending tags: they fill a job, have waited too long, or no more users can be sent.
 *
 * @param isShort whether the quota allows no more users.
 */
function isTagJobDue(run: Run, tagBatch: number, isShort: boolean, now: number): boolean {
  const { pendingTags, tagJob, sent } = run;
  if (tagJob || pendingTags.userIds.length === 0) return false;
  if (isFull(pendingSize(run)) || now - pendingTags.since > BACKFILL_WAIT.tagsMs) return true;
  if (sent.length === 0) return isShort || isAllSent(run, tagBatch);
  return isAllSent(run, tagBatch) && now - run.lastProgressAt > BACKFILL_WAIT.lastTagsMs;
}

async function scanPage(run: Run, { ports, options, requirements }: Call): Promise<void> {
  const context = {
    mapping: options.mapping,
    mode: run.input.mode,
    catalog: await catalogFor(requirements, ports),
    now: ports.now(),
  };
  const { users, finished } = await ports.usersAfter(run.cursor);
  let isWholePage = true;
  for (const user of users) {
    isWholePage = !isScanComplete(run, options.tagBatch) && hasRoom(run, 0);
    if (!isWholePage) break;
    addScannedUser(run, user, planUser(user, context), options.tagBatch);
  }
  run.scanFinished = finished && isWholePage;
  if (isScanComplete(run, options.tagBatch)) countTagJob(run, options.tagBatch);
}

/** A dry run only scans. */
async function scanAll(run: Run, call: Call): Promise<Run> {
  const { ports, options, startedAt } = call;
  while (!isScanComplete(run, options.tagBatch) && ports.now() - startedAt < options.callMs)
    await scanPage(run, call);
  return endCall(run, isScanComplete(run, options.tagBatch) ? 'report' : 'enqueue', 0, call);
}

/** Whether no more users are to be sent. */
const isAllSent = (run: Run, tagBatch: number): boolean =>
  isScanComplete(run, tagBatch) && run.ready.length + run.readyForTags.length === 0;

const isFinished = (run: Run, tagBatch: number): boolean =>
  isAllSent(run, tagBatch) && run.sent.length + run.pendingTags.userIds.length === 0 && !run.tagJob;

/** Whether this call has no more users to send, and has scanned enough for the next call. */
function isReadyForNextCall(run: Run, { stored, options }: Call): boolean {
  if (stored.ready + stored.readyForTags > 0 || run.ready.length + run.readyForTags.length === 0)
    return false;
  return isScanComplete(run, options.tagBatch) || !hasRoom(run, FREE_PART);
}

function waitForQuota(run: Run, until: number, call: Call): Run {
  const seconds = Math.ceil((until + BACKFILL_WAIT.afterResetMs - call.ports.now()) / 1000);
  return endCall(run, 'waitForQuota', Math.min(BACKFILL_WAIT.maxQuotaMs / 1000, Math.max(1, seconds)), call);
}

/** The state of the run that the execution stores. */
function endCall(run: Run, next: Run['next'], waitSeconds: number, { ports, options }: Call): Run {
  const isComplete = isScanComplete(run, options.tagBatch);
  const users = isComplete ? run.scanned : Math.max(run.users, run.scanned);
  return {
    ...run,
    next: next !== 'report' && run.calls >= MAX_CALLS ? 'continue' : next,
    waitSeconds,
    shareDone: users === 0 ? 1 : Number(((run.scanned - openUsers(run)) / users).toFixed(4)),
    estimatedEnd: new Date(estimatedEnd(run, isComplete, ports.now(), options)).toISOString(),
  };
}

interface Quota {
  usedToday: number;
  /** Until when nothing is sent, in epoch milliseconds. */
  pausedUntil: number | undefined;
  /** Requests that backfills may still make. At least 1, except during a pause. */
  left: number;
}

function quotaOf(ledger: Ledger, budget: Budget, now: number): Quota {
  const ends = [pauseOf(ledger, budget, now)?.until, backfillPausedUntil(ledger, budget)].filter(
    (end) => end !== undefined,
  );
  return {
    usedToday: ledger.day.used,
    pausedUntil: ends.length > 0 ? Math.max(...ends) : undefined,
    left: Math.min(...remainingQuota(ledger, budget).map(({ leftForBackfill }) => leftForBackfill)),
  };
}
