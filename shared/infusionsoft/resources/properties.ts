import * as z from 'zod/mini';

/*
 * Types of properties. An answer of the CRM may leave out any property, may have null for it, and may have more: the contract says so for
 * few of them, and accounts differ. So only keys are required, choices are texts, and unknown properties are kept.
 */

export const text = z.string();
export const number = z.number();
/** An id of version 2, which writes them as texts. */
export const anyId = z.union([number, text]);
export const flag = z.boolean();
/** A date with a time, as the CRM writes it: `2026-11-29T05:00:00.000+0000`. */
export const moment = z.string();
/** A date without a time: `2026-11-29`. The CRM may write midnight (UTC) after it. */
export const day = z.string();
/** A value of a custom field: a text, a number or a list, by the type of the field. */
const anything = z.unknown();

export type Properties = Readonly<Record<string, z.core.$ZodType>>;
type Nullish<Of extends Properties> = {
  -readonly [Name in keyof Of]: z.ZodMiniOptional<z.ZodMiniNullable<Of[Name]>>;
};
export type ObjectOf<Of extends Properties> = z.ZodMiniObject<Nullish<Of>, z.core.$loose>;

/** An object whose properties may be missing or null. */
export function object<const Of extends Properties>(properties: Of): ObjectOf<Of> {
  const shape = Object.entries(properties).map(([name, type]) => [name, z.nullish(type)]);
  return z.looseObject(Object.fromEntries(shape)) as ObjectOf<Of>;
}

export const list = <Item extends z.core.$ZodType>(item: Item) => z.array(item);

/**
 * A list in which each item has a fixed place, such as the `EMAIL1` to `EMAIL3` of a contact. In a table, each place has its own columns.
 *
 * @param key the property that names the place.
 */
export function places<const Key extends string, const Of extends Properties>(
  key: Key,
  names: readonly string[],
  properties: Of,
) {
  const items = z.array(object({ [key]: text, ...properties } as Record<Key, typeof text> & Of));
  PLACES.set(items, { key, names });
  return items;
}

const PLACES = new WeakMap<z.core.$ZodType, { key: string; names: readonly string[] }>();
/** The places of a list that {@link places} has made, or undefined for another type. */
export const placesOf = (type: z.core.$ZodType) => PLACES.get(type);

/** Custom fields of one record. */
export const customFields = () => list(object({ id: number, content: anything }));
