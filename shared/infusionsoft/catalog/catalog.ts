import { createHash } from 'node:crypto';
import type * as z from 'zod/mini';
import type { SYNC_TABLE_ITEMS } from '../../store/sync-table-items.ts';
import type { Requirements } from '../../user/requirements.ts';
import { type Account, CREATION_REFUSED, problemsOf } from './account.ts';

/** Ids of the account's tags, custom fields and the like that the mapping requires, by lower-case name. */
export type Catalog = z.infer<typeof SYNC_TABLE_ITEMS.catalog.schema>;

/**
 * What a create-or-update (`put`) and an update by id (`patch`) do with the array items that they do not list: `merge` keeps them,
 * `replace` removes them.
 */
export type ArrayModes = NonNullable<NonNullable<Catalog['arrays']>['modes']>;

/** How long detected array modes are valid, in milliseconds: the vendor moves accounts between versions of the CRM. */
const ARRAY_MODES_VALID_MS = 7 * 24 * 3_600_000;

/** Whether the array modes need no detection at this moment. @param now epoch milliseconds. */
export function areArrayModesKnown({ arrays }: Catalog, now: number): boolean {
  if (!arrays) return false;
  const { learnedAt, retryAt } = arrays;
  return now < (retryAt ? Date.parse(retryAt) : Date.parse(learnedAt) + ARRAY_MODES_VALID_MS);
}

/** Whether a kind of update is certain to keep the array items that it does not list. */
export function mergesArrays(catalog: Catalog, update: keyof ArrayModes, now: number): boolean {
  return areArrayModesKnown(catalog, now) && catalog.arrays?.modes?.[update] === 'merge';
}

/** The key of a name: the CRM's search and people ignore case. */
export const catalogKey = (name: string): string => name.trim().toLowerCase();

/** A short hash that identifies requirements. */
export function hashRequirements(requirements: Requirements): string {
  return createHash('sha256').update(JSON.stringify(requirements)).digest('base64url').slice(0, 22);
}

/**
 * The catalog of an account in which everything that was missing has been created. What still has no id was refused by the account: it is
 * left out.
 *
 * @param now epoch milliseconds.
 */
export function catalogOf(account: Account, requirements: Requirements, now: number): Catalog {
  const ids = (items: readonly { name: string; id?: number | undefined }[]) =>
    Object.fromEntries(items.flatMap(({ name, id }) => (id === undefined ? [] : [[catalogKey(name), id]])));
  const { tags, customFields, leadSources, contactTypes, staff } = account;
  return {
    tags: ids(tags),
    customFields: ids(customFields),
    ...(requirements.leadSources.length > 0 && { leadSources: ids(leadSources) }),
    ...(staff && { staff }),
    unusable: [
      ...customFields.filter(({ problem }) => problem).map(({ name }) => `custom_fields.${name}`),
      ...contactTypes.filter(({ problem }) => problem).map(({ name }) => `contact_type.${name}`),
    ],
    problems: problemsOf(account),
    requirementsHash: hashRequirements(requirements),
    refreshedAt: new Date(now).toISOString(),
  };
}

/**
 * An account that was read without creating anything, with a problem for everything that the account has refused to create. Without the
 * problem, it would count as missing: something that the next sync creates.
 *
 * @param catalog the catalog of the same requirements.
 */
export function withProblems(account: Account, catalog: Catalog): Account {
  const mark = <Item extends { name: string; id?: number | undefined; problem?: string | undefined }>(
    items: readonly Item[],
    ids: Readonly<Record<string, number>> = {},
  ): Item[] =>
    items.map((item) =>
      item.id === undefined && ids[catalogKey(item.name)] === undefined
        ? { ...item, problem: item.problem ?? CREATION_REFUSED }
        : item,
    );
  return {
    ...account,
    tags: mark(account.tags, catalog.tags),
    customFields: mark(account.customFields, catalog.customFields),
    leadSources: mark(account.leadSources, catalog.leadSources),
  };
}

/**
 * Id of a tag of a desired state that was resolved against the same catalog.
 * @throws Error for another tag that the account does not have.
 */
export function tagId(catalog: Catalog, name: string): number {
  return idOf(catalog.tags, name, 'tag');
}

/** Ids of the tags, without those that the account has refused to create. */
export function tagIds(catalog: Catalog, names: readonly string[]): number[] {
  return names.flatMap((name) => catalog.tags[catalogKey(name)] ?? []);
}

/** Ids of all tags that the sync manages. */
export function managedTagIds(catalog: Catalog): ReadonlySet<number> {
  return new Set(Object.values(catalog.tags));
}

/**
 * Id of a custom field of a desired state that was resolved against the same catalog.
 * @throws Error for another field that the account does not have.
 */
export function customFieldId(catalog: Catalog, label: string): number {
  return idOf(catalog.customFields, label, 'custom field');
}

function idOf(ids: Readonly<Record<string, number>>, name: string, kind: string): number {
  const id = ids[catalogKey(name)];
  if (id === undefined) throw new Error(`The catalog has no ${kind} "${name}"`);
  return id;
}
