import { optionsOf } from '../../../shared/user/custom-field.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';

/** Names of standard fields in the user interface of the CRM. */
const LABELS: Readonly<Record<string, string>> = {
  EMAIL1: 'Email',
  PHONE1: 'Phone 1',
  given_name: 'First name',
  middle_name: 'Middle name',
  family_name: 'Last name',
  job_title: 'Job title',
  website: 'Website',
  birthday: 'Birthday',
  anniversary: 'Anniversary',
  time_zone: 'Time zone',
  preferred_locale: 'Language',
  opt_in_reason: 'Opt-in reason',
  contact_type: 'Person type',
  lead_source: 'Lead source',
  owner: 'Owner',
  company: 'Company',
  BILLING: 'Billing address',
  SHIPPING: 'Shipping address',
  OTHER: 'Other address',
};

/**
 * The reference page of the fields and tags that the sync writes, in Markdown, for people who build campaigns. It has no ids, since
 * they differ between accounts.
 *
 * @param source path of the mapping.
 */
export function catalogPage(mapping: Mapping, source: string): string {
  const { contact, customFields, tagGroups, deletedTag } = mapping;
  const choices = { contact_type: contact.contact_type?.names, lead_source: contact.lead_source?.names };
  const standard = Object.keys(contact).map((key) => [
    LABELS[key] ?? key,
    (choices[key as keyof typeof choices] ?? []).join(', '),
  ]);
  const fields = Object.entries(customFields).map(([label, field]) => [
    label,
    field.type,
    optionsOf(field).join(', '),
    field.about ?? '',
  ]);
  const groups = tagGroups.map((group) => markdownTable(['Tag', 'Rule'], Object.entries(group.tags)));
  return `# Fields and tags in the CRM

Generated from [${source}](../${source}) by \`npx --no user-sync catalog --write\`. The sync writes only these fields and tags. Do not
change them by hand: the sync overwrites them. It does not change anything else in the CRM.

## Fields of the contact

${markdownTable(['Field', 'Values'], standard)}
## Custom fields

${markdownTable(['Field', 'Type', 'Options', 'About'], fields)}
## Tags

A contact has at most one tag of each table.

${groups.join('\n')}
${markdownTable(['Tag', 'Rule'], [[deletedTag.name, deletedTag.description]])}`;
}

function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`.replace(/ {2,}/g, ' ');
  return `${line(columns)}|${columns.map(() => '---').join('|')}|\n${rows.map(line).join('')}`;
}
