import * as z from 'zod/mini';
import type { RowsIn } from './define-resource.ts';
import { type Page, pageToken } from './paging.ts';

/** The CRM has answered, but not with what was asked for. A retry gets the same answer. */
export class UnexpectedAnswerError extends Error {
  override name = 'UnexpectedAnswerError';
}

/**
 * The items of an answer that is a page of a list.
 *
 * @param where the items are.
 * @param name of the resource, for messages.
 * @throws UnexpectedAnswerError if the answer has no list there; RejectedError like {@link pageToken}.
 */
export function parsePage(
  answer: unknown,
  where: RowsIn,
  name: string,
): Page<unknown> & { nextToken: string | undefined } {
  const { count, next_page_token } = pagePartsSchema.safeParse(answer).data ?? {};
  return {
    rows: rowsOf(answer, where, name),
    count: count ?? undefined,
    nextToken: pageToken(next_page_token),
  };
}

const pagePartsSchema = z.looseObject({
  count: z.catch(z.nullish(z.number()), undefined),
  next_page_token: z.catch(z.nullish(z.string()), undefined),
});

/** @throws UnexpectedAnswerError if the answer has no list there. A list that is null or missing is empty. */
function rowsOf(answer: unknown, where: RowsIn, name: string): unknown[] {
  const found =
    typeof where === 'string' ? answer : propertyOf(answer, 'in' in where ? where.in : where.codes);
  if (typeof where === 'object' && 'codes' in where && found !== null && typeof found === 'object')
    return Object.entries(found).map(([code, value]) => ({ code, name: value }));
  const isEmpty = typeof where === 'object' && typeof answer === 'object' && answer !== null && !found;
  if (isEmpty) return [];
  if (!Array.isArray(found)) throw new UnexpectedAnswerError(`The CRM's answer is not a list of ${name}`);
  return where === 'texts' ? found.map((text: unknown) => ({ text })) : found;
}

export const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
