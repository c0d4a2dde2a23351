import { type Catalog, managedTagIds, tagId } from '../infusionsoft/catalog/catalog.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { DesiredState } from '../sync/desired-state.ts';
import { planFields, UNCERTAIN } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';

/**
 * The state to store before the first request that changes the CRM. It marks the fields and tags that are about to change as uncertain: if
 * the environment dies or an answer is lost, the next sync trusts neither their old nor their new values and writes them again. Without a
 * checkpoint, an edit in between could leave a stale value or tag in the CRM for good.
 *
 * @param crm the state of the contact that is about to be written.
 */
export function checkpointOf(
  crm: CrmState,
  desired: DesiredState,
  catalog: Catalog,
  mapping: Mapping,
): CrmState {
  const { tagIds, uncertainTagIds = [], fingerprint = {}, emails = [] } = crm;
  const { write, clear } = planFields(desired.fields, fingerprint, usableFields(mapping, catalog));
  const changing = [...Object.keys(write), ...clear].map((key) => [key, UNCERTAIN]);
  const desiredTagIds = desired.tags.map((name) => tagId(catalog, name));
  const toAdd = desiredTagIds.filter((id) => !tagIds?.includes(id));
  const toRemove = (tagIds ?? []).filter((id) => !desiredTagIds.includes(id));
  return {
    ...crm,
    fingerprint: { ...fingerprint, ...Object.fromEntries(changing) },
    ...(write.EMAIL1 !== undefined && {
      emails: [...emails.filter((email) => email !== write.EMAIL1), write.EMAIL1],
    }),
    ...(tagIds && { tagIds: tagIds.filter((id) => desiredTagIds.includes(id)) }),
    uncertainTagIds: [...new Set([...uncertainTagIds, ...toAdd, ...toRemove])].sort((a, b) => a - b),
  };
}

/** The state of a contact about which nothing is certain: the next sync writes or clears all managed fields, and makes all tags match. */
export function uncertainState(crm: CrmState, catalog: Catalog, mapping: Mapping): CrmState {
  const { tagIds: _, untrusted: __, fingerprint = {}, ...rest } = crm;
  const keys = new Set([...usableFields(mapping, catalog), ...Object.keys(fingerprint)]);
  return {
    ...rest,
    fingerprint: Object.fromEntries([...keys].map((key) => [key, UNCERTAIN])),
    uncertainTagIds: [...managedTagIds(catalog)],
  };
}
