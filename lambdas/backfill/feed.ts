import { type Catalog, hashRequirements } from '../../shared/infusionsoft/catalog/catalog.ts';
import { type Ledger, ledgerAt } from '../../shared/quota/ledger.ts';
import {
  type Budget,
  backfillPausedUntil,
  pauseOf,
  remainingQuota,
} from '../../shared/quota/remaining-quota.ts';
import { BACKFILL_WAIT } from '../../shared/quota/retry-policy.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { aboutTags, aboutUser, groupOf } from './messages.ts';
import { needOf } from './need.ts';
import { addPending, leaveOut, pendingOf, settle } from './outcomes.ts';
import type { BackfillPorts, FedMessage } from './ports.ts';
import type { Run } from './run.ts';
import { hasRoom, isScanned, planTagJob, take } from './scan.ts';
import { isFull, requestsFor } from './tag-estimate.ts';

export interface FeedOptions {
  mapping: Mapping;
  budget: Budget;
  /** Requests a second that the consumer makes at most, all environments together. */
  requestsPerSecond: number;
  /** Contacts that a request can tag at most. */
  tagBatch: number;
  /** How long one call lasts, in milliseconds. */
  callMs: number;
}

/** From one look at the users in flight to the next, in milliseconds. */
const POLL_MS = 500;
/** A call ends when nothing has gone on for so long: the execution can wait for less, in milliseconds. */
const QUIET_MS = 5000;
/** Part of the users in flight for which the requests of a tag job stand while it is worked on. */
const TAG_JOB_PART = 1 / 3;
/** Users are scanned when so much of the room for them is free. */
const FREE_PART = 0.5;
/** Calls of one execution. A call costs 9 events of the 25,000 that an execution's history may have (AWS quota). */
const MAX_CALLS = 2000;

/** What a call needs to know beside the run. */
interface Call {
  ports: BackfillPorts;
  options: FeedOptions;
  /** Hash of what the mapping needs. */
  needs: string;
  /** Users in flight at most. */
  inFlight: number;
  /** Users of the stored state who are still to be sent: whoever is scanned in this call is sent by the next. */
  stored: { ready: number; readyForTags: number };
  startedAt: number;
  /** Looks that went well. */
  looks: number;
}

/**
 * Keeps the consumer busy for some seconds: looks what has come of the users in flight, sends others in their place, and scans for more.
 * So the queue never holds more of the run than it takes to fill the pace, whatever else is in it. Safe to repeat from the same state.
 *
 * @param runs how many runs share the pace.
 * @returns where the run stands now.
 */
export async function feed(
  before: Run,
  runs: number,
  ports: BackfillPorts,
  options: FeedOptions,
): Promise<Run> {
  const run = structuredClone(before);
  run.calls++;
  const startedAt = ports.now();
  const inFlight = Math.max(1, Math.floor(run.input.maxInFlight / runs));
  const stored = { ready: run.ready.length, readyForTags: run.readyForTags.length };
  const needs = hashRequirements(requirementsOf(options.mapping));
  const call: Call = { ports, options, needs, inFlight, stored, startedAt, looks: 0 };
  // A pause is no time in which users could have been done.
  if (run.next === 'quota') run.progressAt = startedAt;
  if (run.input.dryRun) return scanAll(run, call);
  for (;;) {
    const certain = structuredClone(run);
    try {
      const next = await look(run, call);
      if (next) return next;
    } catch (error) {
      // What the looks before have found is kept; when the first one fails, the execution repeats the call.
      if (call.looks === 0) throw error;
      ports.onFailure(error);
      return ended(certain, 'drain', BACKFILL_WAIT.afterFailureMs / 1000, call);
    }
    call.looks++;
  }
}

