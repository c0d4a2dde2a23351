import { Rejected } from '../sync/errors.ts';
import { type Mapping, managedTags } from '../user/define-mapping.ts';
import { type ArrayMode, type Catalog, catalogKey, knowsArrays } from './catalog.ts';
import type { InfusionsoftClient } from './client.ts';
import { NotFound } from './failures.ts';
import { learnArrays } from './learn-arrays.ts';

/** Pages of tags that are read at most: `next` has been seen never to end (v1). 100 pages hold 100,000 tags. */
const MAX_PAGES = 100;

/**
 * Reads the ids of the mapping's tags and custom fields from the CRM, and creates those that are missing. Only one
 * caller at a time may do this, since two would create everything twice: see `catalog-source.ts`.
 *
 * @param now epoch milliseconds.
 * @param previous the catalog so far: what it knows of the arrays is kept as long as that is valid.
 * @throws Rejected or Retryable, as the client does. What was created by then is found by the next refresh.
 */
export async function refreshCatalog(
  client: InfusionsoftClient,
  mapping: Mapping,
  now: number,
  previous?: Catalog,
): Promise<Catalog> {
  const allTags = idsByName(await listAllTags(client));
  const fields = await client.listCustomFields();
  const allFields = idsByName(fields.map(({ id, label }) => ({ id, name: label })));

  const tags: Record<string, number> = {};
  const descriptions = new Map([
    ...mapping.tagGroups.flatMap((group) => Object.entries(group.tags)),
    [mapping.deletedTag.name, mapping.deletedTag.description],
  ]);
  for (const name of managedTags(mapping)) {
    const key = catalogKey(name);
    tags[key] = allTags.get(key) ?? (await client.createTag(name, descriptions.get(name) ?? '')).id;
  }
  const customFields: Record<string, number> = {};
  for (const [label, { type }] of Object.entries(mapping.customFields)) {
    const key = catalogKey(label);
    customFields[key] = allFields.get(key) ?? (await client.createCustomField(label, type)).id;
  }
  const catalog = { tags, customFields, refreshedAt: new Date(now).toISOString() };
  if (previous && knowsArrays(previous, now)) return { ...catalog, arrays: previous.arrays };
  const texts = Object.entries(mapping.customFields).filter(([, { type }]) => type === 'Text');
  const mode = await tryToLearn(
    client,
    texts.map(([label]) => customFields[catalogKey(label)] ?? 0),
  );
  return { ...catalog, arrays: { ...(mode && { mode }), learnedAt: catalog.refreshedAt } };
}

/** An account that does not let the experiment be made is written to with care: whole arrays are read and sent. */
async function tryToLearn(
  client: InfusionsoftClient,
  customFieldIds: readonly number[],
): Promise<ArrayMode | undefined> {
  try {
    return await learnArrays(client, customFieldIds);
  } catch (error) {
    if (error instanceof Rejected || error instanceof NotFound) return undefined;
    throw error;
  }
}

/** Stops on an empty page, on one that was seen before, and at a bound; a page may be shorter than it could be. */
async function listAllTags(client: InfusionsoftClient): Promise<{ id: number; name: string }[]> {
  const tags = new Map<number, { id: number; name: string }>();
  let offset = 0;
  for (let page = 0; page < MAX_PAGES; page++) {
    const found = await client.listTags(offset);
    const fresh = found.filter((tag) => !tags.has(tag.id));
    if (fresh.length === 0) break;
    for (const tag of fresh) tags.set(tag.id, tag);
    offset += found.length;
  }
  return [...tags.values()];
}

/** Of several with one name the oldest counts, so that every refresh chooses the same. */
function idsByName(items: readonly { id: number; name: string }[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (const { id, name } of [...items].sort((a, b) => a.id - b.id)) {
    const key = catalogKey(name);
    if (!ids.has(key)) ids.set(key, id);
  }
  return ids;
}
