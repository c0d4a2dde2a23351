import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import type { ErasureRecord, ErasureRecordStore } from '../store/erasure-records.ts';
import type { PendingRetirement, SyncTable } from '../store/sync-table.ts';
import { RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';
import { findContactsOfUser } from './resolve.ts';
import type { DeletionPolicy, ForgetPolicy, RetiredContact, Retirement } from './retire-contact.ts';

export interface RetireUserDependencies {
  table: Pick<SyncTable, 'readRetirement' | 'writeRetirement' | 'deleteRetirement'>;
  client: Pick<InfusionsoftClient, 'findContactsUpdatedSince'>;
  catalogSource: Pick<CatalogSource, 'current'>;
  erasureRecords: Pick<ErasureRecordStore, 'read'>;
  mapping: Mapping;
  policy: DeletionPolicy;
  forgetPolicy: ForgetPolicy;
  retire: (retirement: Retirement) => Promise<DeletionPolicy | 'kept'>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Retires a contact. One that the CRM does not know counts as gone when it still does not know it a minute later: the answer can be wrong
 * for a while.
 *
 * @throws RetryableError until then.
 */
export async function retireOrConfirmGone(
  retirement: Retirement,
  {
    table,
    retire,
    now,
  }: {
    table: RetireUserDependencies['table'];
    retire: (retirement: Retirement) => Promise<DeletionPolicy | 'kept'>;
    now: () => number;
  },
): Promise<DeletionPolicy | 'kept'> {
  const { userId, contactId, deletedAt } = retirement;
  try {
    return await retire(retirement);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const pending = (await table.readRetirement(userId)) ?? {
      contactIds: [contactId],
      deletedAt: new Date(deletedAt).toISOString(),
    };
    const missingSince = pending.missingSince ?? new Date(now()).toISOString();
    const remainingMs = Date.parse(missingSince) + GONE_AFTER_MS - now();
    if (remainingMs <= 0) return retire({ ...retirement, isGone: true });
    await table.writeRetirement(userId, { ...pending, missingSince });
    throw new RetryableError('The CRM does not know the contact', { cause: error, afterMs: remainingMs });
  }
}

/** What is known about a deleted user's contacts. */
export type Departure = PendingRetirement;

/**
 * Retires all contacts of a deleted user. What is known is stored first, since a failure that comes afterwards would lose it: the item of the
 * user is gone, and a message that is delivered again does not name contacts that were found in the meantime.
 *
 * @param departure undefined: finishes what was stored before.
 * @param living the state of the user, if it has come back. Its contacts are kept.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function retireUser(
  userId: string,
  departure: Departure | undefined,
  living: CrmState | undefined,
  dependencies: RetireUserDependencies,
): Promise<RetiredContact[]> {
  const { table, erasureRecords, policy, forgetPolicy, retire } = dependencies;
  const earlier = await table.readRetirement(userId);
  const pending = merge(earlier, departure);
  if (!pending) return [];
  if (departure) await table.writeRetirement(userId, pending);
  const record = await erasureRecords.read(userId);
  const found = await findCreated(userId, pending, record, dependencies);
  const requestId = requestAfter(pending.deletedAt, record);
  const how = requestId === undefined ? { policy } : { policy: forgetPolicy, requestId };
  const kept = [living?.contactId, ...(living?.formerContactIds ?? [])];
  const contactIds = [...new Set([...pending.contactIds, ...found])].filter((id) => !kept.includes(id));
  const deletedAt = Date.parse(pending.deletedAt);
  const retired: RetiredContact[] = [];
  for (const contactId of contactIds)
    retired.push({ contactId, done: await retire({ contactId, userId, deletedAt, ...how }) });
  await table.deleteRetirement(userId);
  return retired;
}

/** The erasure request that was answered after the user was deleted, but before this contact was known. It is carried out now. */
function requestAfter(deletedAt: string, record: ErasureRecord | undefined): string | undefined {
  const { requestId, answeredAt, done, answer = done } = record ?? {};
  return answeredAt !== undefined && answeredAt >= deletedAt && answer !== 'not-deleted'
    ? requestId
    : undefined;
}

function merge(earlier: Departure | undefined, departure: Departure | undefined): Departure | undefined {
  if (!earlier || !departure) return earlier ?? departure;
  const attemptedAt = [earlier.attemptedAt, departure.attemptedAt].filter((at) => at !== undefined).sort()[0];
  return {
    contactIds: [...new Set([...earlier.contactIds, ...departure.contactIds])],
    ...(attemptedAt !== undefined && { attemptedAt }),
    ...(earlier.missingSince !== undefined && { missingSince: earlier.missingSince }),
    deletedAt: departure.deletedAt,
  };
}

/** Contacts that were created without an answer, unless the user's contact is recorded by now. */
async function findCreated(
  userId: string,
  { attemptedAt }: Departure,
  record: ErasureRecord | undefined,
  { client, catalogSource, mapping, now }: RetireUserDependencies,
): Promise<number[]> {
  if (attemptedAt === undefined) return [];
  if (record?.contactId !== undefined && record.doneAt > attemptedAt) return [];
  const catalog = await catalogSource.current();
  const found = await findContactsOfUser(userId, attemptedAt, catalog, { client, mapping, now });
  return found.map(({ id }) => id);
}
