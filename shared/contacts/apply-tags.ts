import { type Catalog, managedTagIds, tagId } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { TagResult } from '../infusionsoft/schemas.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { planTags } from '../sync/plan.ts';
import type { CrmState } from '../user/user.ts';

/** A contact that is being brought up to date: `crm` follows every request that succeeded. */
export interface Progress {
  crm: CrmState;
  /** Tags that the CRM's last answer showed, if it showed any. */
  observedTags: readonly number[] | undefined;
}

/**
 * Takes off the managed tags that a contact should not hold, in one request, and puts on those it should, in another;
 * where there is nothing to do there is no request. A tag that was deleted in the CRM is created again.
 *
 * @throws NotFoundError when the contact is gone; RejectedError when the account may not apply a tag; RetryableError otherwise.
 */
export async function applyTags(
  progress: Progress,
  tags: readonly string[],
  names: Catalog,
  { client, catalog }: { client: InfusionsoftClient; catalog: CatalogSource },
): Promise<void> {
  const missing = await swap(progress, tags, names, client);
  if (missing.length === 0) return;
  const fresh = await catalog.newerThan(Date.parse(names.refreshedAt));
  const stillMissing = await swap(progress, tags, fresh, client);
  if (stillMissing.length > 0)
    throw new RetryableError(`Tags ${stillMissing.join(', ')} vanish as they are created`);
}

/** @returns ids that the CRM does not know. */
async function swap(
  progress: Progress,
  tags: readonly string[],
  names: Catalog,
  client: InfusionsoftClient,
): Promise<number[]> {
  const contactId = progress.crm.contactId;
  if (!contactId) throw new Error('A contact is created before it is tagged');
  const managed = managedTagIds(names);
  const desired = tags.map((name) => tagId(names, name));
  const { crm, observedTags: observed } = progress;
  const { tagIds: applied = [], uncertainTagIds: uncertain } = crm;
  const { remove, add } = planTags(desired, { applied, observed, uncertain }, managed);

  const setTags = (certain: Iterable<number>, uncertain: readonly number[]) => {
    const { uncertainTagIds: _, ...rest } = progress.crm;
    progress.crm = {
      ...rest,
      tagIds: [...certain].sort((a, b) => a - b),
      ...(uncertain.length > 0 && { uncertainTagIds: [...uncertain] }),
    };
    progress.observedTags = undefined;
  };
  const held = desired.filter((id) => !add.includes(id));
  setTags(held, [...remove, ...add]);
  if (remove.length > 0) await client.removeTags(contactId, remove);
  setTags(held, add);
  if (add.length === 0) return [];

  const results = await client.applyTags(contactId, add);
  setTags([...held, ...add.filter((id) => isOn(results.get(id)))], []);
  return check(add, results);
}

const isOn = (result: TagResult | undefined): boolean => result === 'SUCCESS' || result === 'DUPLICATE';

/** A 200 is not yet a success: each tag has a result of its own. */
function check(add: readonly number[], results: ReadonlyMap<number, TagResult>): number[] {
  const failed = add.filter((id) => !isOn(results.get(id)));
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
