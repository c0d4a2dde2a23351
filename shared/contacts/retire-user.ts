import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import type { ErasureRecordStore } from '../store/erasure-records.ts';
import type { PendingRetirement, SyncTable } from '../store/sync-table.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';
import { findContactsOfUser } from './resolve.ts';

export interface RetireUserDependencies {
  table: Pick<SyncTable, 'readRetirement' | 'writeRetirement' | 'deleteRetirement'>;
  client: Pick<InfusionsoftClient, 'findContactsUpdatedSince'>;
  catalogSource: Pick<CatalogSource, 'current'>;
  erasureRecords: Pick<ErasureRecordStore, 'read'>;
  mapping: Mapping;
  /** Applies the deletion policy to one contact. */
  retire: (contactId: number, userId: string, deletedAt: number) => Promise<unknown>;
  /** Epoch milliseconds. */
  now: () => number;
}

/** What is known about a deleted user's contacts. */
export type Departure = PendingRetirement;

/**
 * Retires all contacts of a deleted user. What is known is stored first, since a failure that comes afterwards would lose it: the item of the
 * user is gone, and a message that is delivered again does not name contacts that were found in the meantime.
 *
 * @param departure undefined: finishes what was stored before.
 * @param living the state of the user, if it has come back. Its contacts are kept.
 * @returns the contacts that were retired.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function retireUser(
  userId: string,
  departure: Departure | undefined,
  living: CrmState | undefined,
  dependencies: RetireUserDependencies,
): Promise<number[]> {
  const { table, retire } = dependencies;
  const earlier = await table.readRetirement(userId);
  const pending = merge(earlier, departure);
  if (!pending) return [];
  if (departure) await table.writeRetirement(userId, pending);
  const found = await findCreated(userId, pending, dependencies);
  const kept = [living?.contactId, ...(living?.formerContactIds ?? [])];
  const contactIds = [...new Set([...pending.contactIds, ...found])].filter((id) => !kept.includes(id));
  for (const contactId of contactIds) await retire(contactId, userId, Date.parse(pending.deletedAt));
  await table.deleteRetirement(userId);
  return contactIds;
}

function merge(earlier: Departure | undefined, departure: Departure | undefined): Departure | undefined {
  if (!earlier || !departure) return earlier ?? departure;
  const attemptedAt = [earlier.attemptedAt, departure.attemptedAt].filter((at) => at !== undefined).sort()[0];
  return {
    contactIds: [...new Set([...earlier.contactIds, ...departure.contactIds])],
    ...(attemptedAt !== undefined && { attemptedAt }),
    deletedAt: departure.deletedAt,
  };
}

/** Contacts that were created without an answer, unless the user's contact is recorded by now. */
async function findCreated(
  userId: string,
  { attemptedAt }: Departure,
  { client, catalogSource, erasureRecords, mapping, now }: RetireUserDependencies,
): Promise<number[]> {
  if (attemptedAt === undefined) return [];
  const record = await erasureRecords.read(userId);
  if (record?.contactId !== undefined && record.doneAt > attemptedAt) return [];
  const catalog = await catalogSource.current();
  const found = await findContactsOfUser(userId, attemptedAt, catalog, { client, mapping, now });
  return found.map(({ id }) => id);
}
