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
  catalogSource: Pick<CatalogSource, 'exclusively' | 'adopt'>;
  table: Pick<SyncTable, 'readInspection' | 'writeInspection'>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Reports which of a mapping's fields and tags the account has, and creates the missing ones if asked. The report goes to the sync table,
 * where the sender of the message reads it. A report for the deployed mapping also becomes the new catalog. If the time is too short to
 * count the contacts of all tags, the next delivery counts the others.
 *
 * @returns the number of problems: parts of the mapping that the account cannot take.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function inspectAccount(
  { inspectionId, requirements, create, count }: InspectAccountMessage,
  { client, catalogSource, table, now }: InspectAccountDependencies,
): Promise<number> {
  const read = () => resolveRequirements(client, requirements, { create });
  const found = create ? await catalogSource.exclusively(read) : await read();
  const account = await catalogSource.adopt(found, requirements);
  const previous = count ? await table.readInspection() : undefined;
  const countedTags = previous?.inspectionId === inspectionId ? previous.account.tags : [];
  const counts = new Map(countedTags.map(({ id, contacts }) => [id, contacts]));
  const withCounts = account.tags.map((tag) => ({ ...tag, contacts: counts.get(tag.id) }));
  const { tags, failure } = count ? await countContacts(client, withCounts) : { tags: withCounts };
  const inspectedAt = new Date(now()).toISOString();
  const isPartial = failure !== undefined;
  await table.writeInspection({ inspectionId, inspectedAt, isPartial, account: { ...account, tags } });
  if (isPartial) throw failure;
  return problemsOf(account).length;
}
