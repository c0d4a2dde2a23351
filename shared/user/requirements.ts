import * as z from 'zod/mini';
import { filledText } from '../zod-types.ts';
import { optionsOf } from './custom-field.ts';
import type { Mapping } from './define-mapping.ts';

/** The tags, fields and names that a mapping requires in the account: plain data, which can be sent and compared. */
export const requirementsSchema = z.object({
  tags: z.array(z.object({ name: filledText, description: z.string() })),
  customFields: z.array(z.object({ label: filledText, type: z.string(), options: z.array(z.string()) })),
  leadSources: z.array(filledText),
  contactTypes: z.array(filledText),
  /** Whether the mapping names members of staff, as owners or in custom fields. */
  staff: z.boolean(),
});
export type Requirements = z.infer<typeof requirementsSchema>;

/** The requirements of a mapping. */
export function requirementsOf(mapping: Mapping): Requirements {
  const { contact, customFields, tagGroups, deletedTag } = mapping;
  const tags = tagGroups.flatMap((group) => Object.entries(group.tags));
  const fields = Object.entries(customFields);
  return {
    tags: [
      ...tags.map(([tag, description]) => ({ name: tag, description })),
      { name: deletedTag.name, description: deletedTag.description },
    ],
    customFields: fields.map(([label, field]) => ({
      label,
      type: field.type,
      options: [...optionsOf(field)],
    })),
    leadSources: [...(contact.lead_source?.names ?? [])],
    contactTypes: [...(contact.contact_type?.names ?? [])],
    staff:
      contact.owner !== undefined || fields.some(([, { type }]) => type === 'User' || type === 'UserListBox'),
  };
}
