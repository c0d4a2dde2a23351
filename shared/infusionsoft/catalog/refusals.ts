import type { SyncTable } from '../../store/sync-table.ts';

/** How often the CRM has refused a value of a field, by its key in the mapping. */
export type Refusals = NonNullable<Awaited<ReturnType<SyncTable['refusals']['read']>>>['value'];

/** How long a field is listed after its last refusal, in milliseconds. */
const LISTED_MS = 30 * 24 * 3_600_000;

/** Counts refused values. Fields without a refusal for a month are dropped. @param now epoch milliseconds. */
export function countRefusals(refusals: Refusals, fields: readonly string[], now: number): Refusals {
  const at = new Date(now).toISOString();
  const counted = fields.map((field) => {
    const { count = 0, since = at } = listed(refusals, now)[field] ?? {};
    return [field, { count: count + 1, since, lastAt: at }];
  });
  return { ...listed(refusals, now), ...Object.fromEntries(counted) };
}

const listed = (refusals: Refusals, now: number): Refusals =>
  Object.fromEntries(
    Object.entries(refusals).filter(([, { lastAt }]) => now < Date.parse(lastAt) + LISTED_MS),
  );

/** A line for each field, the most often refused first. @param now epoch milliseconds. */
export const refusalLines = (refusals: Refusals = {}, now: number): string[] =>
  Object.entries(listed(refusals, now))
    .sort(([, a], [, b]) => b.count - a.count)
    .map(
      ([field, { count, since, lastAt }]) =>
        `${field}: the CRM has refused ${count} ${count === 1 ? 'value' : 'values'} since ${since}, the last at ${lastAt}`,
    );
