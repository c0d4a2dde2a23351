import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type BucketRanges, bucketOf, bucketsBetween, withBuckets } from '../../../shared/events/buckets.ts';

const id = fc.integer({ min: 1, max: 1_000_000 });

it('every contact between two ids is in one of the buckets between them', () => {
  fc.assert(
    fc.property(fc.array(id, { minLength: 1 }), id, id, (ids, one, two) => {
      const [above, upTo] = [Math.min(one, two), Math.max(one, two)];
      const buckets = bucketsBetween(withBuckets([], ids.map(bucketOf)), above, upTo);
      for (const contactId of ids.filter((each) => each > above && each <= upTo))
        expect(buckets).toContain(bucketOf(contactId));
      expect(new Set(buckets).size).toBe(buckets.length);
    }),
  );
});

it('the ranges do not depend on the order in which buckets are added', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 })), (buckets) => {
      const oneByOne = buckets.reduce<BucketRanges>((ranges, each) => withBuckets(ranges, [each]), []);
      expect(oneByOne).toEqual(withBuckets([], buckets));
    }),
  );
});

it('a long gap costs no reads', () => {
  const ranges = withBuckets([], [0, 1, 2, 100_000]);
  expect(ranges).toEqual([
    [0, 2],
    [100_000, 100_000],
  ]);
  expect(bucketsBetween(ranges, 0, 64 * 200_000)).toEqual([0, 1, 2, 100_000]);
});
