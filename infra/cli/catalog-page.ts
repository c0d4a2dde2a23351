import { optionsOf } from '../../shared/user/custom-field.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';

/** Names of standard fields as people know them. */
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
  opt_in_reason: 'Reason of the opt-in',
  contact_type: 'Person type',
  lead_source: 'Lead source',
  owner: 'Owner',
  company: 'Company',
  BILLING: 'Billing address',
  SHIPPING: 'Shipping address',
  OTHER: 'Other address',
};

/**
 * The team's reference of what the sync shows in the CRM, in Markdown: for those who build campaigns on it. Ids are not in it, since each
 * account has its own.
 *
 * @param source path of the mapping's file.
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
  return `# What the sync shows in the CRM

Generated from [${source}](../${source}) by \`npm run catalog -- --write\`. Only these fields and tags are the sync's: it writes them,
and people should not. All else in the CRM is left as people made it.

## Fields of the contact

${markdownTable(['Field', 'Values'], standard)}
## Custom fields

${markdownTable(['Field', 'Type', 'Options', 'About'], fields)}
## Tags

Of each table a contact has one tag at most.

${groups.join('\n')}
${markdownTable(['Tag', 'Rule'], [[deletedTag.name, deletedTag.description]])}`;
}

function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`.replace(/ {2,}/g, ' ');
  return `${line(columns)}|${columns.map(() => '---').join('|')}|\n${rows.map(line).join('')}`;
}
