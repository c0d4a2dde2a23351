import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { RejectedError } from '../../sync/errors.ts';

/** Items of one answer. */
export interface Page<Row> {
  rows: readonly Row[];
  /** Number of all items, if the CRM gives it. */
  count?: number | undefined;
}

/** Identifies an item; undefined if it has no key. */
type KeyOf<Row> = (row: Row) => string | number | undefined;

/** Pages whose keys are remembered, besides the first: items only move a little between two requests. */
const REMEMBERED_PAGES = 20;

/** A list whose count goes up and down ends after more than this many pages in a row without a new item. */
const MAX_WITHOUT_NEW = 40;

/**
 * After this many steps back without a new item, the count is ignored until the end of the list: it may be the count of the page, or of the
 * items that remain, which falls without deletions. The documentation does not say which it is.
 */
const MAX_RETURNS = 12;

/**
 * Reads pages by offset until one has nothing new. The CRM's links are not followed: `next` has been seen never to end (v1). A short page
 * is not always the last.
 *
 * Items that are created during the list move others to the next page, where they are left out the second time. If the count shows that
 * items were deleted, others have moved to pages that were already read, so the list goes back by that number of items and half a page.
 *
 * @param keyOf for items without a key, equal items of a page are kept, and a page that comes again has nothing new.
 */
export async function* offsetPages<Row>(
  readPage: (offset: number) => Promise<Page<Row>>,
  keyOf: KeyOf<Row>,
): AsyncGenerator<Page<Row>> {
  const filter = newRows(keyOf);
  let offset = 0;
  /** The end of the furthest page. Pages before it are read again after deletions. */
  let reached = 0;
  let returns = 0;
  let lastCount = 0;
  let pagesWithoutNew = 0;
  let size = 0;
  for (;;) {
    const { rows, count } = await readPage(offset);
    const fresh = filter(rows);
    const isIgnored = returns === MAX_RETURNS;
    const deleted = count && !isIgnored ? lastCount - count : 0;
    lastCount = isIgnored ? 0 : (count ?? lastCount);
    size = Math.max(size, rows.length);
    pagesWithoutNew = fresh.length > 0 ? 0 : pagesWithoutNew + 1;
    // The count can be wrong, so it does not prolong a list forever.
    const isMore = deleted > 0 || (rows.length > 0 && (offset < reached || lastCount > offset + rows.length));
    if (fresh.length > 0) yield { rows: fresh, count };
    else if (!isMore || pagesWithoutNew > MAX_WITHOUT_NEW) return;
    if (offset + rows.length > reached && !isIgnored) returns = 0;
    reached = Math.max(reached, offset + rows.length);
    if (deleted > 0) {
      returns++;
      // Half a page more, since more items may be deleted in the meantime.
      offset = Math.max(0, offset - deleted - Math.floor(size / 2));
    } else offset += rows.length;
  }
}

/** Largest number of items that the next page reads again, so that no item is missed when up to as many were deleted in between. */
const MAX_OVERLAP = 10;

/** A list ends when a page repeats this often in a row: the CRM ignores the offset. A single repeat can come from items that were added. */
const MAX_EQUAL = 4;

/**
 * The offset, the count that the last page had, the items that are read again, a hash of that page, how many before it were equal, the end
 * of the furthest page, and how often the list went back since then. A position that was stored by an earlier version lacks the last two.
 */
const positionSchema = z.tuple([
  z.int(),
  z.nullable(z.int()),
  z.int(),
  z.string(),
  z.int(),
  z.optional(z.int()),
  z.optional(z.int()),
]);

/**
 * The offset of a position in a list. A position is a text that can be stored, so that another process can continue the list hours later.
 *
 * @param position from {@link positionAfter}; undefined for the first page.
 */
export function offsetOf(position: string | undefined): number {
  return position === undefined ? 0 : positionSchema.parse(JSON.parse(position))[0];
}

/**
 * The position after a page. The next page begins a few items before the end of this one, since items that are deleted in between move
 * others to the front. If the count shows that items were deleted, it begins that number of items and half a page before this one. A count
 * because of which the list would go back again and again is ignored.
 *
 * @param size number of items that were asked for.
 * @returns undefined at the end of the list.
 */
