import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePage } from '../../../../shared/infusionsoft/resources/page.ts';
import {
  offsetOf,
  offsetPages,
  type Page,
  positionAfter,
  tokenPages,
} from '../../../../shared/infusionsoft/resources/paging.ts';

interface Item {
  id: number;
}
const items = (count: number, from = 1): Item[] =>
  Array.from({ length: count }, (_, index) => ({ id: from + index }));
const byId = ({ id }: Item) => id;

async function all<Row>(pages: AsyncGenerator<Page<Row>>, most = 1000): Promise<Row[]> {
  const found: Row[] = [];
  let read = 0;
  for await (const { rows } of pages) {
    found.push(...rows);
    if (++read > most) throw new Error('The list does not end');
  }
  return found;
}

it('a page whose next address has no token is refused, since the list would end too soon', () => {
  const answer = { lead_sources: [], next_page_token: 'https://api.example.com/x?offset=5' };
  expect(() => parsePage(answer, { in: 'lead_sources' }, 'lead-sources')).toThrow(/no page_token/);
});

describe('pages by offset', () => {
  it('go on after a short page', async () => {
    const list = items(10);
    const sizes = [4, 1, 5];
    const read = async (offset: number) => ({ rows: list.slice(offset, offset + (sizes.shift() ?? 5)) });
    expect(await all(offsetPages(read, byId))).toEqual(list);
  });

  it.each([
    ['the same page again and again', () => items(3)],
    ['the list from its beginning', (offset: number) => items(3, 1 + (offset % 9))],
    ['the last page again and again', (offset: number) => items(3, 1 + Math.min(offset, 6))],
  ])('end when the CRM returns %s', async (_, rowsAt) => {
    const found = await all(
      offsetPages(async (offset) => ({ rows: rowsAt(offset) }), byId),
      10,
    );
    expect(new Set(found.map(byId)).size).toBe(found.length);
  });

  it('end for items without a key when a page comes again, and keep equal items', async () => {
    const pages = [[{ amount: 5 }, { amount: 5 }], [{ amount: 6 }], [{ amount: 6 }], [{ amount: 7 }]];
    const read = async () => ({ rows: pages.shift() ?? [] });
    expect(await all(offsetPages(read, () => undefined))).toEqual([
      { amount: 5 },
      { amount: 5 },
      { amount: 6 },
    ]);
  });

  it('have each item once, and none is missed, while others are added and deleted', async () => {
    const someEdits = fc.array(
      fc.record({ added: fc.integer({ min: 0, max: 3 }), deleted: fc.integer({ min: 0, max: 3 }) }),
    );
    await fc.assert(
      fc.asyncProperty(someEdits, fc.integer({ min: 10, max: 20 }), async (edits, size) => {
        const plan = [...edits];
        let list = items(100, 1000);
        const lasting = new Set(list.map(byId));
        let next = 1;
        const read = async (offset: number) => {
          const page = { rows: list.slice(offset, offset + size), count: list.length };
          const edit = plan.shift();
          // New items come first, which moves all others. Items at the front, which were read before, are deleted.
          if (edit && page.rows.length > 0) {
            for (const { id } of list.slice(0, edit.deleted)) lasting.delete(id);
            list = list.slice(edit.deleted);
            if (edit.deleted === 0) list = [...items(edit.added, next), ...list];
            next += edit.added;
          }
          return page;
        };
        const found = (await all(offsetPages(read, byId))).map(byId);
        expect(new Set(found).size).toBe(found.length);
        for (const id of lasting) expect(found).toContain(id);
      }),
    );
  });

  it.each([
    ['of the page', (rows: Item[]) => rows.length],
    ['of the items that remain', (_: Item[], remaining: number) => remaining],
  ])('have every item when the count is that %s', async (_, countOf) => {
    for (const total of [0, 5, 10, 11, 25, 300]) {
      const list = items(total);
      const read = async (offset: number) => {
        const rows = list.slice(offset, offset + 10);
        return { rows, count: countOf(rows, total - offset) };
      };
      expect(await all(offsetPages(read, byId), total / 10 + 60)).toEqual(list);
    }
  });
});

