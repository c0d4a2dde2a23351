import * as z from 'zod/mini';
import { anonymousBody } from '../infusionsoft/anonymous-body.ts';
import { type Catalog, managedTagIds, tagIds } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import { type ErasureRecord, type ErasureRecordStore, isAtLeast } from '../store/erasure-records.ts';
import type { UserTable } from '../store/user-table.ts';
import type { ForgetMessage } from '../sync/message.ts';
import type { CustomKey, Mapping } from '../user/define-mapping.ts';
import type { User } from '../user/user.ts';
import { applyTags } from './apply-tags.ts';
import type { Claims } from './claims.ts';
import { isContactOf, userIdIn } from './ownership.ts';
import type { Target } from './resolve.ts';
import { type WriteContactDependencies, writeContact } from './write-contact.ts';

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
  /** The erasure request that it answers, if it does. */
  requestId?: string;
  /** The CRM has not known the contact for a while: nothing is left to do in it. */
  isGone?: boolean;
}

/** A contact of a deleted user, and what was done with it. */
export interface RetiredContact {
  contactId: number;
  done: DeletionPolicy | 'kept';
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
  claims: Pick<Claims, 'retire' | 'findUser' | 'giveContact'>;
  erasureRecords: Pick<ErasureRecordStore, 'write'>;
  /** Called for a user whose contact was merged into that of the deleted user. */
  onFound: (userId: string, contactId: number) => Promise<void>;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Times in a stream (`ApproximateCreationDateTime`) are rounded down: to the second on AWS, to the minute in the local cloud. */
const STREAM_TIME_MS = 60_000;

/**
 * Applies a deletion policy to the contact of a deleted user and writes an erasure record. A contact that another user has claimed, or the
 * same user who has come back, is kept. Safe to repeat.
 *
 * @returns what was done.
 * @throws NotFoundError when the CRM does not know the contact; RejectedError or RetryableError, as the client does.
 */
export async function retireContact(
  { contactId, userId, deletedAt, policy, requestId, isGone = false }: Retirement,
  { claims, erasureRecords, onFound, now, ...dependencies }: RetireContactDependencies,
): Promise<DeletionPolicy | 'kept'> {
  const living = isGone
    ? undefined
    : await livingUserOf(contactId, userId, policy, { claims, ...dependencies });
  if (living) {
    await claims.giveContact(contactId, userId, living.userId);
    await onFound(living.userId, contactId);
  }
  const isRetired =
    !living &&
    (await claims.retire(contactId, userId, deletedAt + STREAM_TIME_MS, async () => {
      if (!isGone) await applyPolicy(contactId, policy, dependencies);
    }));
  const done = isRetired ? policy : 'kept';
  const doneAt = new Date(now()).toISOString();
  await erasureRecords.write({ userId, contactId, done, doneAt, ...(requestId && { requestId }) });
  return done;
}

/** The living user whose id a contact shows that is about to lose its values: contacts were merged by hand. */
async function livingUserOf(
  contactId: number,
  userId: string,
  policy: DeletionPolicy,
  {
    client,
    catalogSource,
    mapping,
    claims,
  }: Pick<ApplyPolicyDependencies, 'client' | 'catalogSource' | 'mapping'> & {
    claims: Pick<Claims, 'findUser'>;
  },
): Promise<User | undefined> {
  if (policy !== 'delete' && policy !== 'anonymise') return undefined;
  const contact = await client.readContact(contactId);
  const named = userIdIn(contact, await catalogSource.current(), mapping);
  const other = named === undefined || named === userId ? undefined : await claims.findUser(named);
  return other && (await isContactOf(other, contactId, client)) ? other : undefined;
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
  const contact = { contactId, crm: { contactId, tagIds: removed }, observed: undefined };
  await applyTags(contact, policy === 'untag' ? [] : [deletedTag], catalog, { client, catalogSource });
}

export interface LeaveContactDependencies extends WriteContactDependencies {
  client: WriteContactDependencies['client'] & Pick<InfusionsoftClient, 'removeTags'>;
  claims: Pick<Claims, 'retire'>;
  mapping: Mapping;
  deletionPolicy: DeletionPolicy;
}

/**
 * Removes what is the app's from a contact that a living user no longer has: the managed tags and custom fields. Names, addresses and numbers
 * are the person's and stay. With the deletion policy `leave`, everything stays. A contact that another user has claimed is kept.
 *
 * @throws NotFoundError when the CRM does not know the contact; RejectedError or RetryableError, as the client does.
 */
export async function leaveContact(
  contactId: number,
  userId: string,
  catalog: Catalog,
  { claims, deletionPolicy, mapping, now, ...dependencies }: LeaveContactDependencies,
): Promise<void> {
  const clear = [...usableFields(mapping, catalog)].filter(isCustomField);
  await claims.retire(contactId, userId, now() + 1, async () => {
    if (deletionPolicy === 'leave') return;
    await dependencies.client.removeTags(contactId, [...managedTagIds(catalog)]);
    if (clear.length === 0) return;
    const target: Target = { kind: 'update', contactId, isClaimed: true, isForeign: false };
    await writeContact(target, { write: {}, clear }, catalog, { ...dependencies, now });
  });
}

const isCustomField = (key: string): key is CustomKey => key.startsWith('custom_fields.');

export interface EraseContactDependencies {
  users: Pick<UserTable, 'read'>;
  erasureRecords: Pick<ErasureRecordStore, 'read' | 'write'>;
  forgetPolicy: ForgetPolicy;
  /** Finishes what an earlier deletion could not finish. */
  retirePending: (userId: string) => Promise<RetiredContact[]>;
  /** Whether a claim or the contact itself says whose it is. */
  isProven: (contactId: number, userId: string) => Promise<boolean>;
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
  dependencies: EraseContactDependencies,
): Promise<ErasureRecord['done']> {
  const { users, erasureRecords, forgetPolicy: policy, isProven, retire, now } = dependencies;
  const isInApp = (await users.read(userId)) !== undefined;
  const retired = isInApp ? [] : await dependencies.retirePending(userId);
  const record = await erasureRecords.read(userId);
  const contactId = requested ?? record?.contactId;
  const erase = async (id: number): Promise<ErasureRecord['done']> => {
    const known = retired.find((each) => each.contactId === id);
    if (known) return known.done;
    if (record?.contactId === id && isAtLeast(record.done, policy)) return record.done;
    if (id === requested && !(await isProven(id, userId))) return 'not-proven';
    return retire({ contactId: id, userId, deletedAt: now(), policy, requestId });
  };
  // Contacts of earlier accounts first: the record is about the last one.
  if (!isInApp) for (const earlier of record?.earlierContactIds ?? []) await erase(earlier);
  const done = isInApp ? 'not-deleted' : contactId === undefined ? 'no-contact' : await erase(contactId);
  const answeredAt = new Date(now()).toISOString();
  const doneAt = record?.contactId === contactId && record?.done === done ? record.doneAt : answeredAt;
  await erasureRecords.write({ userId, contactId, done, doneAt, requestId, answeredAt });
  return done;
}

/** Whether a contact may be retired for a user: a claim decides about it or, without one, the contact shows the user id. */
export async function isProven(
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
): Promise<boolean> {
  if ((await claims.holderOf(contactId, userId)).kind !== 'new') return true;
  try {
    const contact = await client.readContact(contactId);
    return userIdIn(contact, await catalogSource.current(), mapping) === userId;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}