export function positionAfter(
  position: string | undefined,
  page: Page<unknown>,
  size: number,
): string | undefined {
  const [offset, lastCount, overlap, lastHash, lastEqual, lastReached = 0, lastReturns = 0] =
    position === undefined ? [0, null, 0, '', 0] : positionSchema.parse(JSON.parse(position));
  const { rows } = page;
  const end = offset + rows.length;
  const isIgnored = lastReturns === MAX_RETURNS;
  const count = isIgnored ? undefined : page.count;
  const returns = end > lastReached && !isIgnored ? 0 : lastReturns;
  const hash = hashOf(rows).slice(0, 12);
  const equal = hash === lastHash ? lastEqual + 1 : 0;
  const at = (next: number, again: number, back = 0) =>
    JSON.stringify([next, count ?? null, again, hash, equal, Math.max(end, lastReached), returns + back]);
  const deleted = Math.max(0, (lastCount ?? 0) - (count ?? lastCount ?? 0));
  if (deleted > 0 && offset > 0) return at(Math.max(0, offset - deleted - Math.floor(size / 2)), 0, 1);
  // The size and the count both say that it is the last page. Each alone can be wrong: a short page is not always the last.
  if (rows.length < size && count === end) return undefined;
  // The page has nothing new, and the count does not say that there is more.
  if (rows.length === 0 || (rows.length <= overlap && !(count !== undefined && count > end)))
    return undefined;
  if (equal === MAX_EQUAL) return undefined;
  const again = Math.min(MAX_OVERLAP, Math.floor(rows.length / 2));
  return rows.length <= overlap ? at(end, 0) : at(end - again, again);
}

/**
 * The token of the next page of a list of version 2. The CRM has returned a whole URL that contains the token instead (seen by WP Fusion).
 *
 * @throws RejectedError for a URL without a token: the list would silently end too soon.
 */
export function pageToken(next: string | null | undefined): string | undefined {
  if (!next) return undefined;
  const [address, query] = next.split('?', 2);
  const token = new URLSearchParams(query).get('page_token');
  if (token) return token;
  if (query === undefined && !/^https?:/.test(address ?? '')) return next;
  throw new RejectedError('refused-by-crm', 'The address of the next page has no page_token');
}

/** Reads pages by token until one is empty, has no token for the next, or has been seen before. */
export async function* tokenPages<Row>(
  readPage: (token: string | undefined) => Promise<Page<Row> & { nextToken?: string | undefined }>,
  keyOf: KeyOf<Row>,
): AsyncGenerator<Page<Row>> {
  const filter = newRows(keyOf);
  let token: string | undefined;
  do {
    const { rows, count, nextToken } = await readPage(token);
    const fresh = filter(rows);
    if (fresh.length === 0) return;
    yield { rows: fresh, count };
    token = nextToken === token ? undefined : nextToken;
  } while (token !== undefined);
}

/**
 * @returns a function that leaves out rows that the first page or one of the last few pages had. It remembers their keys only, and a hash
 * of the rows without a key.
 */
function newRows<Row>(keyOf: KeyOf<Row>): (rows: readonly Row[]) => Row[] {
  const pages: Set<unknown>[] = [];
  const isKnown = (key: unknown) => pages.some((page) => page.has(key));
  return (rows) => {
    const page = new Set<unknown>();
    const withoutKey = rows.filter((row) => keyOf(row) === undefined);
    const hash = withoutKey.length > 0 ? hashOf(withoutKey) : undefined;
    const comesAgain = hash !== undefined && isKnown(hash);
    const fresh = rows.filter((row) => {
      const key = keyOf(row);
      if (key === undefined) return !comesAgain;
      const isNew = !page.has(key) && !isKnown(key);
      page.add(key);
      return isNew;
    });
    if (hash !== undefined) page.add(hash);
    pages.push(page);
    if (pages.length > REMEMBERED_PAGES + 1) pages.splice(1, 1);
    return fresh;
  };
}

const hashOf = (rows: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(rows)).digest('base64');
