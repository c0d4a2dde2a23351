/** States of one item of the sync table, by id. Few enough for the largest contacts (DynamoDB: 400 KB), and enough to save writes. */
const BUCKET_IDS = 64;

/** Number of the item that has the state of a contact or another record of the CRM. @param id of the record. */
export const bucketOf = (id: number): number => Math.floor(id / BUCKET_IDS);

/** Ranges of buckets that exist: first and last, in order. */
export type BucketRanges = readonly (readonly [number, number])[];

/** Gaps up to this size belong to a range: reading a few items that do not exist costs less than a longer list. */
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

/** Buckets with ids that are above one id and up to another. Each is in a range; some may be empty. */
export function bucketsBetween(ranges: BucketRanges, aboveId: number, upToId: number): number[] {
  return ranges.flatMap(([first, last]) => {
    const from = Math.max(first, bucketOf(aboveId + 1));
    const to = Math.min(last, bucketOf(upToId));
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  });
}
