import { afterPage, beginRun, type Run, watermarkAfter } from '../events/watermark.ts';
import type { ListPage } from '../infusionsoft/change-reader.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import type { Poll } from '../store/event-store.ts';
import type { SightingsDependencies } from './apply-sightings.ts';
import { readPage } from './read-page.ts';

export interface PollDependencies extends SightingsDependencies {
  client: Pick<InfusionsoftClient, 'listContacts' | 'listAppliedTags' | 'listOptOuts'>;
  /** Whether the invocation has time for another page. */
  hasTime: () => boolean;
  /** The first poll begins at this time instead of now: epoch milliseconds. */
  startAt?: number | undefined;
}

/** A list of the CRM that is read page by page: from a time on, or all of it. */
export interface PolledList<Item> {
  /** Key of its watermark. */
  resource: string;
  /** How far before its watermark a poll begins to read, in milliseconds; five minutes by default. */
  overlapMs?: number;
  /** The CRM lists items in the order of their times. */
  isOrdered: boolean;
  /** @param since epoch milliseconds. */
  read(since: number, token: string | undefined): Promise<ListPage<Item>>;
  /** When an item was changed, in epoch milliseconds. */
  timeOf(item: Item): number | undefined;
  /**
   * Compares a page with the stored states, and publishes the differences.
   *
   * @param readAt when the page was requested, in epoch milliseconds.
   * @returns times of items that have to be read again.
   */
  compare(items: readonly Item[], readAt: number): Promise<number[]>;
  /**
   * Takes one step after the last page, before the run counts as complete.
   *
   * @param from where the step begins; 0 for the first.
   * @returns where the next step begins; undefined after the last one.
   */
  finish?(run: { pages: number; lastItems: number }, from: number): Promise<number | undefined>;
}

/**
 * Reads a list from its watermark on, page by page, and stores the position after each page. Then finishes it, step by step.
 *
 * @param scheduledAt if a poll for this time or a later one is complete or has failed, nothing is done. ISO 8601.
 * @param start where the first poll begins, in epoch milliseconds, and whether this is a replay, which always begins there.
 * @returns whether the poll is over; if not, the invocation has no time for another page or step.
 */
export async function pollList<Item>(
  list: PolledList<Item>,
  scheduledAt: string,
  { at: startAt, isReplay = false }: { at: number; isReplay?: boolean },
  { store, hasTime, now }: Pick<PollDependencies, 'store' | 'hasTime' | 'now'>,
): Promise<boolean> {
  const poll: Poll = (await store.readPoll(list.resource)) ?? { watermark: startAt, baselineAt: startAt };
  const { completedAt = '', failedAt = '' } = poll;
  if (completedAt >= scheduledAt || failedAt >= scheduledAt) return true;
  const { run: _, failedAt: __, failingSince: ___, ...kept } = poll;
  // A replay begins at its own time, wherever the replay before it stopped.
  const isOther = isReplay && poll.run?.scheduledAt !== scheduledAt;
  const begun = isOther ? undefined : poll.run;
  let run: Run = begun ?? beginRun(isOther ? startAt : poll.watermark, scheduledAt, list.overlapMs);
  let { end } = run;
  while (!end) {
    if (!hasTime()) return false;
    const readAt = now();
    const { from } = run;
    const { page, run: current } = await readPage(
      run,
      (token) => list.read(from, token),
      () => store.writePoll(list.resource, kept),
    );
    const { items, nextToken } = page;
    const deferred = await list.compare(items, readAt);
    const times = items.map(list.timeOf);
    const { isOver, ...next } = afterPage(
      current,
      { times, nextToken, deferred, isOrdered: list.isOrdered },
      readAt,
    );
    run = next;
    if (isOver) end = { lastItems: items.length, from: 0 };
    else await store.writePoll(list.resource, { ...poll, run });
  }
  const { lastItems } = end;
  let from: number | undefined = end.from;
  while (list.finish && from !== undefined) {
    if (!hasTime()) {
      await store.writePoll(list.resource, { ...poll, run: { ...run, end: { lastItems, from } } });
      return false;
    }
    from = await list.finish({ pages: run.pages ?? 1, lastItems }, from);
  }
  await store.writePoll(list.resource, {
    ...kept,
    watermark: watermarkAfter(run),
    completedAt: scheduledAt,
    listings: (poll.listings ?? 0) + 1,
  });
  return true;
}
