import pMap from 'p-map';
import type { FailureQueue } from '../../lambdas/sync-contact/failure-queue.ts';
import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import { LEASE_RETRY, OUT_OF_TIME_MS, TAG_JOB_LEASING_MS } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import type { TagUsersMessage, UserMessage } from '../sync/message.ts';
import type { TagPlan } from '../sync/plan.ts';
import { countTagChange, isSingleCheaper, singleRequests, type TagCounts } from '../sync/tag-cost.ts';
import {
  begin,
  change,
  end,
  isDone,
  isTakenOff,
  type PendingTags,
  type PendingTagsDependencies,
} from './pending-tags.ts';
import { type Look, type PlanTagChangeDependencies, planTagChange } from './plan-tag-change.ts';

export interface TagJobDependencies extends PlanTagChangeDependencies, PendingTagsDependencies {
  catalog: CatalogSource;
  queue: FailureQueue;
  /** Contacts that a request can name at most. */
  tagBatch: number;
}

/**
 * Users who are looked at in one go, and whose items are written at the same time: few enough that other users of the batch, who are
 * worked on meanwhile, do not miss their turn at the CRM by more than some milliseconds.
 */
const AT_A_TIME = 4;

/**
 * Makes the tags of many users match, tag by tag: one request for all contacts that lose a tag, one for all that get it. A user's tags
 * come off before others go on, as for one user alone.
 *
 * Each user is leased by a conditional write of its item before the first request, so that a change that arrives in between waits
 * and then sees what was done; whoever is leased by somebody else, or whose item has moved on, is left to a message of its
 * own. So is everybody when that costs fewer requests.
 *
 * @param onTagged called for each user whose tags match now.
 * @throws RetryableError when the message has to come again: while others work on users, when its time was too short, or after a failure.
 */
export async function runTagJob(
  message: TagUsersMessage,
  dependencies: TagJobDependencies,
  onTagged: (work: PendingTags) => void,
): Promise<void> {
  const { catalog, queue, now } = dependencies;
  const names = await catalog.current();
  const found = await look(message.userIds, names, dependencies);
  if (found.filter(({ kind }) => kind === 'leased').length > found.length / 2)
    throw new RetryableError('Most of the users are leased', { afterMs: LEASE_RETRY.tagJobMs });

  const together = found.filter((each) => each.kind === 'planned');
  const planned = areCheaperAlone(together, dependencies.tagBatch) ? [] : together;
  const leaseBy = now() + TAG_JOB_LEASING_MS;
  const notBegun = new Set<string>();
  const { results, failures } = await settleAll(planned, async (each) => {
    if (now() < leaseBy) return begin(each, dependencies);
    notBegun.add(each.userId);
    return undefined;
  });
  const works = results.filter((work) => work !== undefined);
  const outcomes = [
    ...(await change(works, 'remove', dependencies)),
    ...(await change(works.filter(isTakenOff), 'add', dependencies)),
  ];
  const endOne = async (work: PendingTags) => {
    await end(work, dependencies);
    if (isDone(work)) onTagged(work);
  };
  failures.push(...(await settleAll(works, endOne, 2 * AT_A_TIME)).failures);

  const settled = new Set(works.filter(({ alone }) => !alone).map(({ userId }) => userId));
  const alone = found.filter(
    ({ kind, userId }) => kind !== 'nothing' && !settled.has(userId) && !notBegun.has(userId),
  );
  const sent = await settleAll(alone.length > 0 ? [alone] : [], (each) =>
    queue.lookAgain(each.map(({ userId }) => aboutOne(userId, message))),
  );
  failures.push(...sent.failures);

  if (outcomes.includes('no-tag')) {
    await catalog.newerThan(Date.parse(names.refreshedAt));
    failures.push(new RetryableError('The CRM did not know a tag: it is made anew'));
  }
  failures.push(...outcomes.filter((outcome) => outcome instanceof RetryableError));
  if (failures.length > 0) throw failures[0];
  if (notBegun.size > 0)
    throw new RetryableError('There was no time for all of the users', { afterMs: OUT_OF_TIME_MS });
}

async function look(
  userIds: readonly string[],
  names: Catalog,
  dependencies: TagJobDependencies,
): Promise<Look[]> {
  const looks: Look[] = [];
  for (let from = 0; from < userIds.length; from += AT_A_TIME) {
    const users = await dependencies.users.readMany(userIds.slice(from, from + AT_A_TIME));
    looks.push(...users.map((user) => planTagChange(user, names, dependencies)));
  }
  return looks;
}

function areCheaperAlone(planned: readonly { plan: TagPlan }[], batch: number): boolean {
  const counts: TagCounts = {};
  for (const { plan } of planned) countTagChange(counts, plan);
  const each = planned.reduce((sum, { plan }) => sum + singleRequests(plan), 0);
  return isSingleCheaper(each, counts, batch);
}

/** Works on all, some at a time: who fails holds up nobody else. */
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

const aboutOne = (userId: string, { changedAt, correlationId }: TagUsersMessage): UserMessage => ({
  version: 1,
  kind: 'user',
  userId,
  cause: 'backfill',
  changedAt,
  correlationId,
  fields: [],
  tagsAdded: [],
  tagsRemoved: [],
});
