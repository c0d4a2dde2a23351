import pMap from 'p-map';
import type { CatalogSource } from '../../shared/infusionsoft/catalog-source.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import { Retryable } from '../../shared/sync/errors.ts';
import type { TagUsersMessage, UserMessage } from '../../shared/sync/message.ts';
import type { TagPlan } from '../../shared/sync/plan.ts';
import {
  byTag,
  countTags,
  requestsAlone,
  requestsTogether,
  type TagCounts,
} from '../../shared/sync/tags-together.ts';
import type { CrmState } from '../../shared/user/user.ts';
import { leased, released } from './lease.ts';
import { type LookDependencies, lookAtTags, type PlannedTags } from './look-at-tags.ts';
import type { FailureQueue } from './queue.ts';
import type { RequestJournal } from './request-journal.ts';
import type { TagOutcome, TagRequests } from './tag-requests.ts';

export interface TagUsersDependencies extends LookDependencies {
  users: UserTable;
  catalog: CatalogSource;
  queue: FailureQueue;
  tags: TagRequests;
  /** Contacts that a request can name at most. */
  tagBatch: number;
  journal: RequestJournal;
  /** When the invocation ends, in epoch milliseconds. */
  deadline: () => number;
}

/** A user whose tags were made to match together with others'. */
export interface TaggedUser {
  userId: string;
  contactId: number;
  /** Requests that named its contact. */
  requests: readonly string[];
}

/** Deliveries of a message for which users without a contact are waited for, and how long each time, in milliseconds. */
const PATIENCE = 200;
const WAIT_MS = 3000;
/** Users whose items are written at the same time. */
const WRITERS = 25;

/** A user who is worked on: `crm` follows what has succeeded. */
interface Work {
  userId: string;
  contactId: number;
  crm: CrmState;
  desired: readonly number[];
  plan: TagPlan;
  /** Tags of the plan of which the request was answered with success. */
  done: Set<number>;
  /** Has to be looked at by itself. */
  alone: boolean;
  requests: string[];
}

/**
 * Makes the tags of many users match, tag by tag: one request for all contacts that lose a tag, one for all that get it. A user's tags
 * come off before others go on, as for one user alone.
 *
 * Each user is leased by a conditional write of its item before the first request, so that a change that arrives in between waits
 * and then sees what was done; whoever is leased by somebody else, or whose item has moved on, is left to a message of its
 * own. So is everybody when that costs fewer requests.
 *
 * @param deliveries of the message so far, this one included.
 * @returns users whose tags match now.
 * @throws Retryable while contacts are still being created, and after a request without a usable answer.
 */
export async function tagUsers(
  message: TagUsersMessage,
  deliveries: number,
  dependencies: TagUsersDependencies,
): Promise<TaggedUser[]> {
  const { users, catalog, queue } = dependencies;
  const names = await catalog.current();
  const found = (await users.readMany(message.userIds)).map((user) => lookAtTags(user, names, dependencies));
  const count = (sought: string) => found.filter(({ kind }) => kind === sought).length;
  // Most are leased after an invocation that died over the same message.
  const waits = count('no-contact') > 0 || count('leased') > found.length / 2;
  if (waits && deliveries < PATIENCE)
    throw new Retryable('Not all of the users can be tagged yet', { afterMs: WAIT_MS });

  const alone = found
    .filter(({ kind }) => kind !== 'nothing' && kind !== 'planned')
    .map(({ userId }) => userId);
  const planned = found.filter((each) => each.kind === 'planned');
  if (isCheaperAlone(planned, dependencies.tagBatch)) {
    alone.push(...planned.map(({ userId }) => userId));
    planned.length = 0;
  }
  const works = await pMap(planned, (each) => begin(each, dependencies), { concurrency: WRITERS });
  const begun = works.filter((work) => work !== undefined);
  alone.push(...planned.filter((_, index) => works[index] === undefined).map(({ userId }) => userId));

  const outcomes = [
    ...(await change(begun, 'remove', dependencies)),
    ...(await change(begun.filter(isTakenOff), 'add', dependencies)),
  ];
  await pMap(begun, (work) => end(work, dependencies), { concurrency: WRITERS });
  alone.push(...begun.filter((work) => work.alone).map(({ userId }) => userId));
  if (alone.length > 0) await queue.lookAgain(alone.map((userId) => aboutOne(userId, message)));

  if (outcomes.includes('no-tag')) {
    await catalog.newerThan(Date.parse(names.refreshedAt));
    throw new Retryable('The CRM did not know a tag: it is made anew', { afterMs: 0 });
  }
  const failure = outcomes.find((outcome) => outcome instanceof Retryable);
  if (failure) throw failure;
  return begun.filter((work) => !work.alone);
}

