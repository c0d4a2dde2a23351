import * as z from 'zod/mini';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import { type ErasureRecord, type ErasureRecordStore, isAtLeast } from '../store/erasure-records.ts';
import type { UserTable } from '../store/user-table.ts';
import { RetryableError } from '../sync/errors.ts';
import type { ForgetMessage } from '../sync/message.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { Claims } from './claims.ts';
import { readOrMissing, userIdIn } from './ownership.ts';
import type { DeletionPolicy, RetiredContact, Retirement } from './retire-contact.ts';

/** What happens to the contact of a person who asks for erasure. */
export const forgetPolicySchema = z.enum(['delete', 'anonymise']);
export type ForgetPolicy = z.infer<typeof forgetPolicySchema>;

export interface EraseContactDependencies {
  users: Pick<UserTable, 'read'>;
  erasureRecords: Pick<ErasureRecordStore, 'read' | 'write'>;
  forgetPolicy: ForgetPolicy;
  /** Finishes what an earlier deletion could not finish. */
  retirePending: (userId: string) => Promise<RetiredContact[]>;
  /** Whether a claim or the contact itself says that it is the user's. */
  prove: (contactId: number, userId: string) => Promise<Proof>;
  retire: (retirement: Retirement) => Promise<DeletionPolicy | 'kept'>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Answers the erasure request of a person who has left the app: retires the contact by the setting `forgetPolicy` and writes an erasure
 * record with ids and times only, also when nothing could be done. Safe to repeat.
 *
 * @param requestedAt when the request was sent, in epoch milliseconds: an answer of 404 can be wrong for a while.
 * @returns what was done, or why nothing was.
 * @throws RetryableError and RejectedError as the client does.
 */
export async function eraseContact(
  { userId, contactId: requested, requestId }: ForgetMessage,
  requestedAt: number,
  dependencies: EraseContactDependencies,
): Promise<ErasureRecord['done']> {
  const { users, erasureRecords, forgetPolicy: policy, prove, retire, now } = dependencies;
  const isInApp = (await users.read(userId)) !== undefined;
  const retired = isInApp ? [] : await dependencies.retirePending(userId);
  const record = await erasureRecords.read(userId);
  const contactId = requested ?? record?.contactId;
  let isMissing = false;
  const erase = async (id: number): Promise<ErasureRecord['done']> => {
    const known = retired.find((each) => each.contactId === id);
    if (known) return known.done;
    if (record?.contactId === id && isAtLeast(record.done, policy)) return record.done;
    const proof = await prove(id, userId);
    if (proof === 'missing') isMissing = true;
    if (proof !== 'proven') return 'not-proven';
    const claimedBefore = now() + 1;
    return retire({ contactId: id, userId, deletedAt: requestedAt, claimedBefore, policy, requestId });
  };
  // Contacts of earlier accounts first: the answer is about the last one.
  const known = new Set([...(record?.earlierContactIds ?? []), record?.contactId]);
  known.delete(contactId);
  if (!isInApp) for (const earlier of known) if (earlier !== undefined) await erase(earlier);
  const done = isInApp ? 'not-deleted' : contactId === undefined ? 'no-contact' : await erase(contactId);
  const waitMs = requestedAt + GONE_AFTER_MS - now();
  if (isMissing && waitMs > 0)
    throw new RetryableError('The CRM does not know the contact', { afterMs: waitMs });
  const answeredAt = new Date(now()).toISOString();
  const doneAt = record?.contactId === contactId && record?.done === done ? record.doneAt : answeredAt;
  await erasureRecords.write({ userId, contactId, done, doneAt, requestId, answeredAt });
  return done;
}

/** `missing`: no claim says whose the contact is, and the CRM does not know it. */
export type Proof = 'proven' | 'not-proven' | 'missing';

/** Whether a contact may be retired for a user: a claim decides about it or, without one, the contact shows the user id. */
export async function prove(
  contactId: number,
  userId: string,
  {
    claims,
    client,
    catalogSource,
    mapping,
  }: {
    claims: Pick<Claims, 'holderOf'>;
    client: Pick<InfusionsoftClient, 'readContact'>;
    catalogSource: Pick<CatalogSource, 'current'>;
    mapping: Mapping;
  },
): Promise<Proof> {
  if ((await claims.holderOf(contactId, userId)).kind !== 'new') return 'proven';
  const contact = await readOrMissing(client, contactId);
  if (!contact) return 'missing';
  return userIdIn(contact, await catalogSource.current(), mapping) === userId ? 'proven' : 'not-proven';
}
