import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bulkRequests,
  countTagChange,
  groupByTag,
  isSingleCheaper,
  singleRequests,
  type TagCounts,
} from '../../../shared/sync/tag-cost.ts';

const countsOf = (...changes: { remove: number[]; add: number[] }[]): TagCounts => {
  const counts: TagCounts = {};
  for (const change of changes) countTagChange(counts, change);
  return counts;
};

describe('requests for tags', () => {
  it.each([
    { remove: [], add: [], requests: 0 },
    { remove: [1], add: [], requests: 1 },
    { remove: [], add: [1, 2, 3], requests: 1 },
    { remove: [1, 2], add: [3], requests: 2 },
  ])('one contact: $remove removed and $add added take $requests', ({ requests, ...change }) => {
    expect(singleRequests(change)).toBe(requests);
  });

  it('counts the contacts of each change of a tag, removals apart from additions', () => {
    expect(countsOf({ remove: [7], add: [8] }, { remove: [7], add: [7] }, { remove: [], add: [8] })).toEqual({
      '-7': 2,
      '+7': 1,
      '+8': 2,
    });
  });

  it.each([
    { counts: {}, batch: 100, requests: 0 },
    { counts: { '+1': 1 }, batch: 100, requests: 1 },
    { counts: { '+1': 100 }, batch: 100, requests: 1 },
    { counts: { '+1': 101 }, batch: 100, requests: 2 },
    { counts: { '+1': 101, '-2': 1 }, batch: 100, requests: 3 },
    { counts: { '+1': 101, '-2': 1 }, batch: 50, requests: 4 },
  ])('tag by tag: $counts take $requests with $batch contacts a request', ({ counts, batch, requests }) => {
    expect(bulkRequests(counts, batch)).toBe(requests);
  });

  it.each([
    { single: 2, cheaper: true },
    { single: 3, cheaper: false },
    { single: 4, cheaper: false },
  ])('$single requests one by one are cheaper than 3 tag by tag: $cheaper', ({ single, cheaper }) => {
    expect(isSingleCheaper(single, { '+1': 1, '+2': 1, '-3': 1 }, 100)).toBe(cheaper);
  });

  it('groups contacts by each tag in their order, and names no other tag', () => {
    const plan = fc.record({
      remove: fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
      add: fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
    });
    fc.assert(
      fc.property(fc.array(fc.record({ plan })), fc.constantFrom('remove', 'add'), (items, which) => {
        const groups = groupByTag(items, which);
        for (const tag of [1, 2, 3, 4, 5])
          expect(groups.get(tag) ?? []).toEqual(items.filter((item) => item.plan[which].includes(tag)));
        expect([...groups.values()].every((group) => group.length > 0)).toBe(true);
      }),
    );
  });
});
