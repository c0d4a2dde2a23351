import type { Context } from 'hono';
import * as z from 'zod';
import type { AnswerOptions } from './answer-forms.ts';

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

/** The token of the next page of a list of version 2, or with `pageAddresses` the whole address of that page. */
export function nextPage(
  { req }: Context,
  next: number,
  { pageAddresses }: Pick<AnswerOptions, 'pageAddresses'>,
): { next_page_token: string } {
  const address = new URL(req.url);
  address.searchParams.set('page_token', String(next));
  return { next_page_token: pageAddresses ? address.href : String(next) };
}
