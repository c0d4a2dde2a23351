import { type Catalog, tagId } from '../infusionsoft/catalog/catalog.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { DesiredState } from '../sync/desired-state.ts';
import { planFields, UNCERTAIN } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';

/**
 * What has to be stored of a user before the first request to the CRM: which fields and tags are about to change. When an
 * environment dies, or an answer is lost, nobody knows whether a request has had its effect; the next sync then takes neither the
 * old nor the new for certain. Without it, an edit that comes in between could leave a stale value or tag behind for ever.
 *
 * @returns undefined when nothing is about to change.
 */
export function checkpointOf(
  crm: CrmState,
  desired: DesiredState,
  names: Catalog,
  mapping: Mapping,
): CrmState | undefined {
  const { contactId, tagIds = [], uncertainTagIds = [] } = crm;
  const fingerprint = certainOf(crm);
  const { write, clear } = planFields(desired.fields, fingerprint, usableFields(mapping, names));
  const changing = [...Object.keys(write), ...clear];
  const wanted = desired.tags.map((name) => tagId(names, name));
  const coming = wanted.filter((id) => !tagIds.includes(id));
  const going = tagIds.filter((id) => !wanted.includes(id));
  if (contactId && changing.length + coming.length + going.length + uncertainTagIds.length === 0)
    return undefined;
  return {
    ...crm,
    fingerprint: { ...fingerprint, ...Object.fromEntries(changing.map((key) => [key, UNCERTAIN])) },
    tagIds: tagIds.filter((id) => wanted.includes(id)),
    uncertainTagIds: [...new Set([...uncertainTagIds, ...coming, ...going])].sort((a, b) => a - b),
  };
}

/** What is known of the fields: without a contact, nothing but which of them may have been written. */
export function certainOf({ contactId, fingerprint = {} }: CrmState): Readonly<Record<string, string>> {
  if (contactId) return fingerprint;
  return Object.fromEntries(Object.keys(fingerprint).map((key) => [key, UNCERTAIN]));
}