/** Looks at the users in flight once, and does what follows from it. @returns the run when the call is over. */
async function look(run: Run, call: Call): Promise<Run | undefined> {
  const { ports, options, startedAt } = call;
  const now = ports.now();
  const quota = quotaOf(ledgerAt(await ports.ledger(), now), options.budget, now);
  run.requestsToday = quota.usedToday;
  if (quota.pausedUntil !== undefined) return waitForQuota(run, quota.pausedUntil, call);
  const context = { mapping: options.mapping, catalog: await catalogFor(call.needs, ports), now };
  await settle(run, ports, context);
  await leaveOut(run, isAllSent(run, options.tagBatch), ports, now);
  const { isShort } = await send(run, call, quota.left, now);
  if (isFinished(run, options.tagBatch)) return ended(run, 'report', 0, call);
  if (isShort && run.sent.length === 0 && !run.tagJob) return waitForQuota(run, quota.resetsAt, call);

  const isScanning = !isScanned(run, options.tagBatch) && hasRoom(run, FREE_PART);
  if (isScanning) await scanPage(run, call);
  const spentMs = ports.now() - startedAt;
  if (spentMs >= options.callMs || isWaitingForNextCall(run, call)) return ended(run, 'feed', 0, call);
  const quietMs = ports.now() - run.progressAt;
  if (!isScanning && spentMs >= QUIET_MS && quietMs >= QUIET_MS)
    return ended(run, 'drain', Math.min(BACKFILL_WAIT.maxDrainMs / 1000, Math.ceil(quietMs / 4000)), call);
  if (!isScanning) await ports.sleep(POLL_MS);
  return undefined;
}

/** The catalog, if it is of this mapping: the consumer reads a new one before its first user. @param needs hash of what the mapping needs. */
export async function catalogFor(
  needs: string,
  ports: Pick<BackfillPorts, 'catalog'>,
): Promise<Catalog | undefined> {
  const catalog = await ports.catalog();
  return catalog?.requirementsHash === needs ? catalog : undefined;
}

/** Sends what there is room for. @returns whether too little is left of the quota for another contact. */
async function send(run: Run, call: Call, quotaLeft: number, now: number): Promise<{ isShort: boolean }> {
  const { ports, options, stored } = call;
  while (stored.readyForTags > 0 && !isFull(pendingOf(run))) {
    if (run.pendingTags.userIds.length === 0) run.pendingTags.since = now;
    addPending(run, run.readyForTags.shift() ?? '');
    stored.readyForTags--;
  }
  const messages: FedMessage[] = [];
  // What is left is for those first who have a contact and no tags yet.
  const started = run.sent.length + run.pendingTags.userIds.length;
  const forTags = started > 0 ? requestsFor(run.tagEstimate, options.tagBatch) : 0;
  const room = Math.ceil(call.inFlight * (run.tagJob ? 1 - TAG_JOB_PART : 1)) - run.sent.length;
  const left = Math.floor(quotaLeft - run.sent.length - forTags);
  const isShort = left <= 0 && (stored.ready > 0 || run.pendingTags.userIds.length > 0);
  for (let count = Math.min(room, left, stored.ready); count > 0; count--) {
    const userId = run.ready.shift() ?? '';
    stored.ready--;
    run.sent.push({ userId, sentAt: now });
    messages.push(aboutUser(userId, run.runId, now));
  }
  if (isTagJobDue(run, options.tagBatch, isShort, now)) {
    const { userIds } = run.pendingTags;
    const message = aboutTags(userIds, run.runId, now);
    run.tagJob = { userIds, sentAt: now, progressAt: now, group: groupOf(message, run.runId) };
    run.pendingTags = { userIds: [], bytes: 0, since: now };
    messages.push(message);
  }
  if (messages.length > 0) {
    await ports.send(messages, run.runId);
    run.progressAt = now;
  }
  return { isShort };
}

/** Whether the tags that wait go out: when they fill a job, when they have waited for long, or when nobody else comes. */
function isTagJobDue(run: Run, tagBatch: number, isShort: boolean, now: number): boolean {
  const { pendingTags, tagJob, sent } = run;
  if (tagJob || pendingTags.userIds.length === 0) return false;
  if (isFull(pendingOf(run)) || now - pendingTags.since > BACKFILL_WAIT.tagsMs) return true;
  if (sent.length === 0) return isShort || isAllSent(run, tagBatch);
  return isAllSent(run, tagBatch) && now - run.progressAt > BACKFILL_WAIT.lastTagsMs;
}

async function scanPage(run: Run, { ports, options, needs }: Call): Promise<void> {
  const context = {
    mapping: options.mapping,
    mode: run.input.mode,
    catalog: await catalogFor(needs, ports),
    now: ports.now(),
  };
  const { users, finished } = await ports.usersAfter(run.cursor);
  let taken = 0;
  for (const user of users) {
    if (isScanned(run, options.tagBatch) || !hasRoom(run, 0)) break;
    take(run, user, needOf(user, context), options.tagBatch);
    taken++;
  }
  run.scanFinished = finished && taken === users.length;
  if (isScanned(run, options.tagBatch)) planTagJob(run, options.tagBatch);
}

