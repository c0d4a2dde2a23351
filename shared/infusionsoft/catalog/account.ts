import type * as z from 'zod/mini';
import type { SYNC_TABLE_ITEMS } from '../../store/sync-table-items.ts';

/** The account's fields and tags that a mapping requires. */
export type Account = z.infer<typeof SYNC_TABLE_ITEMS.inspection.schema>['account'];
export type AccountTag = Account['tags'][number];
export type AccountField = Account['customFields'][number];

/** All that cannot be used as the mapping wants it, in words. */
export function problemsOf({ tags, customFields, leadSources, contactTypes }: Account): string[] {
  const of = (kind: string, items: readonly { name: string; problem?: string | undefined }[]) =>
    items.filter(({ problem }) => problem).map(({ name, problem }) => `${kind} "${name}": ${problem}`);
  return [
    ...of('tag', tags),
    ...of('custom field', customFields),
    ...of('lead source', leadSources),
    ...of('contact type', contactTypes),
  ];
}

/** All that is not there yet and can be created, in words. */
export function missingFrom({ tags, customFields, leadSources }: Account): string[] {
  const of = (
    kind: string,
    items: readonly { name: string; id?: number | undefined; problem?: string | undefined }[],
  ) => items.filter((item) => item.id === undefined && !item.problem).map((item) => `${kind} "${item.name}"`);
  return [...of('tag', tags), ...of('custom field', customFields), ...of('lead source', leadSources)];
}
