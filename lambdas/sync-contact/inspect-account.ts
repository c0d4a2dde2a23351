import { problemsOf } from '../../shared/infusionsoft/catalog/account.ts';
import type { CatalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import {
  countContacts,
  resolveRequirements,
} from '../../shared/infusionsoft/catalog/resolve-requirements.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
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
 * Where there is no time to count the contacts of all tags, the next delivery counts the others.
 *
 * @returns how many things do not fit.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function inspectAccount(
  { inspectionId, requirements, create, count }: InspectAccountMessage,
  { client, catalog, table, now }: InspectAccountDependencies,
): Promise<number> {
  const read = () => resolveRequirements(client, requirements, { create });
  const account = create ? await catalog.exclusively(read) : await read();
  await catalog.adopt(account, requirements);
  const previous = count ? await table.readInspection() : undefined;
  const before = previous?.inspectionId === inspectionId ? previous.account.tags : [];
  const counts = new Map(before.map(({ id, contacts }) => [id, contacts]));
  const known = account.tags.map((tag) => ({ ...tag, contacts: counts.get(tag.id) }));
  const { tags, failure } = count ? await countContacts(client, known) : { tags: known };
  const inspectedAt = new Date(now()).toISOString();
  const isPartial = failure !== undefined;
  await table.writeInspection({ inspectionId, inspectedAt, isPartial, account: { ...account, tags } });
  if (isPartial) throw failure;
  return problemsOf(account).length;
}
