import * as z from 'zod';
import { type Mapping, managedTags } from '../user/define-mapping.ts';

/** What an update does with array items that it does not list: they stay, or they go. */
const arrayModeSchema = z.enum(['merge', 'replace']);
export type ArrayMode = z.infer<typeof arrayModeSchema>;

/** Ids of the account's tags and custom fields, by lower-case name: of those in the mapping. */
export const catalogSchema = z.object({
  tags: z.record(z.string(), z.int().positive()),
  customFields: z.record(z.string(), z.int().positive()),
  /** When the names were last read from the CRM, in ISO 8601. */
  refreshedAt: z.iso.datetime(),
  /** What was learned of the account's arrays, and when (ISO 8601). Without a mode, the experiment could not be made. */
  arrays: z.object({ mode: arrayModeSchema.optional(), learnedAt: z.iso.datetime() }).optional(),
});

export type Catalog = z.infer<typeof catalogSchema>;

/** How long what was learned of the arrays is taken for true, in milliseconds: accounts move between versions of the CRM. */
const ARRAYS_VALID_MS = 7 * 24 * 3_600_000;

/** Whether it was learned lately what the account does with arrays. @param now epoch milliseconds. */
export function knowsArrays({ arrays }: Catalog, now: number): boolean {
  return arrays !== undefined && now - Date.parse(arrays.learnedAt) < ARRAYS_VALID_MS;
}

/** Whether an update leaves array items alone that it does not list. Unless that is known, it counts as not. */
export function keepsArrays(catalog: Catalog, now: number): boolean {
  return knowsArrays(catalog, now) && catalog.arrays?.mode === 'merge';
}

/** Names are the same whatever their case: that is how people and the CRM's search read them. */
export const catalogKey = (name: string): string => name.trim().toLowerCase();

/** Whether the catalog knows every name of the mapping. */
export function isComplete(catalog: Catalog, mapping: Mapping): boolean {
  return (
    managedTags(mapping).every((name) => catalogKey(name) in catalog.tags) &&
    Object.keys(mapping.customFields).every((label) => catalogKey(label) in catalog.customFields)
  );
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
