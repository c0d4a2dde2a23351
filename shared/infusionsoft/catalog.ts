import * as z from 'zod';
import { type Mapping, managedTags } from '../user/define-mapping.ts';

/** Ids of the account's tags and custom fields, by lower-case name: of those in the mapping. */
export const catalogSchema = z.object({
  tags: z.record(z.string(), z.int().positive()),
  customFields: z.record(z.string(), z.int().positive()),
  /** When the names were last read from the CRM, in ISO 8601. */
  refreshedAt: z.iso.datetime(),
});

export type Catalog = z.infer<typeof catalogSchema>;

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
