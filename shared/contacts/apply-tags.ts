import { type Catalog, managedTagIds, tagIds } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { TagResult } from '../infusionsoft/schemas.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { planTags } from '../sync/plan.ts';
import type { CrmState } from '../user/user.ts';

/** A contact with its state, and the tags in the CRM's last answer if it listed them. */
export interface TaggedContact {
  contactId: number;
  crm: CrmState;
  observed: readonly number[] | undefined;
}

export interface ApplyTagsDependencies {
  client: Pick<InfusionsoftClient, 'applyTags' | 'removeTags'>;
  catalogSource: Pick<CatalogSource, 'newerThan'>;
}

/**
 * Makes the managed tags of a contact match. One request removes tags and another adds tags, each only if needed. A tag that was deleted in
 * the CRM is created again.
 *
 * @param tags names of the managed tags that the contact should have.
 * @param onProgress receives the state after each request that succeeded, so that nothing is done twice.
 * @returns the state with all tags certain.
 * @throws NotFoundError when the contact is gone; RejectedError when the account may not apply a tag; RetryableError otherwise.
 */
export async function applyTags(
  contact: TaggedContact,
  tags: readonly string[],
  catalog: Catalog,
  { client, catalogSource }: ApplyTagsDependencies,
  onProgress: (crm: CrmState) => void = () => {},
): Promise<CrmState> {
  const first = await removeAndAdd(contact, tags, catalog, client, onProgress);
  if (first.unknown.length === 0) return first.crm;
  const refreshed = await catalogSource.newerThan(Date.parse(catalog.refreshedAt));
  const again = { ...contact, crm: first.crm, observed: undefined };
  const second = await removeAndAdd(again, tags, refreshed, client, onProgress);
  if (second.unknown.length > 0)
    throw new RetryableError(
      `The CRM does not know the tags ${second.unknown.join(', ')} that it just listed`,
    );
  return second.crm;
}

/** @returns the state, and ids that the CRM does not know. */
async function removeAndAdd(
  { contactId, crm, observed }: TaggedContact,
  tags: readonly string[],
  catalog: Catalog,
  client: ApplyTagsDependencies['client'],
  onProgress: (crm: CrmState) => void,
): Promise<{ crm: CrmState; unknown: number[] }> {
  const desired = tagIds(catalog, tags);
  const { tagIds: applied = [], uncertainTagIds: uncertain } = crm;
  const { remove, add } = planTags(desired, { applied, observed, uncertain }, managedTagIds(catalog));
  const unchanged = desired.filter((id) => !add.includes(id));
  const stateWith = (certain: Iterable<number>, uncertain: readonly number[]): CrmState => {
    const { uncertainTagIds: _, ...rest } = crm;
    const tagIds = [...certain].sort((a, b) => a - b);
    return { ...rest, tagIds, ...(uncertain.length > 0 && { uncertainTagIds: [...uncertain] }) };
  };
  if (remove.length > 0) {
    onProgress(stateWith(unchanged, [...remove, ...add]));
    await client.removeTags(contactId, remove);
  }
  if (add.length === 0) return { crm: stateWith(unchanged, []), unknown: [] };
  onProgress(stateWith(unchanged, add));
  const results = await client.applyTags(contactId, add);
  const after = stateWith([...unchanged, ...add.filter((id) => isApplied(results.get(id)))], []);
  onProgress(after);
  return { crm: after, unknown: checkResults(add, results) };
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
