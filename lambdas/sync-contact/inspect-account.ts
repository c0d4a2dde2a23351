import { problemsOf } from '../../shared/infusionsoft/account.ts';
import type { CatalogSource } from '../../shared/infusionsoft/catalog-source.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { readAccount } from '../../shared/infusionsoft/read-account.ts';
import type { SyncTable } from '../../shared/store/sync-table.ts';
import type { InspectAccountMessage } from '../../shared/sync/message.ts';

export interface InspectAccountDependencies {
  client: InfusionsoftClient;
  catalog: CatalogSource;
  table: SyncTable;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Reports what the account has of that which somebody's mapping asks for, and creates what is missing if it was told to. The report is
 * left in the sync's table, where the one who asked looks for it; asked for the mapping that is deployed, it is the new catalog too.
 *
 * @returns how many things do not fit.
 * @throws Rejected or Retryable, as the client does.
 */
export async function inspectAccount(
  { inspectionId, needs, create, count }: InspectAccountMessage,
  { client, catalog, table, now }: InspectAccountDependencies,
): Promise<number> {
  const read = () => readAccount(client, needs, { create, count });
  const account = create ? await catalog.exclusively(read) : await read();
  await catalog.adopt(account, needs);
  await table.writeInspection({ inspectionId, inspectedAt: new Date(now()).toISOString(), account });
  return problemsOf(account).length;
}
