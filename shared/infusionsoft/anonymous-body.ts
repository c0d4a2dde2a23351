import type { ContactBody } from './contact-body.ts';
import type { Contact } from './schemas.ts';

/** String properties of a contact that are personal data (v1, `CreateOrPatchContact`). */
const TEXTS = [
  'given_name',
  'middle_name',
  'family_name',
  'preferred_name',
  'spouse_name',
  'prefix',
  'suffix',
  'job_title',
  'website',
  'birthday',
  'anniversary',
  'time_zone',
  'preferred_locale',
] as const;
const ADDRESS_PARTS = [
  'line1',
  'line2',
  'locality',
  'region',
  'postal_code',
  'zip_code',
  'zip_four',
  'country_code',
];

/** The email of an anonymised contact. A contact needs one (v1); mail to this one is never delivered (`.invalid`, RFC 2606). */
export const anonymousEmail = (contactId: number): string => `forgotten-${contactId}@example.invalid`;

/**
 * The request body that removes all personal data from a contact: names, addresses, numbers, accounts and custom fields, including
 * values that the sync did not write. The email becomes {@link anonymousEmail}. Tags are not changed.
 */
export function anonymousBody(contact: Contact): ContactBody {
  const present = TEXTS.filter(
    (key) => contact[key] !== undefined && contact[key] !== null && contact[key] !== '',
  );
  const { email_addresses, phone_numbers, addresses, social_accounts, custom_fields } = contact;
  const fax = contact['fax_numbers'] as { field: string }[] | null | undefined;
  const otherEmails = (email_addresses ?? []).filter(({ field }) => field !== 'EMAIL1');
  return {
    ...Object.fromEntries(present.map((key) => [key, ''])),
    email_addresses: [
      { field: 'EMAIL1', email: anonymousEmail(contact.id) },
      ...otherEmails.map(({ field }) => ({ field, email: '' })),
    ],
    ...(phone_numbers?.length && {
      phone_numbers: phone_numbers.map(({ field }) => ({ field, number: '' })),
    }),
    ...(fax?.length && { fax_numbers: fax.map(({ field }) => ({ field, number: '' })) }),
    ...(addresses?.length && {
      addresses: addresses.map(({ field }) => ({
        field,
        ...Object.fromEntries(ADDRESS_PARTS.map((part) => [part, ''])),
      })),
    }),
    ...(social_accounts?.length && {
      social_accounts: social_accounts.map(({ type }) => ({ type, name: '' })),
    }),
    ...(custom_fields?.length && { custom_fields: custom_fields.map(({ id }) => ({ id, content: '' })) }),
  };
}
