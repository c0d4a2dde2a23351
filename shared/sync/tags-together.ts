import type { TagPlan } from './plan.ts';

/** What has to be done to the tags of one contact, by tag: its id, or its name before ids are known. */
export interface TagChange<Tag extends number | string = number> {
  remove: readonly Tag[];
  add: readonly Tag[];
}

/** How many contacts need what, by tag: `-7` comes off, `+8` goes on. */
export type TagCounts = Record<string, number>;

/** Counts one contact more. */
export function countTags(counts: TagCounts, { remove, add }: TagChange<number | string>): void {
  for (const tag of remove) counts[`-${tag}`] = (counts[`-${tag}`] ?? 0) + 1;
  for (const tag of add) counts[`+${tag}`] = (counts[`+${tag}`] ?? 0) + 1;
}

/** Requests that it takes to do it tag by tag, for as many contacts at once as a request can name. */
export function requestsTogether(counts: Readonly<TagCounts>, batch: number): number {
  return Object.values(counts).reduce((sum, contacts) => sum + Math.ceil(contacts / batch), 0);
}

/** Requests that it takes to do it for one contact: one for all tags that come off, one for all that go on. */
export function requestsAlone({ remove, add }: TagChange<number | string>): number {
  return Number(remove.length > 0) + Number(add.length > 0);
}

/** Whether it takes fewer requests to do it for each contact alone, `alone` in all, than tag by tag. */
export const isCheaperAlone = (alone: number, counts: Readonly<TagCounts>, batch: number): boolean =>
  alone < requestsTogether(counts, batch);

/** Items by each tag that comes off or goes on. */
export function byTag<Item extends { plan: TagPlan }>(
  items: readonly Item[],
  which: keyof TagPlan,
): Map<number, Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items)
    for (const tagId of item.plan[which]) {
      const group = groups.get(tagId);
      if (group) group.push(item);
      else groups.set(tagId, [item]);
    }
  return groups;
}
