import { type Catalog, catalogKey, hashRequirements } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Requirements } from '../../../shared/user/requirements.ts';

/** A catalog to plan with, and what the sync would have to create first. */
export interface ProvisionalCatalog {
  catalog: Catalog;
  /** Names of tags, custom fields and lead sources that are not in the CRM yet. */
  created: string[];
}

/**
 * The catalog as it would be for a mapping that the sync has not seen yet: what is missing gets ids that no account has. Arrays count
 * as kept where nothing is known of them.
 *
 * @param now epoch milliseconds.
 */
export function provisionalCatalog(
  stored: Catalog | undefined,
  needs: Requirements,
  now: number,
): ProvisionalCatalog {
  const created: string[] = [];
  let lastId = Number.MAX_SAFE_INTEGER;
  const idsOf = (kind: string, names: readonly string[], known: Readonly<Record<string, number>> = {}) =>
    Object.fromEntries(
      names.map((name) => {
        const id = known[catalogKey(name)];
        if (id === undefined) created.push(`${kind} "${name}"`);
        return [catalogKey(name), id ?? lastId--];
      }),
    );
  const isCurrent = stored?.requirementsHash === hashRequirements(needs);
  const learnedAt = new Date(now).toISOString();
  const catalog: Catalog = {
    tags: idsOf(
      'tag',
      needs.tags.map(({ name }) => name),
      stored?.tags,
    ),
    customFields: idsOf(
      'custom field',
      needs.customFields.map(({ label }) => label),
      stored?.customFields,
    ),
    leadSources: idsOf('lead source', needs.leadSources, stored?.leadSources),
    staff: stored?.staff ?? {},
    unusable: isCurrent ? stored.unusable : [],
    problems: isCurrent ? stored.problems : [],
    requirementsHash: hashRequirements(needs),
    refreshedAt: learnedAt,
    arrays: stored?.arrays ?? { mode: 'merge', learnedAt },
  };
  return { catalog, created };
}
