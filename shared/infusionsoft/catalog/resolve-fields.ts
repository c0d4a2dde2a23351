import type { DesiredState } from '../../sync/desired-state.ts';
import { type Mapping, managedFields } from '../../user/define-mapping.ts';
import type { Warning } from '../../user/read-user.ts';
import { type Catalog, catalogKey } from './catalog.ts';

/**
 * Resolves the names in a desired state against the account: emails of members of staff become ids, and values and tags that the account
 * does not accept are left out, with a warning.
 */
export function resolveFields(desired: DesiredState, catalog: Catalog, mapping: Mapping): DesiredState {
  const { staff = {}, leadSources = {}, unusable } = catalog;
  const fields: Record<string, string> = { ...desired.fields };
  const warnings = [...desired.warnings];
  const leaveOut = (field: string, problem: string, reason?: Warning['reason']) => {
    if (fields[field] === undefined) return;
    delete fields[field];
    warnings.push({ field, problem: `left out: ${problem}`, ...(reason && { reason }) });
  };
  const leaveOutStaff = (field: string) =>
    leaveOut(field, 'no member of staff has this email', 'unknown-staff');
  for (const key of unusable) leaveOut(key, 'the account lacks the field, or it does not fit the mapping');
  const { contact_type, lead_source, owner } = fields;
  if (contact_type && unusable.includes(`contact_type.${contact_type}`))
    leaveOut('contact_type', 'no contact type of the account');
  if (lead_source && leadSources[catalogKey(lead_source)] === undefined)
    leaveOut('lead_source', 'no lead source of the account');
  if (owner && staff[catalogKey(owner)] === undefined) leaveOutStaff('owner');
  for (const [label, { type }] of Object.entries(mapping.customFields)) {
    const key = `custom_fields.${label}`;
    const emails = type === 'User' || type === 'UserListBox' ? fields[key] : undefined;
    if (emails === undefined) continue;
    const ids = emails.split(',').flatMap((email) => staff[catalogKey(email)] ?? []);
    if (ids.length > 0) fields[key] = ids.join(',');
    else leaveOutStaff(key);
  }
  const tags = desired.tags.filter((name) => catalog.tags[catalogKey(name)] !== undefined);
  for (const name of desired.tags)
    if (!tags.includes(name))
      warnings.push({ field: `tags.${name}`, problem: 'left out: the account lacks the tag' });
  return { ...desired, fields, tags, warnings };
}

/** Keys of the managed fields that the account accepts. The others are left as they are. */
export function usableFields(mapping: Mapping, { unusable }: Catalog): ReadonlySet<string> {
  return new Set([...managedFields(mapping)].filter((key) => !unusable.includes(key)));
}
