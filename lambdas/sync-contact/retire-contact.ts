import { managedTagIds, tagId } from '../../shared/infusionsoft/catalog.ts';
import type { CatalogSource } from '../../shared/infusionsoft/catalog-source.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { NotFound } from '../../shared/infusionsoft/failures.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { Claims } from './claims.ts';
import type { DeletionPolicy } from './settings.ts';
import { swapTags } from './swap-tags.ts';

export interface RetireDependencies {
  client: InfusionsoftClient;
  catalog: CatalogSource;
  claims: Claims;
  mapping: Mapping;
  deletionPolicy: DeletionPolicy;
}

/**
 * Does with the contact of a deleted user what the deletion policy says: `mark` (managed tags off, the deleted tag on),
 * `untag` (managed tags off), `leave`, or `delete` the contact. All of it can be done twice. A contact that is gone
 * already is fine, and one that is somebody else's by now, or the user's who has come back, is left alone.
 *
 * @param deletedAt when the user was deleted, in epoch milliseconds.
 * @throws Rejected or Retryable, as the client does.
 */
export async function retireContact(
  contactId: number,
  userId: string,
  deletedAt: number,
  dependencies: RetireDependencies,
): Promise<void> {
  await dependencies.claims.retire(contactId, userId, deletedAt, async () => {
    try {
      await applyPolicy(contactId, dependencies);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  });
}

async function applyPolicy(
  contactId: number,
  { client, catalog, mapping, deletionPolicy }: RetireDependencies,
): Promise<void> {
  if (deletionPolicy === 'leave') return;
  if (deletionPolicy === 'delete') return client.deleteContact(contactId);
  const names = await catalog.current();
  // All managed tags and not just the stored ones: one request either way, and none can be left behind.
  const perhapsHeld = [...managedTagIds(names)].filter((id) => id !== tagId(names, mapping.deletedTag.name));
  const progress = { crm: { contactId, tagIds: perhapsHeld }, observedTags: undefined };
  const tags = deletionPolicy === 'mark' ? [mapping.deletedTag.name] : [];
  await swapTags(progress, tags, names, { client, catalog });
}
