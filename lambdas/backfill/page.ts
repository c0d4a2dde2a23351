import { requestsAlone } from '../../shared/sync/tags-together.ts';
import type { User } from '../../shared/user/user.ts';
import type { Need } from './need.ts';
import type { FedMessage } from './ports.ts';
import type { Run } from './run.ts';
import { addUser, isFull, nobodyToTag, requestsFor } from './to-tag.ts';

/** What one call of the feeder sends. */
export interface Page {
  run: Run;
  messages: FedMessage[];
  /** Contacts that a request can tag at most. */
  tagBatch: number;
  /** Until when the quota is spent, in epoch milliseconds. */
  pausedUntil: number | undefined;
  /** Requests that may still be put into the queue. */
  room: number;
  requestsLeft: number;
  usersLeft: number;
}

/** Requests that the tags of one contact take at most: one for those that come off, one for those that go on. */
const MOST_FOR_TAGS = 2;

export const hasRoom = (page: Page): boolean => page.room > 0 && page.usersLeft > 0 && !isShort(page);

/** Whether the requests that are left are needed for those whose tags are still to be sent. */
export const isShort = (page: Page): boolean => page.requestsLeft <= requestsToTag(page);

const requestsToTag = ({ run, tagBatch }: Page): number => requestsFor(run.toTag, tagBatch);

/** Takes a user into the page as far as it needs something. @param now epoch milliseconds. */
export function take(page: Page, { userId }: User, need: Need, now: number): void {
  const { run } = page;
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
  run.findings.tagged += Number(tags ? requestsAlone(tags) > 0 : requests > 1);
  page.usersLeft--;
  run.enqueued++;
  if (requests > 0) {
    const changes = { fields: [], tagsAdded: [], tagsRemoved: [], ...(tags && { tagsLater: true }) };
    send(page, { ...base(page, now), kind: 'user', userId, cause: 'backfill', ...changes }, requests);
  }
  if (tags) addUser(run.toTag, userId, tags);
  if (isFull(run.toTag)) sendTags(page, now);
}

/** Sends one message about all whose tags are to be changed together. @param now epoch milliseconds. */
export function sendTags(page: Page, now: number): void {
  const { userIds } = page.run.toTag;
  if (userIds.length === 0) return;
  send(page, { ...base(page, now), kind: 'tag-users', userIds }, requestsToTag(page));
  page.run.toTag = nobodyToTag();
}

function send(page: Page, message: FedMessage, requests: number): void {
  page.messages.push(message);
  page.run.messages++;
  page.run.plannedRequests += requests;
  page.run.mostRequests += message.kind === 'user' ? requests : MOST_FOR_TAGS * message.userIds.length;
  page.requestsLeft -= requests;
  page.room -= Math.max(1, requests);
}

const base = ({ run }: Page, now: number) =>
  ({ version: 1, correlationId: run.runId, changedAt: new Date(now).toISOString() }) as const;

/** Whether nobody is left who is to be sent. */
export function isAllSent(page: Page): boolean {
  const { run, usersLeft } = page;
  const { requestBudget } = run.input;
  const isSpent = requestBudget !== null && run.plannedRequests + requestsToTag(page) >= requestBudget;
  return run.scanFinished || usersLeft <= 0 || isSpent;
}
