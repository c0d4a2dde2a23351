import type { DeletionPolicy } from '../../lambdas/sync-contact/settings.ts';
import { anonymousBody } from '../infusionsoft/anonymous-body.ts';
import { managedTagIds, tagId } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { ErasureRecordStore } from '../store/erasure-records.ts';
import type { Mapping } from '../user/define-mapping.ts';
import { applyTags } from './apply-tags.ts';
import type { Claims } from './claims.ts';

export interface RetireDependencies {
  client: InfusionsoftClient;
  catalog: CatalogSource;
  claims: Claims;
  erasureRecords: ErasureRecordStore;
  mapping: Mapping;
  /** Epoch milliseconds. */
  now: () => number;
}

/** The contact of a user who has gone. */
export interface Retirement {
  contactId: number;
  userId: string;
  /** When the user was deleted, in epoch milliseconds. */
  deletedAt: number;
  policy: DeletionPolicy;
}

/**
 * Does with the contact of a deleted user what the policy says: `mark` (managed tags off, the deleted tag on), `untag` (managed tags
 * off), `leave`, `delete` the contact, or `anonymise` (all that says something of the person goes, and then as `mark`). All of it can be
 * done twice. A contact that is gone already is fine, and one that is somebody else's by now, or the user's who has come back, is left
 * alone. What was done is recorded.
 *
 * @returns what was done.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function retireContact(
  { contactId, userId, deletedAt, policy }: Retirement,
  dependencies: RetireDependencies,
): Promise<DeletionPolicy | 'kept'> {
  const { claims, erasureRecords, now } = dependencies;
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
  { client, catalog, mapping }: RetireDependencies,
): Promise<void> {
  if (policy === 'leave') return;
  if (policy === 'delete') return client.deleteContact(contactId);
  if (policy === 'anonymise')
    await client.updateContact(contactId, anonymousBody(await client.readContact(contactId)));
  const names = await catalog.current();
  // All managed tags and not just the stored ones: one request either way, and none can be left behind.
  const perhapsHeld = [...managedTagIds(names)].filter((id) => id !== tagId(names, mapping.deletedTag.name));
  const progress = { crm: { contactId, tagIds: perhapsHeld }, observedTags: undefined };
  const tags = policy === 'untag' ? [] : [mapping.deletedTag.name];
  await applyTags(progress, tags, names, { client, catalog });
}
