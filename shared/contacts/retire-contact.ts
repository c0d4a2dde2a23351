import * as z from 'zod/mini';
import { anonymousBody, unreadProperties } from '../infusionsoft/anonymous-body.ts';
import { type Catalog, managedTagIds, tagIds } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { ForbiddenError } from '../infusionsoft/http/failures.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import type { ErasureRecordStore } from '../store/erasure-records.ts';
import { desiredStateOfOther, isSyncable } from '../sync/desired-state.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import type { CustomKey, Mapping } from '../user/define-mapping.ts';
import type { User } from '../user/user.ts';
import { applyTags } from './apply-tags.ts';
import type { Claims, ContactHolder, OtherHolder } from './claims.ts';
import type { AffectedUser } from './conflict.ts';
import { optOutContact } from './opt-out-contact.ts';
import { isContactOf, userIdIn } from './ownership.ts';
import type { Target } from './resolve.ts';
import { type WriteContactDependencies, writeContact } from './write-contact.ts';

/**
 * What happens to the contact of a deleted user: `mark` removes the managed tags and adds the deleted tag, `untag` removes the managed
 * tags, `leave` does nothing, `delete` deletes the contact, and `anonymise` removes all personal data and then does what `mark` does.
 */
export const deletionPolicySchema = z.enum(['mark', 'untag', 'leave', 'delete', 'anonymise']);
export type DeletionPolicy = z.infer<typeof deletionPolicySchema>;

/** The contact of a deleted user. */
export interface Retirement {
  contactId: number;
  userId: string;
  /** When the user was deleted, in epoch milliseconds. */
  deletedAt: number;
  /** If the user claimed the contact at this time or later, the user has come back, and the contact is kept. Epoch milliseconds. */
  claimedBefore: number;
  policy: DeletionPolicy;
  /** Id of the erasure request that this answers, if any. */
  requestId?: string;
  /** The app had withdrawn the consent, and the CRM does not know it yet. */
  withdrawn?: boolean | undefined;
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
    | 'applyTags'
    | 'removeTags'
    | 'readContact'
    | 'updateContact'
    | 'deleteContact'
    | 'setOptIn'
    | 'listOptionalProperties'
  >;
  catalogSource: Pick<CatalogSource, 'current' | 'newerThan'>;
  mapping: Mapping;
}

