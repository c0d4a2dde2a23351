import { beginRun } from '../events/watermark.ts';
import { ForbiddenError, NotFoundError, UncertainError } from '../infusionsoft/http/failures.ts';
import { RejectedError } from '../sync/errors.ts';
import type { ItemReading } from './apply-items.ts';
import { datedItems, type ItemListDependencies, listedItems, listingKey } from './item-list.ts';
import { type PollDependencies, type PolledList, pollList } from './poll-list.ts';
import type { PolledResource } from './polled-resource.ts';

export interface ResourceDependencies
  extends ItemListDependencies,
    Pick<PollDependencies, 'hasTime' | 'startAt'> {
  resources: readonly PolledResource[];
  /** Called when the CRM does not list a resource. The next scheduled poll continues where this one stopped. */
  onUnreadable: (resource: PolledResource['name'], error: Error) => void;
}

/**
 * Polls each resource: by its date, or its whole list. A resource that the CRM does not list, for example because the account may not read
 * it, does not hold up the others: it is left to the next scheduled poll.
 *
 * @returns whether the poll is complete.
 * @throws RetryableError when the cloud fails, or requests to the CRM are paused.
 */
export async function pollResources(
  poll: 'changes' | 'listing',
  scheduledAt: string,
  dependencies: ResourceDependencies,
): Promise<boolean> {
  const work = poll === 'listing' ? listResource : pollByDate;
  for (const polled of dependencies.resources)
    if (!(await work(polled, scheduledAt, dependencies))) return false;
  return true;
}

/** Reads the items again whose date is not before a time, and makes an event of each. */
export async function replayResources(
  since: number,
  scheduledAt: string,
  replay: string,
  dependencies: ResourceDependencies,
): Promise<boolean> {
  for (const polled of dependencies.resources) {
    if (polled.date === undefined) continue;
    const reading: ItemReading = { listing: 0, isComplete: true, baselineAt: since, replay };
    const list = datedItems(polled, reading, dependencies);
    const again = { ...list, resource: `replay-${list.resource}`, overlapMs: 0 };
    const start = { at: since, isReplay: true };
    if (!(await readList(polled.name, again, scheduledAt, start, dependencies))) return false;
  }
  return true;
}

/**
 * Reads a list of a resource. If the CRM does not list it, the other parts of this poll leave it out: a resource that fails slowly takes the
 * time of a whole part, and would take that of each.
 *
 * @returns whether this poll is over for the list.
 */
async function readList(
  name: PolledResource['name'],
  list: PolledList<unknown>,
  scheduledAt: string,
  start: Parameters<typeof pollList>[2],
  dependencies: ResourceDependencies,
): Promise<boolean> {
  const { store, onUnreadable } = dependencies;
  try {
    return await pollList(list, scheduledAt, start, dependencies);
  } catch (error) {
    if (!isAnswerOfCrm(error)) throw error;
    const poll = (await store.readPoll(list.resource)) ?? { watermark: start.at, baselineAt: start.at };
    const { failingSince = scheduledAt } = poll;
    await store.writePoll(list.resource, { ...poll, failedAt: scheduledAt, failingSince });
    onUnreadable(name, error);
    return true;
  }
}

const isAnswerOfCrm = (error: unknown): error is Error =>
  [RejectedError, ForbiddenError, NotFoundError, UncertainError].some((type) => error instanceof type);

/** Reads the whole list of a resource, if that is how it is polled. */
async function listResource(
  polled: PolledResource,
  scheduledAt: string,
  dependencies: ResourceDependencies,
): Promise<boolean> {
  if (!polled.isListed) return true;
  const { store, startAt = Date.parse(scheduledAt) } = dependencies;
  const {
    completedAt,
    baselineAt = startAt,
    listings = 0,
  } = (await store.readPoll(listingKey(polled.name))) ?? {};
  const reading = { listing: listings + 1, isComplete: completedAt !== undefined, baselineAt };
  const list = listedItems(polled, reading, dependencies);
  return readList(polled.name, list, scheduledAt, { at: startAt }, dependencies);
}

/**
 * Completes the first listing, with which changes are compared, or one that has begun or failed. Then reads items by date, also if a later
 * listing fails.
 */
async function pollByDate(
  polled: PolledResource,
  scheduledAt: string,
  dependencies: ResourceDependencies,
): Promise<boolean> {
  const { name, date, isListed, overlapMs } = polled;
  const { store, startAt = Date.parse(scheduledAt) } = dependencies;
  if (date !== undefined && !(await store.readPoll(name))) {
    // Stored before the first request, so that a resource that the CRM never lists counts as late.
    const run = beginRun(startAt, scheduledAt, overlapMs);
    await store.writePoll(name, { watermark: startAt, baselineAt: startAt, run });
  }
  const listing = isListed ? await store.readPoll(listingKey(name)) : undefined;
  const isOver = listing?.completedAt && !listing.run && !listing.failedAt;
  const isDue = isListed && !isOver;
  if (isDue && !(await listResource(polled, scheduledAt, dependencies))) return false;
  if (date === undefined) return true;
  const known = await store.readPoll(isListed ? listingKey(name) : name);
  if (isListed && known?.completedAt === undefined) return true;
  const baselineAt = known?.baselineAt ?? startAt;
  const reading = { listing: isListed ? (known?.listings ?? 0) : 0, isComplete: true, baselineAt };
  const list = datedItems(polled, reading, dependencies);
  return readList(name, list, scheduledAt, { at: baselineAt }, dependencies);
}
