import { type Catalog, catalogKey, hashRequirements } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Requirements } from '../../../shared/user/requirements.ts';

/** A catalog for planning, and what the sync would create first. */
export interface ProvisionalCatalog {
  catalog: Catalog;
  /** Tags, custom fields and lead sources that the account lacks. */
  created: string[];
}

/**
 * Builds the catalog for a mapping that may not be deployed yet: missing names get ids that no account has. If the stored catalog
 * belongs to this mapping, the account has refused to create what is missing, and the sync leaves that out. While the array modes are
 * unknown, the catalog assumes that an update keeps unlisted items.
 *
 * @param now epoch milliseconds.
 */
export function provisionalCatalog(
  stored: Catalog | undefined,
  requirements: Requirements,
  now: number,
): ProvisionalCatalog {
  const created: string[] = [];
  let lastId = Number.MAX_SAFE_INTEGER;
  const isCurrent = stored?.requirementsHash === hashRequirements(requirements);
  const idsOf = (kind: string, names: readonly string[], known: Readonly<Record<string, number>> = {}) =>
    Object.fromEntries(
      names.flatMap((name) => {
        const id = known[catalogKey(name)];
        if (id !== undefined) return [[catalogKey(name), id]];
        if (isCurrent) return [];
        created.push(`${kind} "${name}"`);
        return [[catalogKey(name), lastId--]];
      }),
    );
  const learnedAt = new Date(now).toISOString();
  const catalog: Catalog = {
    tags: idsOf(
      'tag',
      requirements.tags.map(({ name }) => name),
      stored?.tags,
    ),
    customFields: idsOf(
      'custom field',
      requirements.customFields.map(({ label }) => label),
      stored?.customFields,
    ),
    leadSources: idsOf('lead source', requirements.leadSources, stored?.leadSources),
    staff: stored?.staff ?? {},
    unusable: isCurrent ? stored.unusable : [],
    problems: isCurrent ? stored.problems : [],
    requirementsHash: hashRequirements(requirements),
    refreshedAt: learnedAt,
    ...(stored?.provinces && { provinces: stored.provinces }),
    arrays: stored?.arrays ?? { modes: { put: 'merge', patch: 'merge' }, learnedAt },
  };
  return { catalog, created };
}
