import { addUser, emptyEstimate, isFull, requestsFor } from '../../shared/sync/tag-estimate.ts';
import type { User } from '../../shared/user/user.ts';
import type { UserPlan } from './plan-user.ts';
import type { Run } from './run.ts';

/** Most requests for the tags of one contact: one to remove tags, one to add tags. */
const MAX_TAG_REQUESTS = 2;
/** Most users that wait to be sent: enough for some twenty seconds at the default pace, and small enough for the state of an execution. */
const MAX_READY = 600;
const MAX_READY_BYTES = 30_000;

/** Whether no more users are to be scanned. @param tagBatch most contacts that one request can tag. */
export function isScanComplete(run: Run, tagBatch: number): boolean {
  const { limit, requestBudget } = run.input;
  const requests = run.plannedRequests + requestsFor(run.tagEstimate, tagBatch);
  return (
    run.scanFinished ||
    (limit !== null && run.enqueued >= limit) ||
    (requestBudget !== null && requests >= requestBudget)
  );
}

/** Whether at least a part of the room for users to be sent is free. @param freePart from 0 to 1. */
export function hasRoom({ ready, readyForTags }: Run, freePart: number): boolean {
  const used = 1 - freePart;
  if (ready.length + readyForTags.length >= MAX_READY * used) return false;
  // Counts one byte for each character, which is right for nearly all ids. The state has room to spare for others.
  const bytes = (sum: number, userId: string) => sum + userId.length;
  return readyForTags.reduce(bytes, ready.reduce(bytes, 0)) < MAX_READY_BYTES * used;
}

/** Counts a scanned user, and adds a user who needs a sync to those to be sent. @param tagBatch most contacts that one request can tag. */
export function addScannedUser(run: Run, { userId }: User, plan: UserPlan, tagBatch: number): void {
  run.cursor = userId;
  run.scanned++;
  if (plan.kind === 'nothing') {
    run.skipped++;
    return;
  }
  if (plan.kind === 'invalid') {
    run.invalid++;
    run.findings.invalid[plan.reason] = (run.findings.invalid[plan.reason] ?? 0) + 1;
    return;
  }
  const { creates, updates, changesTags, requests, tags } = plan;
  run.findings.created += Number(creates);
  run.findings.updated += Number(updates);
  run.findings.tagged += Number(changesTags);
  run.enqueued++;
  run.plannedRequests += requests;
  run.maxRequests += requests;
  if (tags) {
    run.maxRequests += MAX_TAG_REQUESTS;
    addUser(run.tagEstimate, userId, tags);
    if (isFull(run.tagEstimate)) countTagJob(run, tagBatch);
  }
  if (run.input.dryRun) return;
  if (requests > 0) run.ready.push(userId);
  else run.readyForTags.push(userId);
}

/** Adds the requests of the estimated tag job to the planned ones. */
export function countTagJob(run: Run, tagBatch: number): void {
  run.plannedRequests += requestsFor(run.tagEstimate, tagBatch);
  run.tagEstimate = emptyEstimate();
}
