import { type Catalog, managedTagIds, tagIds } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { TagResult } from '../infusionsoft/schemas.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { planTags } from '../sync/plan.ts';
import type { CrmState } from '../user/user.ts';

/** A contact while it is synced. `crm` is updated after every request that succeeded, so that nothing is done twice. */
export interface Progress {
  crm: CrmState;
  /** Tags in the CRM's last answer, if it had any. */
  observedTags: readonly number[] | undefined;
}

export interface ApplyTagsDependencies {
  client: Pick<InfusionsoftClient, 'applyTags' | 'removeTags'>;
  catalogSource: Pick<CatalogSource, 'newerThan'>;
}

/**
 * Makes the managed tags of a contact match: one request removes tags, another adds tags, and neither is made without need. A tag that
 * was deleted in the CRM is created again.
 *
 * @param tags names of the managed tags that the contact should have.
 * @throws NotFoundError when the contact is gone; RejectedError when the account may not apply a tag; RetryableError otherwise.
 */
export async function applyTags(
  progress: Progress,
  tags: readonly string[],
  catalog: Catalog,
  { client, catalogSource }: ApplyTagsDependencies,
): Promise<void> {
  const unknown = await removeAndAdd(progress, tags, catalog, client);
  if (unknown.length === 0) return;
  const refreshed = await catalogSource.newerThan(Date.parse(catalog.refreshedAt));
  const stillUnknown = await removeAndAdd(progress, tags, refreshed, client);
  if (stillUnknown.length > 0)
    throw new RetryableError(`The CRM does not know the tags ${stillUnknown.join(', ')} that it just listed`);
}

/** @returns ids that the CRM does not know. */
async function removeAndAdd(
  progress: Progress,
  tags: readonly string[],
  catalog: Catalog,
  client: ApplyTagsDependencies['client'],
): Promise<number[]> {
  const contactId = progress.crm.contactId;
  if (!contactId) throw new Error('A contact is created before it is tagged');
  const desired = tagIds(catalog, tags);
  const { crm, observedTags: observed } = progress;
  const { tagIds: applied = [], uncertainTagIds } = crm;
  const { remove, add } = planTags(
    desired,
    { applied, observed, uncertain: uncertainTagIds },
    managedTagIds(catalog),
  );

  const setTags = (certain: Iterable<number>, uncertain: readonly number[]) => {
    const { uncertainTagIds: _, ...rest } = progress.crm;
    progress.crm = {
      ...rest,
      tagIds: [...certain].sort((a, b) => a - b),
      ...(uncertain.length > 0 && { uncertainTagIds: [...uncertain] }),
    };
    progress.observedTags = undefined;
  };
  const unchanged = desired.filter((id) => !add.includes(id));
  setTags(unchanged, [...remove, ...add]);
  if (remove.length > 0) await client.removeTags(contactId, remove);
  setTags(unchanged, add);
  if (add.length === 0) return [];

  const results = await client.applyTags(contactId, add);
  setTags([...unchanged, ...add.filter((id) => isApplied(results.get(id)))], []);
  return checkResults(add, results);
}

const isApplied = (result: TagResult | undefined): boolean => result === 'SUCCESS' || result === 'DUPLICATE';

/** An answer of 200 can hold failures: each tag has a result of its own. @returns ids that the CRM does not know. */
function checkResults(add: readonly number[], results: ReadonlyMap<number, TagResult>): number[] {
  const failed = add.filter((id) => !isApplied(results.get(id)));
  const withResult = (result: TagResult) => failed.filter((id) => results.get(id) === result);
  if (withResult('CONTACT_NOT_FOUND').length > 0) throw new NotFoundError('The contact to be tagged is gone');
  const refused = withResult('NO_PERMISSION');
  if (refused.length > 0) {
    throw new RejectedError('tag-not-permitted', `The account may not apply the tags ${refused.join(', ')}`);
  }
  const unknown = withResult('TAG_ID_NOT_FOUND');
  if (unknown.length < failed.length)
    throw new RetryableError(`The CRM did not apply the tags ${failed.join(', ')}`);
  return unknown;
}
