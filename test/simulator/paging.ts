import type { Context } from 'hono';
import * as z from 'zod';

const whole = z.coerce.number().int().nonnegative();

/** One page of a list, with the links that the CRM gives: `next` is there even when nothing follows. @throws ZodError */
export function pageOf<Item>(all: readonly Item[], context: Context, defaultLimit: number) {
  const limit = Math.min(whole.parse(context.req.query('limit') ?? defaultLimit), 1000);
  const offset = whole.parse(context.req.query('offset') ?? 0);
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
