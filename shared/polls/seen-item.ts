import { hashValue } from '../events/contact-state.ts';
import type { SeenItem } from '../events/item-state.ts';
import { momentOf } from '../infusionsoft/listed-contact.ts';
import { RejectedError } from '../sync/errors.ts';
import type { PolledResource } from './polled-resource.ts';

/** Properties that refer to another record. Only its id is compared, since its own changes are not changes of the item. */
const REFERENCES = ['contact', 'stage', 'user'];

/**
 * What an item of a list shows, with hashes instead of values.
 *
 * @throws RejectedError if the item has no id.
 */
export function seenItem(item: unknown, polled: PolledResource): SeenItem {
  const { key, compared, createdAt, updatedAt, nameProperty, name: resource } = polled;
  const itemId = idOf(propertyOf(item, key));
  if (itemId === undefined)
    throw new RejectedError('refused-by-crm', `The CRM lists an item of ${resource} without an id`);
  const name = nameProperty && propertyOf(item, nameProperty);
  const hashes = compared.flatMap((property): [string, string][] => {
    const value = propertyOf(item, property);
    const text = textOf(REFERENCES.includes(property) ? (propertyOf(value, 'id') ?? value) : value);
    return text === undefined ? [] : [[property, hashValue(property, text)]];
  });
  return {
    itemId,
    hashes: Object.fromEntries(hashes),
    contactId: idOf(propertyOf(item, 'contact_id') ?? propertyOf(propertyOf(item, 'contact'), 'id')),
    ...(typeof name === 'string' && { name }),
    createdAt: createdAt === undefined ? undefined : timeOf(item, createdAt),
    updatedAt: updatedAt === undefined ? undefined : timeOf(item, updatedAt),
  };
}

/** A time of an item, in epoch milliseconds; undefined if it has none. */
export function timeOf(item: unknown, property: string): number | undefined {
  const value = propertyOf(item, property);
  return typeof value === 'string' ? momentOf(value) : undefined;
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** Version 2 of the API writes ids as strings. */
function idOf(value: unknown): number | undefined {
  const id = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** The same text for the same value: properties and items of lists in any order, without those that are empty. */
function textOf(value: unknown): string | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  if (typeof value !== 'object') return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.flatMap((each) => textOf(each) ?? [])
    : Object.entries(value).flatMap(([name, each]) => {
        const text = textOf(each);
        return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
      });
  return parts.length === 0 ? undefined : `(${parts.sort().join()})`;
}
