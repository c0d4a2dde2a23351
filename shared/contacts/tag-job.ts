import pMap from 'p-map';
import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { RequestJournal } from '../infusionsoft/http/request-journal.ts';
import { LEASE_RETRY, OUT_OF_TIME_MS, TAG_JOB_LEASING_MS } from '../quota/retry-policy.ts';
import type { UserTable } from '../store/user-table.ts';
import { RetryableError } from '../sync/errors.ts';
import { type TagUsersMessage, type UserMessage, userMessage } from '../sync/message.ts';
import type { TagPlan } from '../sync/plan.ts';
import { countTagChange, isSingleCheaper, singleRequests, type TagCounts } from '../sync/tag-cost.ts';
import type { Claims } from './claims.ts';
import { changeTags, isDone, isRemoved, leaseUser, type PendingTags, releaseUser } from './pending-tags.ts';
import {
  type PlannedTagChange,
  type PlanTagChangeDependencies,
  planTagChange,
  type TagDecision,
} from './plan-tag-change.ts';
import type { TagRequests } from './tag-requests.ts';

export interface TagJobDependencies extends PlanTagChangeDependencies {
  users: Pick<UserTable, 'read' | 'readMany' | 'writeCrm'>;
  claims: Pick<Claims, 'confirm'>;
  catalogSource: Pick<CatalogSource, 'current' | 'newerThan'>;
  tagRequests: TagRequests;
  journal: Pick<RequestJournal, 'during' | 'lines'>;
  /** Sends messages about users who have to be synced one by one. */
  requeue: (messages: readonly UserMessage[]) => Promise<void>;
  /** Most contacts that one request can name. */
  tagBatch: number;
}

/**
 * Users who are read, or written, at the same time. More would block the process for some milliseconds, and other users of the batch would
 * miss their request slots.
 */
const AT_A_TIME = 4;

/**
 * Makes the tags of many users match, tag by tag: one request for all contacts that lose a tag, one for all that get it. As for a single
 * user, tags are removed before others are added.
 *
 * Each user is leased by a conditional write of its item before the first request, so a change that arrives in between waits and then
 * sees what was done. Users whom another invocation has leased, or whose item has changed since it was read, get a message of their own. So
 * do all users when that costs fewer requests.
 *
 * @param onTagged called for each user whose tags match now.
 * @throws RetryableError when the message has to come again: most users are leased, the time was too short, or a request failed.
 */
export async function runTagJob(
  message: TagUsersMessage,
  dependencies: TagJobDependencies,
  onTagged: (tagged: PendingTags) => void,
): Promise<void> {
  const { catalogSource, requeue, now } = dependencies;
  const catalog = await catalogSource.current();
  const decisions = await planAll(message.userIds, catalog, dependencies);
  if (decisions.filter(({ kind }) => kind === 'leased').length > decisions.length / 2)
    throw new RetryableError('Most of the users are leased', { afterMs: LEASE_RETRY.tagJobMs });

  const together = decisions.filter((decision) => decision.kind === 'planned');
  const planned = isCheaperOneByOne(together, dependencies.tagBatch) ? [] : together;
  const leaseBy = now() + TAG_JOB_LEASING_MS;
  const outOfTime = new Set<string>();
  const { results, failures } = await settleAll(planned, async (change) => {
    if (now() < leaseBy) return leaseUser(change, dependencies);
    outOfTime.add(change.userId);
    return undefined;
  });
  const pending = results.filter((leased) => leased !== undefined);
  const outcomes = [
    ...(await changeTags(pending, 'remove', dependencies)),
    ...(await changeTags(pending.filter(isRemoved), 'add', dependencies)),
  ];
  const release = async (each: PendingTags) => {
    await releaseUser(each, dependencies);
    if (isDone(each)) onTagged(each);
  };
  failures.push(...(await settleAll(pending, release, 2 * AT_A_TIME)).failures);

  const handled = new Set(pending.filter(({ needsRequeue }) => !needsRequeue).map(({ userId }) => userId));
  const toRequeue = decisions.filter(
    ({ kind, userId }) => kind !== 'in-sync' && !handled.has(userId) && !outOfTime.has(userId),
  );
  const { correlationId } = message;
  const changedAt = Date.parse(message.changedAt);
  const requeued = await settleAll(toRequeue.length > 0 ? [toRequeue] : [], (users) =>
    requeue(users.map(({ userId }) => userMessage(userId, { cause: 'backfill', changedAt, correlationId }))),
  );
  failures.push(...requeued.failures);

  if (outcomes.includes('no-tag')) {
    await catalogSource.newerThan(Date.parse(catalog.refreshedAt));
    failures.push(new RetryableError('The CRM did not know a tag, which was created again'));
  }
  failures.push(...outcomes.filter((outcome) => outcome instanceof RetryableError));
  if (failures.length > 0) throw failures[0];
  if (outOfTime.size > 0)
    throw new RetryableError('The invocation was too short for all users', { afterMs: OUT_OF_TIME_MS });
}

async function planAll(
  userIds: readonly string[],
  catalog: Catalog,
  dependencies: PlanTagChangeDependencies & {
    users: Pick<UserTable, 'readMany'>;
    claims: Pick<Claims, 'confirm'>;
  },
): Promise<TagDecision[]> {
  const decisions: TagDecision[] = [];
  for (let from = 0; from < userIds.length; from += AT_A_TIME) {
    const users = await dependencies.users.readMany(userIds.slice(from, from + AT_A_TIME));
    decisions.push(...users.map((user) => planTagChange(user, catalog, dependencies)));
  }
  const confirmed = await dependencies.claims.confirm(
    decisions.filter(({ kind }) => kind === 'planned') as PlannedTagChange[],
  );
  return decisions.map((decision) =>
    decision.kind === 'planned' && !confirmed.has(decision.userId)
      ? { kind: 'contact-unconfirmed', userId: decision.userId }
      : decision,
  );
}

function isCheaperOneByOne(planned: readonly { plan: TagPlan }[], batch: number): boolean {
  const counts: TagCounts = {};
  for (const { plan } of planned) countTagChange(counts, plan);
  const each = planned.reduce((sum, { plan }) => sum + singleRequests(plan), 0);
  return isSingleCheaper(each, counts, batch);
}

/** Works on all items, some at a time: a failure of one does not stop the others. */
async function settleAll<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  concurrency = AT_A_TIME,
): Promise<{ results: Result[]; failures: unknown[] }> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  const settle = async (item: Item) => {
    try {
      results.push(await work(item));
    } catch (error) {
      failures.push(error);
    }
  };
  await pMap(items, settle, { concurrency });
  return { results, failures };
}
