import type { Context } from 'hono';
import * as z from 'zod';

const whole = z.coerce.number().int().nonnegative();

/**
 * One page of a list, with the CRM's links. As in the real API, `next` is there even on the last page.
 *
 * @throws ZodError if `limit` or `offset` is not a whole number.
 */
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
