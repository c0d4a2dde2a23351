import { RefusedFieldsError } from '../../sync/errors.ts';
import { ADDRESS_PARTS } from '../../user/contact-fields.ts';
import type { ContactBody } from '../contact-body.ts';
import type { Contact } from '../schemas.ts';
import type { Catalog } from './catalog.ts';
import { regionCode } from './provinces.ts';

/** Optional properties of a contact that have to be read before a body is written. */
export const arraysToRead = ({ fax_numbers: faxes }: ContactBody): string[] => (faxes ? ['fax_numbers'] : []);

/** Writable properties of the items (v1). Answers have more, such as `number_e164`, which the CRM refuses. */
const WRITABLE = {
  email_addresses: ['field', 'email'],
  phone_numbers: ['field', 'number', 'extension', 'type'],
  fax_numbers: ['field', 'number', 'type'],
  custom_fields: ['id', 'content'],
} as const;

/**
 * Adds to each array of a body the items of the contact that the body does not list, with their writable properties. So an account whose
 * updates by id replace arrays keeps the items that people have added by hand. Arrays that are not in the body are not changed by the CRM.
 *
 * Social accounts cannot be preserved, since the CRM does not show all of them: see `unpreservable` in resolve-fields.ts.
 *
 * @param contact read with {@link arraysToRead}.
 * @throws RefusedFieldsError for an address that would lose its region: the CRM refuses regions that it has shown itself (vendor's forum,
 *   93909).
 */
export function preserveUnlisted(body: ContactBody, contact: Contact, catalog: Catalog): ContactBody {
  const { email_addresses: emails, phone_numbers: phones, custom_fields: fields } = body;
  const { addresses, fax_numbers: faxes } = body;
  const own = (addresses ?? []).map(({ field }) => field);
  return {
    ...body,
    ...(emails && {
      email_addresses: [
        ...emails,
        ...unlisted(contact.email_addresses, emails, 'field', 'email', WRITABLE.email_addresses),
      ],
    }),
    ...(phones && {
      phone_numbers: [
        ...phones,
        ...unlisted(contact.phone_numbers, phones, 'field', 'number', WRITABLE.phone_numbers),
      ],
    }),
    ...(addresses && {
      addresses: [
        ...addresses,
        ...(contact.addresses ?? [])
          .filter(hasField)
          .filter(({ field }) => !own.includes(field))
          .map((address) => sendable(address, catalog) ?? unpreservable(own)),
      ],
    }),
    ...(faxes && {
      fax_numbers: [
        ...faxes,
        ...unlisted(contact.fax_numbers, faxes, 'field', 'number', WRITABLE.fax_numbers),
      ],
    }),
    ...(fields && {
      custom_fields: [
        ...fields,
        ...unlisted(contact.custom_fields, fields, 'id', 'content', WRITABLE.custom_fields),
      ],
    }),
  };
}

const unpreservable = (fields: readonly string[]): never => {
  throw new RefusedFieldsError(fields, 'Another address has a region that is not in the list of the account');
};

/** The contact's items that have a key and a value, and whose key is not in the body, with their writable properties. */
function unlisted<Item extends object, Key extends keyof Item>(
  items: readonly Item[] | null | undefined,
  own: readonly Record<Key, NonNullable<Item[Key]>>[],
  key: Key,
  value: keyof Item,
  writable: readonly (keyof Item)[],
): (Item & Record<Key, NonNullable<Item[Key]>>)[] {
  const taken = new Set<Item[Key]>(own.map((item) => item[key]));
  const isFilled = (item: Item): item is Item & Record<Key, NonNullable<Item[Key]>> =>
    hasText(item[key]) && hasText(item[value]);
  return (items ?? [])
    .filter(isFilled)
    .filter((item) => !taken.has(item[key]))
    .map((item) => picked(item, writable));
}

/** The properties of an item that have a value: a request has values only. */
const picked = <Item extends object>(item: Item, properties: readonly (keyof Item)[]): Item =>
  Object.fromEntries(
    properties.filter((property) => hasText(item[property])).map((property) => [property, item[property]]),
  ) as Item;

const hasText = (value: unknown): boolean => value !== null && value !== undefined && value !== '';

type Address = NonNullable<Contact['addresses']>[number] & { field: string };

const hasField = (address: NonNullable<Contact['addresses']>[number]): address is Address =>
  hasText(address.field);

/** An address as a request can send it: with a postal code or a ZIP code, and a checked region. Undefined if the region cannot be sent. */
function sendable(address: Address, catalog: Catalog): Address | undefined {
  const { postal_code, zip_code, zip_four, country_code, region } = address;
  const code = hasText(postal_code) ? undefined : zip_code;
  const parts = picked(
    { ...address, zip_code: code, zip_four: code && zip_four } as Record<string, unknown>,
    ['field', ...ADDRESS_PARTS, 'zip_code', 'zip_four'],
  ) as Address;
  if (!hasText(region)) return parts;
  const checked = regionCode(String(country_code ?? ''), String(region), catalog);
  return checked === undefined ? undefined : { ...parts, region: checked };
}
