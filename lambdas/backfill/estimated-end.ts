import { nextDay } from '../../shared/quota/ledger.ts';
import type { Budget } from '../../shared/quota/remaining-quota.ts';
import type { Run } from './run.ts';

const DAY_MS = 24 * 3_600_000;
const DAYS_OF_MONTH = 30;
/** Assumed requests for a user until the run has measured them. */
const INITIAL_REQUESTS_PER_USER = 1.1;

/**
 * When the run will be done, in epoch milliseconds: at the rate limit, and with its part of the quota of each day. Assumes that the share of
 * users who need a sync is the same among remaining users as among scanned ones.
 */
export function estimatedEnd(
  run: Run,
  isComplete: boolean,
  now: number,
  { requestsPerSecond, budget: { limits, liveReserve } }: { requestsPerSecond: number; budget: Budget },
): number {
  const enqueuedShare = run.scanned > 0 ? run.enqueued / run.scanned : 1;
  const toScan = isComplete ? 0 : Math.max(0, run.users - run.scanned) * enqueuedShare;
  const requestsPerUser = run.enqueued > 0 ? run.plannedRequests / run.enqueued : INITIAL_REQUESTS_PER_USER;
  const requests = (toScan + openUsers(run)) * requestsPerUser;
  const msFor = (count: number) => (count / requestsPerSecond) * 1000;
  const ofDay = Math.min(limits.day, (limits.month ?? Number.POSITIVE_INFINITY) / DAYS_OF_MONTH);
  const within = (ms: number) => (ms / 1000) * requestsPerSecond;
  const perDay = Math.max(1, Math.min(Math.floor(ofDay * (1 - liveReserve)), within(DAY_MS)));
  const today = Math.min(Math.max(0, perDay - run.requestsToday), within(nextDay(now) - now));
  const later = requests - today;
  if (later <= 0) return now + msFor(requests);
  const wholeDays = Math.ceil(later / perDay) - 1;
  return nextDay(now) + wholeDays * DAY_MS + msFor(later - wholeDays * perDay);
}

/** The number of users who need a sync and are not finished yet. */
export const openUsers = ({ ready, readyForTags, sent, pendingTags, tagJob }: Run): number =>
  ready.length +
  readyForTags.length +
  sent.length +
  pendingTags.userIds.length +
  (tagJob?.userIds.length ?? 0);
