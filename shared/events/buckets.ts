/**
 * Number of ids whose states share an item of the sync table: small enough for the largest contacts (DynamoDB: 400 KB an item), large
 * enough to save writes.
 */
const BUCKET_IDS = 64;

/** The bucket of a contact or another record of the CRM: the number of the item that stores its state. @param id of the record. */
export const bucketOf = (id: number): number => Math.floor(id / BUCKET_IDS);

/** The buckets that exist, as ranges: first and last bucket of each, in order. */
export type BucketRanges = readonly (readonly [number, number])[];

/** Ranges with a gap up to this size are merged: reading a few items that do not exist costs less than a longer list. */
const GAP = 16;

/** Adds buckets to the ranges. */
export function withBuckets(ranges: BucketRanges, buckets: readonly number[]): BucketRanges {
  const all = [...ranges, ...buckets.map((bucket) => [bucket, bucket] as const)].sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of all) {
    const before = merged.at(-1);
    if (before && first <= before[1] + GAP) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** The buckets in the ranges for ids above one id and up to another. Some may not exist. */
export function bucketsBetween(ranges: BucketRanges, aboveId: number, upToId: number): number[] {
  return ranges.flatMap(([first, last]) => {
    const from = Math.max(first, bucketOf(aboveId + 1));
    const to = Math.min(last, bucketOf(upToId));
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  });
}
