import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { ContactFaultError, NotFoundError } from '../infusionsoft/http/failures.ts';
import type { ErasureRecord, ErasureRecordStore } from '../store/erasure-records.ts';
import type { PendingRetirement, SyncTable } from '../store/sync-table.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';
import { type ContactFaultDependencies, countContactFault } from './contact-faults.ts';
import type { ForgetPolicy } from './erase-contact.ts';
import { findContactsOfUser } from './find-contacts.ts';
import { mayComeBack, withMissing } from './missing-contact.ts';
import type { DeletionPolicy, RetiredContact, Retirement } from './retire-contact.ts';

export interface RetireUserDependencies {
  table: Pick<SyncTable, 'readRetirement' | 'writeRetirement' | 'deleteRetirement'>;
  client: Pick<InfusionsoftClient, 'findContactsUpdatedSince' | 'readContact'>;
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
 * Retires a contact. A contact that the CRM does not know counts as gone only if the answer is the same a minute later, since it can be
 * wrong for a while. Failures of the CRM that may be the fault of the contact are counted as for a living user.
 *
 * @throws RetryableError until then; RejectedError for a contact for which the CRM fails again and again.
 */
export async function retireOrConfirmGone(
  retirement: Retirement,
  {
    table,
    retire,
    lastWriteAt,
    now,
  }: {
    table: RetireUserDependencies['table'];
    retire: (retirement: Retirement) => Promise<DeletionPolicy | 'kept'>;
  } & ContactFaultDependencies,
): Promise<DeletionPolicy | 'kept'> {
  const { userId, contactId, deletedAt } = retirement;
  try {
    return await retire(retirement);
  } catch (error) {
    if (!(error instanceof NotFoundError || error instanceof ContactFaultError)) throw error;
    const pending = (await table.readRetirement(userId)) ?? {
      contactIds: [contactId],
      deletedAt: new Date(deletedAt).toISOString(),
    };
    if (error instanceof ContactFaultError) {
      // Without the CRM's answer: it may contain personal data, and the values to redact are no longer known.
      const before = pending.serverErrors;
      const counted = await countContactFault(error, before, undefined, { lastWriteAt, now });
      await table.writeRetirement(userId, { ...pending, serverErrors: counted.serverErrors });
      throw counted.failure;
    }
    const wait = mayComeBack(pending.missingSince, contactId, now(), error);
    if (!wait) return retire({ ...retirement, isGone: true });
    const missingSince = withMissing(pending.missingSince, contactId, now());
    await table.writeRetirement(userId, { ...pending, missingSince });
    throw wait;
  }
}

/** Times in a stream (`ApproximateCreationDateTime`) are rounded down: to the second on AWS, to the minute in the local cloud. */
const STREAM_TIME_MS = 60_000;

/**
 * Retires all contacts of a deleted user. What is known is stored first, since a failure that comes afterwards would lose it: the item of
 * the user is gone, and a message that is delivered again does not name contacts that were found in the meantime.
 *
 * @param retirement undefined: finishes what was stored before.
 * @param living the state of the user, if it has come back. Its contacts are kept.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function retireUser(
  userId: string,
  retirement: PendingRetirement | undefined,
  living: CrmState | undefined,
  dependencies: RetireUserDependencies,
): Promise<RetiredContact[]> {
  const { table, erasureRecords, policy, forgetPolicy, retire, now } = dependencies;
  const earlier = await table.readRetirement(userId);
  const pending = merge(earlier, retirement);
  if (!pending) return [];
  if (retirement) await table.writeRetirement(userId, pending);
  const record = await erasureRecords.read(userId);
  const found = await findCreated(userId, pending, dependencies);
  // Stored, since an erased contact cannot be found again.
  if (found.length > 0)
    await table.writeRetirement(userId, { ...pending, contactIds: [...pending.contactIds, ...found] });
  const requestId = requestAfter(pending.deletedAt, record);
  const how = requestId === undefined ? { policy } : { policy: forgetPolicy, requestId };
  const kept = [living?.contactId, ...(living?.formerContactIds ?? [])];
  const contactIds = [...new Set([...pending.contactIds, ...found])].filter((id) => !kept.includes(id));
  const deletedAt = Date.parse(pending.deletedAt);
  // Not the time of the deletion: a message about an older change can be the only one that names a contact.
  const claimedBefore = living ? deletedAt + STREAM_TIME_MS : now() + 1;
  const retired: RetiredContact[] = [];
  for (const contactId of contactIds) {
    const { withdrawn } = pending;
    const retirement: Retirement = { contactId, userId, deletedAt, claimedBefore, withdrawn, ...how };
    retired.push({ contactId, done: doneBefore(retirement, record) ?? (await retire(retirement)) });
  }
  await table.deleteRetirement(userId);
  return retired;
}

/**
 * What was already done for this deletion: its message comes again if the user is back and cannot be synced. What was done less than a
 * minute after the deletion may have been for an earlier one, since times in a stream are rounded down.
 */
function doneBefore(
  { contactId, deletedAt, policy }: Retirement,
  record: ErasureRecord | undefined,
): DeletionPolicy | undefined {
  const isDone = record?.contactId === contactId && Date.parse(record.doneAt) >= deletedAt + STREAM_TIME_MS;
  return isDone && record.done === policy ? policy : undefined;
}

/** The erasure request that was answered after the user was deleted, but before this contact was known. It is carried out now. */
function requestAfter(deletedAt: string, record: ErasureRecord | undefined): string | undefined {
  const { requestId, answeredAt, done, answer = done } = record ?? {};
  return answeredAt !== undefined && answeredAt >= deletedAt && answer !== 'not-deleted'
    ? requestId
    : undefined;
}

function merge(
  earlier: PendingRetirement | undefined,
  retirement: PendingRetirement | undefined,
): PendingRetirement | undefined {
  if (!earlier || !retirement) return earlier ?? retirement;
  return {
    contactIds: [...new Set([...earlier.contactIds, ...retirement.contactIds])],
    attemptedAt: [earlier.attemptedAt, retirement.attemptedAt].sort()[0],
    missingSince: earlier.missingSince,
    serverErrors: earlier.serverErrors,
    deletedAt: retirement.deletedAt,
    ...((earlier.withdrawn || retirement.withdrawn) && { withdrawn: true }),
  };
}

/** Finds contacts that the sync created without getting an answer. */
async function findCreated(
  userId: string,
  { attemptedAt }: PendingRetirement,
  { client, catalogSource, mapping, now }: RetireUserDependencies,
): Promise<number[]> {
  if (attemptedAt === undefined) return [];
  const catalog = await catalogSource.current();
  const found = await findContactsOfUser(userId, attemptedAt, catalog, { client, mapping, now });
  return found.map(({ id }) => id);
}
