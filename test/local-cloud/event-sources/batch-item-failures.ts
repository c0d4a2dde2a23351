import { z } from 'zod';

const responseSchema = z
  .looseObject({
    batchItemFailures: z.array(z.looseObject({ itemIdentifier: z.string().min(1) })).nullish(),
  })
  .nullish();

/**
 * The records that a function reports as failed, by their ids.
 *
 * Lambda takes no answer, an empty one or an empty list as success, and anything malformed or an id that was not in the
 * batch as the failure of all of it (Lambda developer guide, "Success and failure conditions").
 */
export function failedItems(response: unknown, ids: readonly string[]): ReadonlySet<string> {
  const parsed = responseSchema.safeParse(response);
  if (!parsed.success) return new Set(ids);
  const reported = parsed.data?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier) ?? [];
  return new Set(reported.every((id) => ids.includes(id)) ? reported : ids);
}
