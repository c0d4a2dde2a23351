import type { ContactBody } from '../contact-body.ts';
import type { Contact } from '../schemas.ts';

/**
 * Adds to every array of a body the items of the contact that the body does not set, so that an account which replaces whole
 * arrays keeps what people have typed in by hand. Arrays that the body does not have are left to the CRM.
 */
export function preserveUnlisted(body: ContactBody, contact: Contact): ContactBody {
  const { email_addresses: emails, phone_numbers: phones, custom_fields: fields } = body;
  const { addresses, social_accounts: accounts } = body;
  return {
    ...body,
    ...(emails && {
      email_addresses: [...emails, ...unset(contact.email_addresses, emails, 'field', 'email')],
    }),
    ...(phones && {
      phone_numbers: [...phones, ...unset(contact.phone_numbers, phones, 'field', 'number')],
    }),
    ...(addresses && { addresses: [...addresses, ...unset(contact.addresses, addresses, 'field', 'field')] }),
    ...(accounts && {
      social_accounts: [...accounts, ...unset(contact.social_accounts, accounts, 'type', 'name')],
    }),
    ...(fields && { custom_fields: [...fields, ...unset(contact.custom_fields, fields, 'id', 'content')] }),
  };
}

/** Items of the contact with a value, by whose key the body has none. */
function unset<Item extends object, Key extends keyof Item>(
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
