import * as z from 'zod/mini';
import { filledText } from '../zod-types.ts';
import { optionsOf } from './custom-field.ts';
import type { Mapping } from './define-mapping.ts';

/** What a mapping asks of an account of the CRM, by name: plain data, so that it can be sent and compared. */
export const requirementsSchema = z.object({
  tags: z.array(z.object({ name: filledText, description: z.string() })),
  customFields: z.array(z.object({ label: filledText, type: z.string(), options: z.array(z.string()) })),
  leadSources: z.array(filledText),
  contactTypes: z.array(filledText),
  /** Whether owners or custom fields name members of staff. */
  staff: z.boolean(),
});
export type Requirements = z.infer<typeof requirementsSchema>;

/** What a mapping asks of the account. */
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
