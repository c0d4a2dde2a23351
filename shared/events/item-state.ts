import * as z from 'zod/mini';

/**
 * The stored state of an item of a resource, for example an order. It has hashes instead of values, and short names, since every item has
 * them.
 */
export const itemStateSchema = z.object({
  /** Number of events about the item so far: two equal states at different times are two events. */
  e: z.int(),
  /** When the CRM last updated it, in epoch seconds. The values of an answer with an earlier time are ignored. */
  u: z.optional(z.number()),
  /** A hash of each property that has a value. */
  f: z.record(z.string(), z.string()),
  /** Number of the last listing that showed it. */
  n: z.optional(z.int()),
  /** The item was deleted. */
  gone: z.optional(z.boolean()),
});
export type ItemState = z.infer<typeof itemStateSchema>;

/** What an answer of the CRM shows of an item. */
export interface SeenItem {
  itemId: number;
  /** A hash of each compared property that has a value; undefined if the item is gone. */
  hashes: Readonly<Record<string, string>> | undefined;
  contactId?: number | undefined;
  /** Only of resources whose items the sync itself may create. */
  name?: string | undefined;
  /** When the CRM created the item, and last updated it, in epoch milliseconds. */
  createdAt?: number | undefined;
  updatedAt?: number | undefined;
}

type ItemChange =
  | { type: 'created' | 'changed'; fields: readonly string[] }
  | { type: 'deleted'; fields: undefined };

export interface ItemDiff {
  next: ItemState | undefined;
  change: ItemChange | undefined;
}

/**
 * Compares the stored state of an item with what an answer of the CRM shows. Pure.
 *
 * @param before undefined if nothing is stored: the item is new.
 * @param listing number of the listing that shows the item, or of the last complete one.
 */
export function diffItem(before: ItemState | undefined, seen: SeenItem, listing: number): ItemDiff {
  const { hashes, updatedAt } = seen;
  if (!hashes) {
    if (!before || before.gone) return { next: before, change: undefined };
    return { next: { e: before.e + 1, f: {}, gone: true }, change: { type: 'deleted', fields: undefined } };
  }
  const seconds = updatedAt === undefined ? before?.u : Math.floor(updatedAt / 1000);
  if (before && seconds !== undefined && before.u !== undefined && seconds < before.u)
    return { next: { ...before, n: listing }, change: undefined };
  const isNew = !before || before.gone === true;
  const known = isNew ? {} : before.f;
  const fields = [...new Set([...Object.keys(known), ...Object.keys(hashes)])]
    .filter((name) => known[name] !== hashes[name])
    .sort();
  const change = isNew || fields.length > 0 ? { type: isNew ? 'created' : 'changed', fields } : undefined;
  const next = {
    e: (before?.e ?? 0) + (change ? 1 : 0),
    ...(seconds !== undefined && { u: seconds }),
    f: { ...hashes },
    n: listing,
  };
  return { next, change: change as ItemChange | undefined };
}
