import { catalogKey } from '../infusionsoft/catalog/catalog.ts';
import type { SyncTable } from '../store/sync-table.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { ItemsDependencies } from './apply-items.ts';

/**
 * Tells whether the sync itself may have created an item: a company by the record that the sync stores before it creates one, a lead source
 * by the names in the mapping. An item that a person creates with such a name makes no event either.
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
