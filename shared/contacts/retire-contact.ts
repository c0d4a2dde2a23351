import * as z from 'zod/mini';
import { anonymousBody } from '../infusionsoft/anonymous-body.ts';
import { managedTagIds, tagIds } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { ErasureRecord, ErasureRecordStore } from '../store/erasure-records.ts';
import type { UserTable } from '../store/user-table.ts';
import type { ForgetMessage } from '../sync/message.ts';
import type { Mapping } from '../user/define-mapping.ts';
import { applyTags } from './apply-tags.ts';
import type { Claims } from './claims.ts';

/**
 * What happens to the contact of a deleted user: `mark` removes the managed tags and adds the deleted tag, `untag` removes the managed
 * tags, `leave` does nothing, `delete` deletes the contact, and `anonymise` removes all personal data and then does what `mark` does.
 */
export const deletionPolicySchema = z.enum(['mark', 'untag', 'leave', 'delete', 'anonymise']);
export type DeletionPolicy = z.infer<typeof deletionPolicySchema>;

/** What happens to the contact of a person who asks for erasure. */
export const forgetPolicySchema = z.enum(['delete', 'anonymise']);
export type ForgetPolicy = z.infer<typeof forgetPolicySchema>;

/** The contact of a deleted user. */
export interface Retirement {
  contactId: number;
  userId: string;
  /** When the user was deleted, in epoch milliseconds. */
  deletedAt: number;
  policy: DeletionPolicy;
}

interface ApplyPolicyDependencies {
  client: Pick<
    InfusionsoftClient,
    'applyTags' | 'removeTags' | 'readContact' | 'updateContact' | 'deleteContact'
  >;
  catalogSource: Pick<CatalogSource, 'current' | 'newerThan'>;
  mapping: Mapping;
}

export interface RetireContactDependencies extends ApplyPolicyDependencies {
  claims: Pick<Claims, 'retire'>;
  erasureRecords: Pick<ErasureRecordStore, 'write'>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Applies a deletion policy to the contact of a deleted user and writes an erasure record. A contact that is gone already is no error. A
 * contact that another user has claimed, or the same user who has come back, is kept. Safe to repeat.
 *
 * @returns what was done.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function retireContact(
  { contactId, userId, deletedAt, policy }: Retirement,
  { claims, erasureRecords, now, ...dependencies }: RetireContactDependencies,
): Promise<DeletionPolicy | 'kept'> {
  const isRetired = await claims.retire(contactId, userId, deletedAt, async () => {
    try {
      await applyPolicy(contactId, policy, dependencies);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  });
  if (!isRetired) return 'kept';
  await erasureRecords.write({ userId, contactId, done: policy, doneAt: new Date(now()).toISOString() });
  return policy;
}

async function applyPolicy(
  contactId: number,
  policy: DeletionPolicy,
  { client, catalogSource, mapping }: ApplyPolicyDependencies,
): Promise<void> {
  if (policy === 'leave') return;
  if (policy === 'delete') return client.deleteContact(contactId);
  if (policy === 'anonymise')
    await client.updateContact(contactId, anonymousBody(await client.readContact(contactId)));
  const catalog = await catalogSource.current();
  const deletedTag = mapping.deletedTag.name;
  // All managed tags, not only the stored ones: it is one request either way, and no tag is left behind.
  const kept = tagIds(catalog, [deletedTag]);
  const removed = [...managedTagIds(catalog)].filter((id) => !kept.includes(id));
  const progress = { crm: { contactId, tagIds: removed }, observedTags: undefined };
  await applyTags(progress, policy === 'untag' ? [] : [deletedTag], catalog, { client, catalogSource });
}

export interface EraseContactDependencies {
  users: Pick<UserTable, 'read'>;
  erasureRecords: Pick<ErasureRecordStore, 'read' | 'write'>;
  forgetPolicy: ForgetPolicy;
  retire: (retirement: Retirement) => Promise<DeletionPolicy | 'kept'>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Answers the erasure request of a person who has left the app: retires the contact by the setting `forgetPolicy` and writes an erasure
 * record with ids and times only, also when nothing could be done. Safe to repeat.
 *
 * @returns what was done, or why nothing was.
 * @throws RetryableError and RejectedError as the client does.
 */
export async function eraseContact(
  { userId, contactId: requested, requestId }: ForgetMessage,
  { users, erasureRecords, forgetPolicy: policy, retire, now }: EraseContactDependencies,
): Promise<ErasureRecord['done']> {
  const isInApp = (await users.read(userId)) !== undefined;
  const contactId = requested ?? (await erasureRecords.read(userId))?.contactId;
  const erase = async (): Promise<ErasureRecord['done']> => {
    if (isInApp) return 'not-deleted';
    if (contactId === undefined) return 'no-contact';
    return retire({ contactId, userId, deletedAt: now(), policy });
  };
  const done = await erase();
  await erasureRecords.write({ userId, contactId, done, doneAt: new Date(now()).toISOString(), requestId });
  return done;
}
