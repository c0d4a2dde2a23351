import type { DesiredState } from '../../sync/desired-state.ts';
import { regionKey, withoutRefused } from '../../sync/refused-fields.ts';
import { ADDRESS_FIELDS, addressIn, SOCIAL_FIELDS } from '../../user/contact-fields.ts';
import { type Mapping, managedFields } from '../../user/define-mapping.ts';
import type { Warning } from '../../user/read-user.ts';
import type { CrmState } from '../../user/user.ts';
import { type Catalog, catalogKey } from './catalog.ts';
import { regionCode } from './provinces.ts';

/**
 * Resolves the names in a desired state against the account: emails of members of staff in custom fields become ids, regions become
 * codes, and values and tags that the account does not accept are left out, with a warning.
 *
 * @param crm the user's state: what the CRM has refused is left out, too.
 */
export function resolveFields(
  desired: DesiredState,
  catalog: Catalog,
  mapping: Mapping,
  { refusedFields }: Pick<CrmState, 'refusedFields'> = {},
): DesiredState {
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
  for (const key of unpreservable(catalog))
    leaveOut(key, 'the update might remove accounts of other networks, which the CRM does not show');
  const { contact_type, lead_source, owner } = fields;
  if (contact_type && unusable.includes(`contact_type.${contact_type}`))
    leaveOut('contact_type', 'not a contact type of the account');
  if (lead_source && leadSources[catalogKey(lead_source)] === undefined)
    leaveOut('lead_source', 'not a lead source of the account');
  if (owner && staff[catalogKey(owner)] === undefined) leaveOutStaff('owner');
  for (const [label, { type }] of Object.entries(mapping.customFields)) {
    const key = `custom_fields.${label}`;
    const emails = type === 'User' || type === 'UserListBox' ? fields[key] : undefined;
    if (emails === undefined) continue;
    const all = emails.split(',');
    const ids = all.flatMap((email) => staff[catalogKey(email)] ?? []);
    if (ids.length === 0) leaveOutStaff(key);
    else {
      fields[key] = ids.join(',');
      if (ids.length < all.length)
        warnings.push({
          field: key,
          problem: 'some items left out: no member of staff has their email',
          reason: 'unknown-staff',
        });
    }
  }
  for (const key of ADDRESS_FIELDS) {
    const { region, country_code: country = '', ...parts } = addressIn(fields[key]);
    if (region === undefined) continue;
    const code = regionCode(country, region, catalog);
    fields[key] = JSON.stringify({ ...parts, ...(code && { region: code }), country_code: country });
    if (!code) warnings.push({ field: regionKey(key), problem: regionProblem(country, catalog) });
  }
  const tags = desired.tags.filter((name) => catalog.tags[catalogKey(name)] !== undefined);
  for (const name of desired.tags)
    if (!tags.includes(name))
      warnings.push({ field: `tags.${name}`, problem: 'left out: the account lacks the tag' });
  return withoutRefused({ ...desired, fields, tags, warnings }, refusedFields);
}

const regionProblem = (country: string, { provinces = {} }: Catalog): string =>
  provinces[country]
    ? "left out: not in the CRM's list of the country's provinces"
    : "left out until the CRM's list of the country's provinces has been read";

/** Keys of the managed fields that the account accepts. The others are left as they are. */
export function usableFields(mapping: Mapping, catalog: Catalog): ReadonlySet<string> {
  const unusable = new Set([...catalog.unusable, ...unpreservable(catalog)]);
  return new Set([...managedFields(mapping)].filter((key) => !unusable.has(key)));
}

/**
 * Fields that cannot be written without a risk to what people typed in: unless the account is known to keep the items that an update by id
 * does not list, those would have to be read and sent back, and the CRM does not show the accounts of four networks.
 */
const unpreservable = ({ arrays }: Catalog): readonly string[] =>
  arrays?.modes?.patch === 'merge' ? [] : SOCIAL_FIELDS;
