import type { TagPlan } from './plan.ts';

/** The tags that one contact loses and gains, each by its id, or by its name before ids are known. */
export interface TagChange<Tag extends number | string = number> {
  remove: readonly Tag[];
  add: readonly Tag[];
}

/** Number of contacts for each change of a tag: `-7` removes tag 7, `+8` adds tag 8. */
export type TagCounts = Record<string, number>;

/** Adds the change of one contact to the counts. */
export function countTagChange(counts: TagCounts, { remove, add }: TagChange<number | string>): void {
  for (const tag of remove) counts[`-${tag}`] = (counts[`-${tag}`] ?? 0) + 1;
  for (const tag of add) counts[`+${tag}`] = (counts[`+${tag}`] ?? 0) + 1;
}

/** Requests to change the tags of many contacts tag by tag. @param batch contacts that one request can name. */
export function bulkRequests(counts: Readonly<TagCounts>, batch: number): number {
  return Object.values(counts).reduce((sum, contacts) => sum + Math.ceil(contacts / batch), 0);
}

/** Requests to change the tags of one contact: one for all that it loses, one for all that it gains. */
export function singleRequests({ remove, add }: TagChange<number | string>): number {
  return Number(remove.length > 0) + Number(add.length > 0);
}

/** Whether changing contacts one by one, with `single` requests in all, costs fewer requests than tag by tag. */
export const isSingleCheaper = (single: number, counts: Readonly<TagCounts>, batch: number): boolean =>
  single < bulkRequests(counts, batch);

/** Groups items by each tag that their plan removes or adds. */
export function groupByTag<Item extends { plan: TagPlan }>(
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
