import { type Catalog, tagId } from '../infusionsoft/catalog/catalog.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { DesiredState } from '../sync/desired-state.ts';
import { planFields, UNCERTAIN } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';

/**
 * The state to store before the first request to the CRM. It marks the fields and tags that are about to change as uncertain: if the
 * environment dies or an answer is lost, the next sync trusts neither their old nor their new values and writes them again. Without a
 * checkpoint, an edit in between could leave a stale value or tag in the CRM for good.
 *
 * @returns undefined when nothing is about to change.
 */
export function checkpointOf(
  crm: CrmState,
  desired: DesiredState,
  catalog: Catalog,
  mapping: Mapping,
): CrmState | undefined {
  const { contactId, tagIds = [], uncertainTagIds = [] } = crm;
  const fingerprint = trustedFingerprint(crm);
  const { write, clear } = planFields(desired.fields, fingerprint, usableFields(mapping, catalog));
  const changingKeys = [...Object.keys(write), ...clear];
  const desiredTagIds = desired.tags.map((name) => tagId(catalog, name));
  const toAdd = desiredTagIds.filter((id) => !tagIds.includes(id));
  const toRemove = tagIds.filter((id) => !desiredTagIds.includes(id));
  if (contactId && changingKeys.length + toAdd.length + toRemove.length + uncertainTagIds.length === 0)
    return undefined;
  return {
    ...crm,
    fingerprint: { ...fingerprint, ...Object.fromEntries(changingKeys.map((key) => [key, UNCERTAIN])) },
    tagIds: tagIds.filter((id) => desiredTagIds.includes(id)),
    uncertainTagIds: [...new Set([...uncertainTagIds, ...toAdd, ...toRemove])].sort((a, b) => a - b),
  };
}

/** The fingerprint of the user's contact. Without a contact, only its keys mean something: these fields may have been written. */
export function trustedFingerprint({
  contactId,
  fingerprint = {},
}: CrmState): Readonly<Record<string, string>> {
  if (contactId) return fingerprint;
  return Object.fromEntries(Object.keys(fingerprint).map((key) => [key, UNCERTAIN]));
}
