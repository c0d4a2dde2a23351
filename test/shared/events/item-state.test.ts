import { describe, expect, it } from 'vitest';
import { diffItem, type ItemState, type SeenItem } from '../../../shared/events/item-state.ts';

const KNOWN: ItemState = { e: 2, u: 100, f: { title: 'a', total: 'b' }, n: 3 };
const seen = (more: Partial<SeenItem> = {}): SeenItem => ({
  itemId: 7,
  hashes: { title: 'a', total: 'b' },
  updatedAt: 100_500,
  ...more,
});
const GONE = seen({ hashes: undefined });

describe('an item that a list shows', () => {
  it.each<[string, ItemState | undefined, SeenItem, ReturnType<typeof diffItem>]>([
    [
      'for the first time is new',
      undefined,
      seen(),
      {
        next: { e: 1, u: 100, f: { title: 'a', total: 'b' }, n: 4 },
        change: { type: 'created', fields: ['title', 'total'] },
      },
    ],
    ['as it was is in this listing', KNOWN, seen(), { next: { ...KNOWN, n: 4 }, change: undefined }],
    [
      'with other values names them',
      KNOWN,
      seen({ hashes: { title: 'x', status: 'c' }, updatedAt: 200_000 }),
      {
        next: { e: 3, u: 200, f: { title: 'x', status: 'c' }, n: 4 },
        change: { type: 'changed', fields: ['status', 'title', 'total'] },
      },
    ],
    [
      'as it was before its last update is an old copy',
      KNOWN,
      seen({ hashes: { title: 'old' }, updatedAt: 99_999 }),
      { next: { ...KNOWN, n: 4 }, change: undefined },
    ],
    [
      'after it was gone is new, as another event',
      { e: 3, f: {}, gone: true },
      seen({ updatedAt: undefined }),
      {
        next: { e: 4, f: { title: 'a', total: 'b' }, n: 4 },
        change: { type: 'created', fields: ['title', 'total'] },
      },
    ],
    [
      'no more is deleted',
      KNOWN,
      GONE,
      { next: { e: 3, f: {}, gone: true }, change: { type: 'deleted', fields: undefined } },
    ],
    ['and that was never known is not deleted', undefined, GONE, { next: undefined, change: undefined }],
    [
      'and that is known to be gone is not deleted again',
      { e: 3, f: {}, gone: true },
      GONE,
      { next: { e: 3, f: {}, gone: true }, change: undefined },
    ],
  ])('%s', (_, before, item, expected) => {
    expect(diffItem(before, item, 4)).toEqual(expected);
  });
});