describe('pages by token', () => {
  const reader =
    (pages: Record<string, { rows: Item[]; nextToken?: string }>) =>
    async (token = 'first') =>
      pages[token] ?? { rows: [] };

  it('follow the tokens', async () => {
    const read = reader({ first: { rows: items(2), nextToken: 'b' }, b: { rows: items(2, 3) } });
    expect(await all(tokenPages(read, byId))).toEqual(items(4));
  });

  it.each([
    [
      'the token stays the same',
      { first: { rows: items(2), nextToken: 'b' }, b: { rows: items(2, 3), nextToken: 'b' } },
    ],
    [
      'the tokens go round',
      { first: { rows: items(2), nextToken: 'b' }, b: { rows: items(2, 3), nextToken: 'first' } },
    ],
    ['a page is empty', { first: { rows: items(4), nextToken: 'b' }, b: { rows: [], nextToken: 'c' } }],
  ])('end when %s', async (_, pages) => {
    expect(await all(tokenPages(reader(pages), byId), 10)).toEqual(items(4));
  });
});

describe('a position in a list that is read on later', () => {
  /** Reads a list as one process after another would, each with the stored position only. */
  function readOn(
    read: (offset: number) => Page<Item>,
    size: number,
  ): { seen: Set<number>; requests: number } {
    const seen = new Set<number>();
    let position: string | undefined;
    let requests = 0;
    do {
      const page = read(offsetOf(position));
      for (const { id } of page.rows) seen.add(id);
      if (++requests > 500) throw new Error('The list does not end');
      position = positionAfter(position, page, size);
    } while (position !== undefined);
    return { seen, requests };
  }

  it.each([
    ['nothing', 0, 1],
    ['less than a page', 99, 1],
    ['a full page', 100, 2],
    ['two pages', 180, 2],
    ['many pages', 2000, 23],
  ])('takes few requests for %s', (_, count, expected) => {
    const list = items(count);
    const { seen, requests } = readOn(
      (offset) => ({ rows: list.slice(offset, offset + 100), count: list.length }),
      100,
    );
    expect({ seen: seen.size, requests }).toEqual({ seen: count, requests: expected });
  });

  it.each<[string, (offset: number) => Page<Item>]>([
    ['the same page again and again', () => ({ rows: items(10) })],
    ['the same page, with a count of more', () => ({ rows: items(10), count: 1000 })],
    ['a count that is too high', (offset) => ({ rows: items(50).slice(offset, offset + 10), count: 999 })],
    ['a count that is too low', (offset) => ({ rows: items(50).slice(offset, offset + 10), count: 10 })],
    ['no count, and short pages', (offset) => ({ rows: items(50).slice(offset, offset + 3) })],
  ])('ends when the CRM returns %s', (_, read) => {
    const all50 = read(40).rows.some(({ id }) => id > 40);
    expect(readOn(read, 10).seen.size).toBe(all50 ? 50 : 10);
  });

  it.each<[string, (rows: Item[], remaining: number) => number]>([
    ['of the page', (rows) => rows.length],
    ['of the items that remain', (_, remaining) => remaining],
  ])('shows every item, in few requests, when the count is that %s', (_, countOf) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 100, max: 1000 }), (total, size) => {
        const list = items(total);
        const { seen, requests } = readOn((offset) => {
          const rows = list.slice(offset, offset + size);
          return { rows, count: countOf(rows, total - offset) };
        }, size);
        expect(seen.size).toBe(total);
        expect(requests).toBeLessThanOrEqual(total / (size - 10) + 40);
      }),
      { numRuns: 30 },
    );
  });

  it('of the form without returns is continued', () => {
    expect(offsetOf('[990,2500,10,"hash",0]')).toBe(990);
    expect(
      offsetOf(positionAfter('[990,2500,10,"hash",0]', { rows: items(1000, 991), count: 2500 }, 1000)),
    ).toBe(1980);
  });

  it('hides no item, whatever is deleted and added while the list is read', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 8, max: 30 }),
        fc.array(fc.tuple(fc.nat(119), fc.integer({ min: 1, max: 40 }), fc.boolean()), { maxLength: 12 }),
        fc.boolean(),
        (count, size, edits, hasCount) => {
          let list = items(count);
          const pending = [...edits];
          let nextId = 1000;
          const { seen } = readOn((offset) => {
            const page = { rows: list.slice(offset, offset + size), ...(hasCount && { count: list.length }) };
            const [from = 0, many = 0, adds = false] = pending.shift() ?? [];
            // Without a count, as many as a page reads again.
            const deleted = hasCount ? many : Math.min(many, Math.floor(Math.min(10, size / 2)));
            if (adds) list = [...items(many, nextId), ...list];
            else if (page.rows.length === size) list = list.toSpliced(from, deleted);
            nextId += many;
            return page;
          }, size);
          for (const { id } of list) if (id < 1000) expect(seen).toContain(id);
        },
      ),
    );
  });
});
