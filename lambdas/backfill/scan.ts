import { singleRequests } from '../../shared/sync/tag-cost.ts';
import type { User } from '../../shared/user/user.ts';
import type { Need } from './need.ts';
import type { Run } from './run.ts';
import { addUser, isFull, noTags, requestsFor } from './tag-estimate.ts';

/** Requests that the tags of one contact take at most: one for those that come off, one for those that go on. */
const MOST_FOR_TAGS = 2;
/** Users that wait to be sent: those of some twenty seconds at the default pace, and what the state of an execution has room for. */
const MOST_READY = 600;
const MOST_READY_BYTES = 30_000;

/** Whether nobody is left to be scanned. @param tagBatch contacts that a request can tag at most. */
export function isScanned(run: Run, tagBatch: number): boolean {
  const { limit, requestBudget } = run.input;
  const requests = run.plannedRequests + requestsFor(run.tagEstimate, tagBatch);
  return (
    run.scanFinished ||
    (limit !== null && run.enqueued >= limit) ||
    (requestBudget !== null && requests >= requestBudget)
  );
}

/** @param part of the room that is to be free, from 0 to 1. */
export function hasRoom({ ready, readyForTags }: Run, part: number): boolean {
  const used = 1 - part;
  if (ready.length + readyForTags.length >= MOST_READY * used) return false;
  // At least one byte a character; ids of other letters are rare, and the state has some room to spare.
  const bytes = (sum: number, userId: string) => sum + userId.length;
  return readyForTags.reduce(bytes, ready.reduce(bytes, 0)) < MOST_READY_BYTES * used;
}

/** Takes a user into the run as far as it needs something. @param tagBatch contacts that a request can tag at most. */
export function take(run: Run, { userId }: User, need: Need, tagBatch: number): void {
  run.cursor = userId;
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
  const { creates, updates, requests, tags } = need;
  run.findings.created += Number(creates);
  run.findings.updated += Number(updates);
  run.findings.tagged += Number(tags ? singleRequests(tags) > 0 : requests > 1);
  run.enqueued++;
  run.plannedRequests += requests;
  run.mostRequests += requests;
  if (tags) {
    run.mostRequests += MOST_FOR_TAGS;
    addUser(run.tagEstimate, userId, tags);
    if (isFull(run.tagEstimate)) planTagJob(run, tagBatch);
  }
  if (run.input.dryRun) return;
  if (requests > 0) run.ready.push(userId);
  else run.readyForTags.push(userId);
}

/** Counts the requests of a tag job. */
export function planTagJob(run: Run, tagBatch: number): void {
  run.plannedRequests += requestsFor(run.tagEstimate, tagBatch);
  run.tagEstimate = noTags();
}
