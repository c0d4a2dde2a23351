import type { UserMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';
import { type Budget, requestsLeft, untilReset } from './budget.ts';
import { needOf } from './need.ts';
import type { BackfillPorts } from './ports.ts';
import type { Run } from './run.ts';

export interface FeedOptions {
  mapping: Mapping;
  budget: Budget;
  /** Requests a second that the consumer makes at most, all environments together. */
  requestsPerSecond: number;
  /** How long one call may scan, in milliseconds. */
  scanMs: number;
}

/**
 * Part of `maxBacklog` at which the next page is due. What is left then keeps all environments busy while the page is being
 * made, so that the consumer never waits for the feeder.
 */
const LOW_WATER = 0.4;
/** A user costs about this many requests, until the run knows better. */
const REQUESTS_PER_USER = 2;
/** Longest single wait for the queue, in seconds: it may drain faster than was thought. */
const MAX_DRAIN_SECONDS = 300;
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
  const spent = await ports.spend(0, startedAt);
  const backlog = input.dryRun ? 0 : await ports.backlog();
  const left = Math.min(
    requestsLeft(options.budget, spent),
    input.requestBudget === null ? Number.POSITIVE_INFINITY : input.requestBudget - run.plannedRequests,
  );
  const page: Page = {
    run: {
      ...run,
      backlog,
      requestsToday: spent.day,
      findings: structuredClone(run.findings),
      pages: run.pages + 1,
    },
    messages: [],
    requests: 0,
    room: input.dryRun ? Number.POSITIVE_INFINITY : Math.max(0, input.maxBacklog - backlog),
    requestsLeft: input.dryRun ? Number.POSITIVE_INFINITY : left,
    usersLeft: input.limit === null ? Number.POSITIVE_INFINITY : input.limit - run.enqueued,
  };
  const catalog = await ports.catalog();
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
  if (!input.dryRun && page.messages.length > 0) {
    // Counted before they are sent: who dies in between counts twice, and never too little.
    page.run.requestsToday = (await ports.spend(page.requests, startedAt)).day;
    await ports.send(page.messages, run.runId);
    page.run.backlog += page.messages.length;
  }
  return decide(page, spent, ports.now(), options);
}

interface Page {
  run: Run;
  messages: UserMessage[];
  requests: number;
  room: number;
  requestsLeft: number;
  usersLeft: number;
}

const hasRoom = ({ room, requestsLeft: requests, usersLeft }: Page): boolean =>
  room > 0 && requests > 0 && usersLeft > 0;

function take(page: Page, user: User, need: ReturnType<typeof needOf>, now: number): void {
  const { run } = page;
  run.cursor = user.userId;
  run.scanned++;
  if (need.kind === 'none') {
    run.skipped++;
    return;
  }
  if (need.kind === 'rejected') {
    run.failed++;
    run.findings.rejected[need.reason] = (run.findings.rejected[need.reason] ?? 0) + 1;
    return;
  }
  run.findings.created += Number(need.creates);
  run.findings.updated += Number(need.updates);
  run.findings.tagged += Number(need.tags);
  run.plannedRequests += need.requests;
  page.requests += need.requests;
  page.requestsLeft -= need.requests;
  page.usersLeft--;
  run.enqueued++;
  page.room--;
  page.messages.push({
    version: 1,
    kind: 'user',
    userId: user.userId,
    cause: 'backfill',
    changedAt: new Date(now).toISOString(),
    fields: [],
    tagsAdded: [],
    tagsRemoved: [],
  });
}

function decide(page: Page, spent: { day: number; month: number }, now: number, options: FeedOptions): Run {
  const { run } = page;
  const { maxBacklog, dryRun, requestBudget } = run.input;
  const perUser = run.enqueued > 0 ? run.plannedRequests / run.enqueued : REQUESTS_PER_USER;
  const usersPerSecond = options.requestsPerSecond / Math.max(perUser, 1);
  const budgetSpent = requestBudget !== null && run.plannedRequests >= requestBudget;
  const allSent = run.scanFinished || page.usersLeft <= 0 || budgetSpent;
  const progress = {
    ...run,
    shareDone: Number((allSent ? 1 : Math.min(1, run.scanned / Math.max(run.users, 1))).toFixed(4)),
    estimatedEnd: new Date(estimatedEnd(run, now, usersPerSecond, allSent)).toISOString(),
  };
  const drain = (target: number) =>
    Math.min(MAX_DRAIN_SECONDS, Math.max(1, Math.ceil((run.backlog - target) / usersPerSecond)));

  if (allSent && (dryRun || run.backlog === 0)) return { ...progress, next: 'report', waitSeconds: 0 };
  if (run.pages >= MAX_PAGES) return { ...progress, next: 'continue', waitSeconds: 0 };
  if (allSent) return { ...progress, next: 'drain', waitSeconds: drain(0) };
  if (page.requestsLeft <= 0) {
    const waitMs = untilReset(
      options.budget,
      { day: spent.day + page.requests, month: spent.month + page.requests },
      now,
    );
    return { ...progress, next: 'quota', waitSeconds: Math.ceil(waitMs / 1000) };
  }
  if (page.room > 0) return { ...progress, next: 'feed', waitSeconds: 0 };
  return { ...progress, next: 'drain', waitSeconds: drain(maxBacklog * LOW_WATER) };
}

/** From the users still to look at, as many of whom need something as so far, and the queue. */
function estimatedEnd(run: Run, now: number, usersPerSecond: number, allSent: boolean): number {
  const needing = run.scanned > 0 ? run.enqueued / run.scanned : 1;
  const toSend = allSent ? 0 : Math.max(0, run.users - run.scanned) * needing;
  return now + ((toSend + run.backlog) / usersPerSecond) * 1000;
}
