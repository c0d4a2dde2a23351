import { catalogKey } from '../infusionsoft/catalog/catalog.ts';
import type { SyncTable } from '../store/sync-table.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { ItemsDependencies } from './apply-items.ts';

/**
 * Tells the items that the sync creates from those of others: companies by the record that it makes before it creates one, and the lead sources of
 * the mapping. An item with such a name that a person creates makes no event either.
 */
export function ownItems(
  table: Pick<SyncTable, 'hasOwnCompany'>,
  mapping: Pick<Mapping, 'contact'>,
): ItemsDependencies['isOwnItem'] {
  const leadSources = new Set(mapping.contact.lead_source?.names?.map(catalogKey));
  return async (resource, name) => {
    if (resource === 'companies') return table.hasOwnCompany(name);
    return resource === 'lead-sources' && leadSources.has(catalogKey(name));
  };
}
