import type { Context } from 'hono';

/** One page of a list, with the links that the CRM gives: `next` is there even when nothing follows. */
export function pageOf<Item>(all: readonly Item[], context: Context, defaultLimit: number) {
  const limit = Math.min(Number(context.req.query('limit') ?? defaultLimit), 1000);
  const offset = Number(context.req.query('offset') ?? 0);
  const link = (to: number) => {
    const url = new URL(context.req.url);
    url.searchParams.set('limit', String(limit));
    url.searchParams.set('offset', String(Math.max(0, to)));
    return url.href;
  };
  return {
    items: all.slice(offset, offset + limit),
    count: all.length,
    next: link(offset + limit),
    previous: link(offset - limit),
  };
}