function isCheaperAlone(planned: readonly { plan: TagPlan }[], batch: number): boolean {
  const counts: TagCounts = {};
  for (const { plan } of planned) countTags(counts, plan);
  const each = planned.reduce((sum, { plan }) => sum + requestsAlone(plan), 0);
  return each < requestsTogether(counts, batch);
}

/** Leases a user. @returns undefined when its item has moved on. */
async function begin(
  { userId, contactId, checkpoint, desired, plan, revision }: PlannedTags,
  { users, deadline }: TagUsersDependencies,
): Promise<Work | undefined> {
  if ((await users.writeCrm(userId, leased(checkpoint, deadline()), revision)) !== 'stored') return undefined;
  const crm = { ...checkpoint, revision: (revision ?? 0) + 1 };
  return { userId, contactId, crm, desired, plan, done: new Set(), alone: false, requests: [] };
}

const isTakenOff = ({ plan, done, alone }: Work): boolean =>
  !alone && plan.remove.every((id) => done.has(id));

/** Makes the requests for one half of all plans, side by side. @returns every outcome. */
async function change(
  works: readonly Work[],
  which: keyof TagPlan,
  { tags, journal }: TagUsersDependencies,
): Promise<TagOutcome[]> {
  const changed = [...byTag(works, which)].map(([tagId, group]) =>
    journal.during(async () => {
      const contactIds = group.map(({ contactId }) => contactId);
      const outcomes = await tags[which](tagId, contactIds);
      for (const work of group) {
        const outcome = outcomes.get(work.contactId);
        if (outcome === 'done') work.done.add(tagId);
        if (outcome === 'alone') work.alone = true;
        work.requests.push(...journal.lines());
      }
      return [...outcomes.values()];
    }),
  );
  return (await Promise.all(changed)).flat();
}

/** Stores what was done, and of what it is not certain. */
async function end(work: Work, { users, now }: TagUsersDependencies): Promise<void> {
  const { userId, crm, desired, plan, done } = work;
  const uncertain = [...plan.remove, ...plan.add].filter((id) => !done.has(id));
  const held = desired.filter((id) => !uncertain.includes(id));
  const { perhapsTagIds: _, rejection, ...rest } = released(crm);
  const state: CrmState = {
    ...rest,
    tagIds: held.sort((a, b) => a - b),
    ...(uncertain.length > 0
      ? { perhapsTagIds: uncertain, rejection }
      : { syncedAt: new Date(now()).toISOString() }),
  };
  const written = await users.writeCrm(userId, state, crm.revision);
  // Of a user who was deleted meanwhile, the message about that waits until the lease is over, and then cleans up.
  if (written === 'conflict') {
    work.alone = true;
    await distrustTags(userId, [...plan.remove, ...plan.add], users);
  }
}

/** Somebody has written over the lease, by hand perhaps: what the contact holds of these tags is not certain. */
async function distrustTags(userId: string, tagIds: readonly number[], users: UserTable): Promise<void> {
  const crm = (await users.read(userId))?.user.crm;
  if (!crm?.contactId) return;
  const perhapsTagIds = [...new Set([...(crm.perhapsTagIds ?? []), ...tagIds])];
  await users.writeCrm(userId, { ...crm, perhapsTagIds }, crm.revision);
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
