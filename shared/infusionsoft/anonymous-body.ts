import {
  ADDRESS_FIELDS,
  ADDRESS_PARTS,
  fieldsOfKind,
  fieldsOfProperty,
  SOCIAL_FIELDS,
  UNREADABLE_NETWORKS,
} from '../user/contact-fields.ts';
import type { ContactBody } from './contact-body.ts';
import type { Contact } from './schemas.ts';

/** Text properties that are personal data, unlike names of the account (v1, `CreateOrPatchContact`). */
const TEXTS = fieldsOfKind('text', 'website', 'timeZone', 'locale', 'date');
/** Array properties that are personal data, with the names of their items (v1). */
const SLOTS = {
  email_addresses: fieldsOfProperty('email_addresses'),
  phone_numbers: fieldsOfProperty('phone_numbers'),
  fax_numbers: fieldsOfProperty('fax_numbers'),
  addresses: ADDRESS_FIELDS,
} as const;
/** Parts that the sync does not write can have been written by others. */
const BLANKED_PARTS = [...ADDRESS_PARTS, 'zip_code', 'zip_four'];

/** The email of an anonymised contact. A contact needs one (v1); mail to this one is never delivered (`.invalid`, RFC 2606). */
export const anonymousEmail = (contactId: number): string => `forgotten-${contactId}@example.invalid`;

/**
 * The request body that removes all personal data from a contact: names, addresses, numbers, accounts and custom fields, including values
 * that the sync did not write. What the answer does not contain is blanked too, since it may have a value, and so are all social accounts.
 * The email becomes {@link anonymousEmail}. Tags are not changed.
 *
 * @param contact the contact with every optional property that the account has.
 */
export function anonymousBody(contact: Contact): ContactBody {
  const isEmpty = (key: string) => contact[key] === null || contact[key] === '';
  const { custom_fields } = contact;
  const slots = (array: keyof typeof SLOTS): string[] =>
    contact[array] === undefined
      ? [...SLOTS[array]]
      : ((contact[array] ?? []) as { field: string }[]).map(({ field }) => field);
  const otherEmails = slots('email_addresses').filter((field) => field !== 'EMAIL1');
  const [phones, faxes, addresses] = [slots('phone_numbers'), slots('fax_numbers'), slots('addresses')];
  return {
    ...Object.fromEntries(TEXTS.filter((key) => !isEmpty(key)).map((key) => [key, ''])),
    email_addresses: [
      { field: 'EMAIL1', email: anonymousEmail(contact.id) },
      ...otherEmails.map((field) => ({ field, email: '' })),
    ],
    ...(phones.length > 0 && { phone_numbers: phones.map((field) => ({ field, number: '' })) }),
    ...(faxes.length > 0 && { fax_numbers: faxes.map((field) => ({ field, number: '' })) }),
    ...(addresses.length > 0 && {
      addresses: addresses.map((field) => ({
        field,
        ...Object.fromEntries(BLANKED_PARTS.map((part) => [part, ''])),
      })),
    }),
    social_accounts: SOCIAL_FIELDS.map((type) => ({ type, name: '' })),
    ...(custom_fields?.length && { custom_fields: custom_fields.map(({ id }) => ({ id, content: '' })) }),
  };
}

/**
 * Names of the personal properties that an answer does not contain, so that nobody can tell whether they had a value. They are blanked
 * unseen, except for custom fields, whose ids only the answer has.
 */
export function unreadProperties(contact: Contact): string[] {
  return [
    ...[...TEXTS, ...Object.keys(SLOTS), 'custom_fields'].filter((key) => contact[key] === undefined),
    ...UNREADABLE_NETWORKS.map((network) => `social_accounts.${network}`),
  ];
}
