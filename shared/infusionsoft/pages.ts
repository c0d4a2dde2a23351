/** Pages that are read at most: `next` has been seen never to end (v1). 100 pages hold 100,000 tags. */
const MAX_PAGES = 100;

/** Reads all pages: stops on an empty one, on one that was seen before, and at a bound; a page may be shorter than it could be. */
export async function allPages<Item extends { id: number }>(
  page: (offset: number) => Promise<readonly Item[]>,
): Promise<Item[]> {
  const items = new Map<number, Item>();
  let offset = 0;
  for (let read = 0; read < MAX_PAGES; read++) {
    const found = await page(offset);
    const fresh = found.filter((item) => !items.has(item.id));
    if (fresh.length === 0) break;
    for (const item of fresh) items.set(item.id, item);
    offset += found.length;
  }
  return [...items.values()];
}