export interface RetireContactDependencies extends ApplyPolicyDependencies {
  claims: Pick<Claims, 'retire' | 'findUser' | 'giveContact' | 'isEmailTaken'>;
  erasureRecords: Pick<ErasureRecordStore, 'write'>;
  /** Sends messages that sync users who have the contact of the deleted user. */
  notify: (users: readonly AffectedUser[]) => Promise<void>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Applies a deletion policy to the contact of a deleted user and writes an erasure record. A contact that another user has claimed, or the
 * same user who has come back, is kept. Safe to repeat.
 *
 * @returns what was done.
 * @throws NotFoundError when the CRM does not know the contact; RetryableError while a contact that is to be erased for a person still shows
 * the person although another user has it; RejectedError or RetryableError, as the client does.
 */
export async function retireContact(
  retirement: Retirement,
  dependencies: RetireContactDependencies,
): Promise<DeletionPolicy | 'kept'> {
  const { contactId, userId, claimedBefore, policy, requestId, isGone = false } = retirement;
  const { claims, erasureRecords, notify, catalogSource, mapping, now } = dependencies;
  const contact = isGone ? undefined : await readForPolicy(retirement, dependencies);
  const named = contact && userIdIn(contact, await catalogSource.current(), mapping);
  const isOthers = named !== undefined && named !== userId;
  const living = isOthers && isErasing(policy) && (await livingUserOf(named, contactId, dependencies));
  if (living) {
    await notify([{ userId: living.userId, cause: 'resync', contactId }]);
    await claims.giveContact(contactId, userId, living.userId);
  }
  // An erasure request is about the data of this user alone.
  const others = named === userId ? 'all' : requestId === undefined ? 'deleted' : 'none';
  const limits = { before: claimedBefore, others } as const;
  const apply = async () => {
    if (!isGone) await applyPolicy(retirement, contact, dependencies);
  };
  let holder = living ? undefined : await claims.retire(contactId, userId, limits, apply);
  if (holder?.kind === 'other') {
    const cutOff = cutOffClaimant(contactId, holder);
    const affected = cutOff.length > 0 ? cutOff : [{ userId: holder.other.userId, cause: 'resync' as const }];
    // The last request for the deleted user may have reached the contact after those for its new user.
    await notify(affected);
    if (requestId !== undefined && named === userId) {
      if (!willBeWritten(holder, dependencies))
        holder = await claims.retire(contactId, userId, { ...limits, evenOf: holder }, async () => {
          // Again: the user may have been synced since, when the claim was still valid.
          await notify(affected);
          await apply();
        });
      if (holder)
        throw new RetryableError('The contact does not show its new user yet', { afterMs: GONE_AFTER_MS });
    }
  }
  if (holder?.kind === 'former' && !isGone) await notify(cutOffClaimant(contactId, holder));
  const done = living || holder ? 'kept' : policy;
  const unread = done === 'anonymise' && contact ? unreadProperties(contact) : undefined;
  const doneAt = new Date(now()).toISOString();
  await erasureRecords.write({
    userId,
    contactId,
    done,
    doneAt,
    ...(requestId && { requestId }),
    ...(unread && { unread }),
  });
  return done;
}

/** A user whose sync was cut off after it had claimed a contact. A sync that knows the contact takes it, or leaves it. */
function cutOffClaimant(contactId: number, holder: ContactHolder | undefined): AffectedUser[] {
  const isCreating = holder?.kind === 'other' && holder.other.crm?.contactId === undefined;
  const userId = isCreating ? holder.other.userId : holder?.kind === 'former' ? holder.claimedBy : undefined;
  return userId === undefined ? [] : [{ userId, cause: 'resync', contactId }];
}

/** Whether the sync is about to write the values of a user to a contact that the user has claimed, or to reject the user. */
function willBeWritten(
  { other: user, claimedAt }: OtherHolder,
  { mapping, now }: Pick<RetireContactDependencies, 'mapping' | 'now'>,
): boolean {
  const desired = desiredStateOfOther(mapping, user, now());
  const { rejection } = user.crm ?? {};
  const isRejected = rejection !== undefined && Date.parse(rejection.at) >= claimedAt;
  return desired !== undefined && isSyncable(desired) && !isRejected;
}

const isErasing = (policy: DeletionPolicy): boolean => policy === 'delete' || policy === 'anonymise';

/** Reads the contact, if the policy or a withdrawal needs it. Before all values are blanked, it is read with all optional properties. */
async function readForPolicy(
  { contactId, policy, withdrawn }: Retirement,
  { client }: Pick<ApplyPolicyDependencies, 'client'>,
): Promise<Contact | undefined> {
  if (policy === 'anonymise') return client.readContact(contactId, await client.listOptionalProperties());
  return policy === 'delete' || withdrawn ? client.readContact(contactId) : undefined;
}

/** A living user, if the contact that shows the user's id is the user's: people merged contacts. Such a contact must not lose its values. */
async function livingUserOf(
  userId: string,
  contactId: number,
  { client, claims }: Pick<RetireContactDependencies, 'client' | 'claims'>,
): Promise<User | undefined> {
  const user = await claims.findUser(userId);
  return user && (await isContactOf(user, contactId, client)) ? user : undefined;
}

async function applyPolicy(
  retirement: Retirement,
  contact: Contact | undefined,
  dependencies: RetireContactDependencies,
): Promise<void> {
  const { policy, deletedAt, withdrawn } = retirement;
  let refusal: unknown;
  try {
    // First, while the contact shows its address.
    if (contact) await optOutContact(contact, withdrawn ? 'withdrawn' : 'erased', deletedAt, dependencies);
  } catch (error) {
    // The opt-out matters only if the person comes back: a refusal must not keep the data of an erased person in the CRM.
    const isRefused = error instanceof RejectedError || error instanceof ForbiddenError;
    if (!isRefused || !isErasing(policy)) throw error;
    refusal = error;
  }
  await changeContact(retirement, contact, dependencies);
  if (refusal) throw refusal;
}

async function changeContact(
  { contactId, policy }: Retirement,
  contact: Contact | undefined,
  { client, catalogSource, mapping }: RetireContactDependencies,
): Promise<void> {
  if (policy === 'leave') return;
  if (policy === 'delete') return client.deleteContact(contactId);
  if (policy === 'anonymise' && contact) await client.updateContact(contactId, anonymousBody(contact));
  const catalog = await catalogSource.current();
  const deletedTag = mapping.deletedTag.name;
  // All managed tags, not only the stored ones: it is one request either way, and no tag is left behind.
  const kept = tagIds(catalog, [deletedTag]);
  const removed = [...managedTagIds(catalog)].filter((id) => !kept.includes(id));
  const tagged = { contactId, crm: { contactId, tagIds: removed }, observed: undefined };
  await applyTags(tagged, policy === 'untag' ? [] : [deletedTag], catalog, { client, catalogSource });
}

export interface LeaveContactDependencies extends WriteContactDependencies {
  client: WriteContactDependencies['client'] & Pick<InfusionsoftClient, 'removeTags'>;
  claims: Pick<Claims, 'retire'>;
  notify: RetireContactDependencies['notify'];
  mapping: Mapping;
  deletionPolicy: DeletionPolicy;
}

/**
 * Removes what is the app's from a contact that a living user no longer has: the managed tags and custom fields. Names, addresses and
 * numbers are the person's and stay. With the deletion policy `leave`, everything stays. A contact that another user has claimed is kept.
 *
 * @throws NotFoundError when the CRM does not know the contact; RejectedError or RetryableError, as the client does.
 */
export async function leaveContact(
  contactId: number,
  userId: string,
  catalog: Catalog,
  { claims, notify, deletionPolicy, mapping, now, ...dependencies }: LeaveContactDependencies,
): Promise<void> {
  const clear = [...usableFields(mapping, catalog)].filter(isCustomField);
  const holder = await claims.retire(contactId, userId, { before: now() + 1 }, async () => {
    if (deletionPolicy === 'leave') return;
    await dependencies.client.removeTags(contactId, [...managedTagIds(catalog)]);
    if (clear.length === 0) return;
    const target: Target = { kind: 'update', contactId, isClaimed: true, isForeign: false };
    await writeContact(target, { write: {}, clear }, catalog, { ...dependencies, now });
  });
  await notify(cutOffClaimant(contactId, holder));
}

const isCustomField = (key: string): key is CustomKey => key.startsWith('custom_fields.');
