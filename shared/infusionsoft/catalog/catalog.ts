import { createHash } from 'node:crypto';
import type * as z from 'zod/mini';
import type { SYNC_TABLE_ITEMS } from '../../store/sync-table-items.ts';
import type { Requirements } from '../../user/requirements.ts';
import { type Account, problemsOf } from './account.ts';

/** Ids of the account's tags, custom fields and the like, by lower-case name: of those in the mapping. */
export type Catalog = z.infer<typeof SYNC_TABLE_ITEMS.catalog.schema>;

/** What an update does with array items that it does not list: they stay, or they go. */
export type ArrayMode = NonNullable<NonNullable<Catalog['arrays']>['mode']>;

/** How long what was learned of the arrays is taken for true, in milliseconds: accounts move between versions of the CRM. */
const ARRAYS_VALID_MS = 7 * 24 * 3_600_000;

/** Whether it was learned lately what the account does with arrays. @param now epoch milliseconds. */
export function knowsArrays({ arrays }: Catalog, now: number): boolean {
  if (!arrays) return false;
  const { learnedAt, retryAt } = arrays;
  return now < (retryAt ? Date.parse(retryAt) : Date.parse(learnedAt) + ARRAYS_VALID_MS);
}

/** Whether an update leaves array items alone that it does not list. Unless that is known, it counts as not. */
export function keepsArrays(catalog: Catalog, now: number): boolean {
  return knowsArrays(catalog, now) && catalog.arrays?.mode === 'merge';
}

/** Names are the same whatever their case: that is how people and the CRM's search read them. */
export const catalogKey = (name: string): string => name.trim().toLowerCase();

/** A name for what a mapping asks for: the same for the same. */
export function hashOf(needs: Requirements): string {
  return createHash('sha256').update(JSON.stringify(needs)).digest('base64url').slice(0, 22);
}

/** The ids of an account. @param now epoch milliseconds. */
export function catalogOf(account: Account, needs: Requirements, now: number): Catalog {
  const ids = (items: readonly { name: string; id?: number | undefined }[]) =>
    Object.fromEntries(items.flatMap(({ name, id }) => (id === undefined ? [] : [[catalogKey(name), id]])));
  const { tags, customFields, leadSources, contactTypes, staff } = account;
  return {
    tags: ids(tags),
    customFields: ids(customFields),
    ...(needs.leadSources.length > 0 && { leadSources: ids(leadSources) }),
    ...(staff && { staff }),
    unusable: [
      ...customFields.filter(({ problem }) => problem).map(({ name }) => `custom_fields.${name}`),
      ...contactTypes.filter(({ problem }) => problem).map(({ name }) => `contact_type.${name}`),
    ],
    problems: problemsOf(account),
    needs: hashOf(needs),
    refreshedAt: new Date(now).toISOString(),
  };
}

/**
 * Id of a tag.
 * @throws Error when the catalog does not know it: catalogs are complete before they are used.
 */
export function tagId(catalog: Catalog, name: string): number {
  return known(catalog.tags, name, 'tag');
}

/** Ids of all tags that the sync owns. */
export function managedTagIds(catalog: Catalog): ReadonlySet<number> {
  return new Set(Object.values(catalog.tags));
}

/**
 * Id of a custom field, by its label.
 * @throws Error when the catalog does not know it: catalogs are complete before they are used.
 */
export function customFieldId(catalog: Catalog, label: string): number {
  return known(catalog.customFields, label, 'custom field');
}

function known(ids: Readonly<Record<string, number>>, name: string, kind: string): number {
  const id = ids[catalogKey(name)];
  if (id === undefined) throw new Error(`The catalog has no ${kind} "${name}"`);
  return id;
}
