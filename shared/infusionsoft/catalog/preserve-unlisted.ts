import type { ContactBody } from '../contact-body.ts';
import type { Contact } from '../schemas.ts';

/**
 * Adds to each array of a body the items of the contact that the body does not list. So an account whose array mode is `replace` keeps the
 * items that people have added by hand. Arrays that are not in the body are not changed by the CRM.
 */
export function preserveUnlisted(body: ContactBody, contact: Contact): ContactBody {
  const { email_addresses: emails, phone_numbers: phones, custom_fields: fields } = body;
  const { addresses, social_accounts: accounts } = body;
  return {
    ...body,
    ...(emails && {
      email_addresses: [...emails, ...unlisted(contact.email_addresses, emails, 'field', 'email')],
    }),
    ...(phones && {
      phone_numbers: [...phones, ...unlisted(contact.phone_numbers, phones, 'field', 'number')],
    }),
    ...(addresses && {
      addresses: [...addresses, ...unlisted(contact.addresses, addresses, 'field', 'field')],
    }),
    ...(accounts && {
      social_accounts: [...accounts, ...unlisted(contact.social_accounts, accounts, 'type', 'name')],
    }),
    ...(fields && {
      custom_fields: [...fields, ...unlisted(contact.custom_fields, fields, 'id', 'content')],
    }),
  };
}

/** The contact's items that have a value, and whose key is not in the body. */
function unlisted<Item extends object, Key extends keyof Item>(
  items: readonly Item[] | null | undefined,
  own: readonly { [Each in Key]: Item[Key] }[],
  key: Key,
  value: keyof Item,
): Item[] {
  const taken = new Set(own.map((item) => item[key]));
  return (items ?? []).filter(
    (item) =>
      !taken.has(item[key]) && item[value] !== null && item[value] !== undefined && item[value] !== '',
  );
}
