import { type Catalog, hashOf } from '../../shared/infusionsoft/catalog.ts';
import { type Ledger, ledgerAt } from '../../shared/quota/ledger.ts';
import { type Budget, backfillPausedUntil, leftOf, pauseOf } from '../../shared/quota/standing.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { needsOf } from '../../shared/user/needs.ts';
import { needOf } from './need.ts';
import { hasRoom, isAllSent, isShort, type Page, sendTags, take } from './page.ts';
import type { BackfillPorts } from './ports.ts';
import type { Run } from './run.ts';

export interface FeedOptions {
  mapping: Mapping;
  budget: Budget;
  /** Requests a second that the consumer makes at most, all environments together. */
  requestsPerSecond: number;
  /** Contacts that a request can tag at most. */
  tagBatch: number;
  /** Requests that all environments together make at the same time: one for each user of their batches. */
  inFlight: number;
  /** How long one call may scan, in milliseconds. */
  scanMs: number;
}

/** Work that is left in the queue when the next page is due, in seconds: more than a page takes, so that the consumer never waits for it. */
const LEFT_FOR_PAGE_SECONDS = 2;
/** A user, and a message, costs about this many requests, until the run knows better. */
const REQUESTS_AT_FIRST = 1.1;
/** Longest single wait for the queue, in seconds: it may drain faster than was thought. */
const MAX_DRAIN_SECONDS = 300;
/** Longest single wait for messages at the end that do not get fewer (in back-off, say), in seconds. */
const MAX_STUCK_SECONDS = 20;
/** Longest single wait for the quota, in seconds: a pause may be lifted by hand, and the contract raised. */
const MAX_QUOTA_SECONDS = 3600;
/** A little after the reset, so that no clock is still before it, in milliseconds. */
const AFTER_RESET_MS = 5000;
/** Pages of one execution. A page costs 9 events of the 25,000 that an execution's history may have (AWS quota). */
const MAX_PAGES = 2000;

/**
 * Sends the next users who need it, until the queue holds enough, the quota is spent, the time is up, or all users have been
 * looked at. Says what to do next and how long to wait. Safe to repeat from the same state: a message more does no harm.
 *
 * @returns where the run stands now.
 */
export async function feed(run: Run, ports: BackfillPorts, options: FeedOptions): Promise<Run> {
  const startedAt = ports.now();
  const { input } = run;
  const ledger = ledgerAt(await ports.ledger(), startedAt);
  const backlog = input.dryRun ? 0 : await ports.backlog();
  const left = Math.min(
    // What is in the queue will be spent before anything that is sent now.
    requestsLeft(ledger, options.budget) - backlog * requestsPer(run, 'messages'),
    input.requestBudget === null ? Number.POSITIVE_INFINITY : input.requestBudget - run.plannedRequests,
  );
  const pausedUntil = input.dryRun ? undefined : quotaPausedUntil(ledger, options.budget, startedAt);
  const page: Page = {
    run: {
      ...run,
      backlog,
      requestsToday: ledger.day.used,
      findings: structuredClone(run.findings),
      toTag: structuredClone(run.toTag),
      pages: run.pages + 1,
    },
    messages: [],
    room: input.dryRun
      ? Number.POSITIVE_INFINITY
      : pausedUntil
        ? 0
        : Math.max(0, input.maxBacklog - requestsWaiting(run, backlog, options)),
    tagBatch: options.tagBatch,
    pausedUntil,
    requestsLeft: input.dryRun ? Number.POSITIVE_INFINITY : left,
    usersLeft: input.limit === null ? Number.POSITIVE_INFINITY : input.limit - run.enqueued,
  };
  const catalog = await catalogFor(options.mapping, ports);
  const context = { mapping: options.mapping, mode: input.mode, catalog, now: startedAt };

  while (!page.run.scanFinished && hasRoom(page) && ports.now() - startedAt < options.scanMs) {
    const { users, finished } = await ports.usersAfter(page.run.cursor);
    let taken = 0;
    for (const user of users) {
      if (!hasRoom(page)) break;
      take(page, user, needOf(user, context), startedAt);
      taken++;
    }
    page.run.scanFinished = finished && taken === users.length;
  }
  if (isAllSent(page) || isShort(page)) sendTags(page, startedAt);
  if (!input.dryRun && page.messages.length > 0) {
    await ports.send(page.messages, run.runId);
    page.run.backlog += page.messages.length;
  }
  // Each look at a queue that does not get shorter is a second later than the one before.
  const isStuck = run.next === 'drain' && backlog >= run.backlog;
  const stuckSeconds = isStuck ? Math.min(MAX_STUCK_SECONDS, run.waitSeconds + 1) : 0;
  return decide(page, stuckSeconds, ports.now(), options);
}

