import { contactField, isStandardField } from '../../../shared/user/contact-fields.ts';
import { optionsOf } from '../../../shared/user/custom-field.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';

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
    isStandardField(key) ? contactField(key).label : key,
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
${consentSection(mapping)}## Custom fields

${markdownTable(['Field', 'Type', 'Options', 'About'], fields)}
## Tags

A contact has at most one tag of each table.

${groups.join('\n')}
${markdownTable(['Tag', 'Rule'], [[deletedTag.name, deletedTag.description]])}`;
}

function consentSection({ marketingConsent }: Mapping): string {
  if (!marketingConsent) return '';
  const { optInReason, withdrawalReason } = marketingConsent;
  const rows = [
    ['opts an address in', optInReason],
    ['opts an address out', withdrawalReason],
  ];
  return `## Consent to marketing

The sync changes the status of an email address when the app's value changes. It never undoes an opt-out that was made in the CRM
([consent.md](consent.md)).

${markdownTable(['The sync', 'Reason in the CRM'], rows)}
`;
}

function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`.replace(/ {2,}/g, ' ');
  return `${line(columns)}|${columns.map(() => '---').join('|')}|\n${rows.map(line).join('')}`;
}