/** A dry run looks at users, and does nothing else. */
async function scanAll(run: Run, call: Call): Promise<Run> {
  const { ports, options, startedAt } = call;
  while (!isScanned(run, options.tagBatch) && ports.now() - startedAt < options.callMs)
    await scanPage(run, call);
  return ended(run, isScanned(run, options.tagBatch) ? 'report' : 'feed', 0, call);
}

/** Whether nobody is to be sent any more. */
const isAllSent = (run: Run, tagBatch: number): boolean =>
  isScanned(run, tagBatch) && run.ready.length + run.readyForTags.length === 0;

const isFinished = (run: Run, tagBatch: number): boolean =>
  isAllSent(run, tagBatch) && run.sent.length + run.pendingTags.userIds.length === 0 && !run.tagJob;

/** Whether this call has nobody to send, and the next has enough. */
function isWaitingForNextCall(run: Run, { stored, options }: Call): boolean {
  if (stored.ready + stored.readyForTags > 0 || run.ready.length + run.readyForTags.length === 0)
    return false;
  return isScanned(run, options.tagBatch) || !hasRoom(run, FREE_PART);
}

function waitForQuota(run: Run, until: number, call: Call): Run {
  const seconds = Math.ceil((until + BACKFILL_WAIT.afterResetMs - call.ports.now()) / 1000);
  return ended(run, 'quota', Math.min(BACKFILL_WAIT.maxQuotaMs / 1000, Math.max(1, seconds)), call);
}

/** The run as it is stored. */
function ended(run: Run, next: Run['next'], waitSeconds: number, { ports, options }: Call): Run {
  const isOver = isScanned(run, options.tagBatch);
  const users = isOver ? run.scanned : Math.max(run.users, run.scanned);
  return {
    ...run,
    next: next !== 'report' && run.calls >= MAX_CALLS ? 'continue' : next,
    waitSeconds,
    shareDone: users === 0 ? 1 : Number(((run.scanned - openUsers(run)) / users).toFixed(4)),
    estimatedEnd: new Date(estimatedEnd(run, isOver, ports.now(), options)).toISOString(),
  };
}

/** A user costs about this many requests, until the run knows better. */
const REQUESTS_AT_FIRST = 1.1;

/** From the users still to scan, as many of whom need something as so far, and those who are not done yet. */
function estimatedEnd(run: Run, isOver: boolean, now: number, { requestsPerSecond }: FeedOptions): number {
  const needing = run.scanned > 0 ? run.enqueued / run.scanned : 1;
  const toScan = isOver ? 0 : Math.max(0, run.users - run.scanned) * needing;
  const each = run.enqueued > 0 ? run.plannedRequests / run.enqueued : REQUESTS_AT_FIRST;
  return now + (((toScan + openUsers(run)) * each) / requestsPerSecond) * 1000;
}

/** Users who need something and of whom nothing has come yet. */
export const openUsers = ({ ready, readyForTags, sent, pendingTags, tagJob }: Run): number =>
  ready.length +
  readyForTags.length +
  sent.length +
  pendingTags.userIds.length +
  (tagJob?.userIds.length ?? 0);

interface Quota {
  usedToday: number;
  /** Until when nothing is sent, in epoch milliseconds. */
  pausedUntil: number | undefined;
  /** Requests that backfills may still make, and when there are more, in epoch milliseconds. */
  left: number;
  resetsAt: number;
}

function quotaOf(ledger: Ledger, budget: Budget, now: number): Quota {
  const windows = remainingQuota(ledger, budget);
  const left = Math.min(...windows.map(({ leftForBackfill }) => leftForBackfill));
  const ends = [pauseOf(ledger, budget, now)?.until, backfillPausedUntil(ledger, budget)].filter(
    (end) => end !== undefined,
  );
  return {
    usedToday: ledger.day.used,
    pausedUntil: ends.length > 0 ? Math.max(...ends) : undefined,
    left,
    resetsAt: Math.max(
      ...windows.filter((each) => each.leftForBackfill === left).map(({ resetsAt }) => resetsAt),
    ),
  };
}