/** The catalog, if it is of this mapping: the consumer reads a new one before its first user. */
export async function catalogFor(
  mapping: Mapping,
  ports: Pick<BackfillPorts, 'catalog'>,
): Promise<Catalog | undefined> {
  const catalog = await ports.catalog();
  return catalog?.needs === hashOf(needsOf(mapping)) ? catalog : undefined;
}

/** Requests of the day and the month that are left to backfills. */
const requestsLeft = (ledger: Ledger, budget: Budget): number =>
  Math.min(...leftOf(ledger, budget).map(({ leftForBackfill }) => leftForBackfill));

/** Until when a backfill waits for the quota, in epoch milliseconds. */
function quotaPausedUntil(ledger: Ledger, budget: Budget, now: number): number | undefined {
  const ends = [pauseOf(ledger, budget, now)?.until, backfillPausedUntil(ledger, budget)];
  const known = ends.filter((end) => end !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** Requests that a user or a message has cost on average. */
const requestsPer = (run: Run, what: 'enqueued' | 'messages'): number =>
  run[what] > 0 ? run.plannedRequests / run[what] : REQUESTS_AT_FIRST;

/** Requests of the queue, without those that are being made. */
const requestsWaiting = (run: Run, backlog: number, { inFlight }: FeedOptions): number =>
  Math.max(0, backlog * requestsPer(run, 'messages') - inFlight);

/** @param stuckSeconds least to wait for a queue in which everything is. */
function decide(page: Page, stuckSeconds: number, now: number, options: FeedOptions): Run {
  const { run, pausedUntil } = page;
  const { dryRun } = run.input;
  const allSent = isAllSent(page);
  const progress = {
    ...run,
    shareDone: Number((allSent ? 1 : Math.min(1, run.scanned / Math.max(run.users, 1))).toFixed(4)),
    estimatedEnd: new Date(estimatedEnd(run, now, options.requestsPerSecond, allSent)).toISOString(),
  };
  const drainSeconds = requestsWaiting(run, run.backlog, options) / options.requestsPerSecond;
  const drain = (seconds: number) => Math.min(MAX_DRAIN_SECONDS, Math.max(1, seconds));

  if (allSent && (dryRun || run.backlog === 0)) return { ...progress, next: 'report', waitSeconds: 0 };
  if (run.pages >= MAX_PAGES) return { ...progress, next: 'continue', waitSeconds: 0 };
  if (pausedUntil !== undefined) {
    const untilReset = Math.ceil((pausedUntil + AFTER_RESET_MS - now) / 1000);
    return { ...progress, next: 'quota', waitSeconds: Math.min(MAX_QUOTA_SECONDS, Math.max(1, untilReset)) };
  }
  if (allSent || page.requestsLeft <= 0)
    return {
      ...progress,
      next: 'drain',
      waitSeconds: drain(Math.max(Math.ceil(drainSeconds), stuckSeconds)),
    };
  if (page.room > 0) return { ...progress, next: 'feed', waitSeconds: 0 };
  return {
    ...progress,
    next: 'drain',
    waitSeconds: drain(Math.floor(drainSeconds - LEFT_FOR_PAGE_SECONDS)),
  };
}

/** From the users still to look at, as many of whom need something as so far, and the queue. */
function estimatedEnd(run: Run, now: number, requestsPerSecond: number, allSent: boolean): number {
  const needing = run.scanned > 0 ? run.enqueued / run.scanned : 1;
  const toSend = allSent ? 0 : Math.max(0, run.users - run.scanned) * needing;
  const requests = toSend * requestsPer(run, 'enqueued') + run.backlog * requestsPer(run, 'messages');
  return now + (requests / requestsPerSecond) * 1000;
}
