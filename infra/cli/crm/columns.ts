import type * as z from 'zod/mini';
import { moment, placesOf } from '../../../shared/infusionsoft/resources/properties.ts';
import type { ResourceModel } from '../../../shared/infusionsoft/resources/reader.ts';
import { UsageError } from '../support/command-error.ts';
import { suggest } from './suggest.ts';
import type { InZone } from './zone.ts';

/** One column of a table: its name, and where its value is in an item. */
export interface Column {
  name: string;
  /** Names of properties; `{ key, place }` selects the item of a list whose `key` is `place`. */
  path: readonly (string | { key: string; place: string })[];
}

type Type = z.core.$ZodType;

/** Names of custom fields: their labels. A label that two fields share, or that is the name of a column, is followed by the field's id. */
export function customFieldNames(
  { customFields }: Pick<ResourceModel, 'customFields'>,
  taken: readonly string[],
): Map<number, string> {
  const labels = customFields.map(({ label }) => label);
  const isAmbiguous = (label: string) =>
    taken.includes(label) || labels.indexOf(label) !== labels.lastIndexOf(label);
  return new Map(customFields.map(({ id, label }) => [id, isAmbiguous(label) ? `${label} (${id})` : label]));
}

/**
 * All columns of items with a schema. Each property of a nested object is a column: `company.id`. A list whose items have named places,
 * such as emails, has the columns of each place. Any other list is one column.
 */
export function columnsOf(schema: Type, customFields: Iterable<string> = []): Column[] {
  return columnsAt(schema, [], '').flatMap((column) =>
    column.name === 'custom_fields'
      ? [...customFields].map((name) => ({ name, path: ['custom_fields', name] }))
      : [column],
  );
}

function columnsAt(type: Type, path: Column['path'], name: string): Column[] {
  const under = (part: string) => (name === '' ? part : `${name}.${part}`);
  const places = placesOf(type);
  if (places) {
    const { key, names } = places;
    const item = (innerOf(type) as { element: Type }).element;
    return names.flatMap((place) =>
      columnsAt(item, [...path, { key, place }], under(place)).filter(
        (column) => column.name !== `${under(place)}.${key}`,
      ),
    );
  }
  const def = innerOf(type);
  if (!('shape' in def)) return [{ name, path }];
  return Object.entries(def.shape as Record<string, Type>).flatMap(([property, inner]) =>
    columnsAt(unwrapped(inner), [...path, property], under(property)),
  );
}

const innerOf = (type: Type) => type._zod.def as object;

/** The type without its `optional` and `nullable` wrappers. */
function unwrapped(type: Type): Type {
  const def = innerOf(type);
  return 'innerType' in def ? unwrapped(def.innerType as Type) : type;
}

/**
 * The columns that a person asks for. The name of an object selects all of its properties. Case does not matter.
 *
 * @throws UsageError for a name that no column has.
 */
export function selectColumns(columns: readonly Column[], fields: readonly string[]): Column[] {
  return fields.flatMap((field) => {
    const wanted = field.toLowerCase();
    const isCustom = ({ path }: Column) => path[0] === 'custom_fields' && wanted === 'custom_fields';
    const found = columns.filter(({ name }) => name.toLowerCase() === wanted);
    if (found.length > 0) return found;
    const below = columns.filter(
      (column) => column.name.toLowerCase().startsWith(`${wanted}.`) || isCustom(column),
    );
    if (below.length > 0) return below;
    const names = columns.map(({ name }) => name);
    throw new UsageError(`There is no field ${field}.${suggest(field, names)}`);
  });
}

/** The top-level property that holds the value of a column. */
export const rootOf = ({ path: [root] }: Column): string => (typeof root === 'string' ? root : '');

/** The value of a column; undefined if the item lacks it. */
export function valueAt(item: unknown, { path }: Column): unknown {
  let value = item;
  for (const part of path) {
    if (typeof part === 'object')
      value = Array.isArray(value) ? value.find((each) => each?.[part.key] === part.place) : undefined;
    else
      value =
        value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[part] : undefined;
  }
  return value;
}

/** An item with its custom fields by name instead of by id, and its moments in a time zone. */
export function readable(
  item: unknown,
  schema: Type,
  names: ReadonlyMap<number, string>,
  zone: InZone | undefined,
): unknown {
  const shown = zone ? zoned(item, schema, zone) : item;
  if (shown === null || typeof shown !== 'object' || !('custom_fields' in shown)) return shown;
  const { custom_fields } = shown;
  if (!Array.isArray(custom_fields)) return shown;
  const byName = custom_fields.map(({ id, content }) => [names.get(id) ?? String(id), content]);
  return { ...shown, custom_fields: Object.fromEntries(byName) };
}

function zoned(value: unknown, type: Type, zone: InZone): unknown {
  if (type === moment) return typeof value === 'string' ? zone(value) : value;
  const def = innerOf(type);
  if ('element' in def && Array.isArray(value))
    return value.map((each) => zoned(each, unwrapped(def.element as Type), zone));
  if (!('shape' in def) || value === null || typeof value !== 'object') return value;
  const shape = def.shape as Record<string, Type>;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const inner = shape[name];
      return [name, inner ? zoned(each, unwrapped(inner), zone) : each];
    }),
  );
}
