import * as z from 'zod/mini';
import { type ObjectOf, object, type Properties } from './properties.ts';

/** Where the paths of each version of the API begin. No other file names them. */
const BASE = { 1: 'crm/rest/v1', 2: 'crm/rest/v2' } as const;

/** Largest page that a request can ask for (v1 names it for tags). A page can be shorter. */
export const MAX_PAGE_SIZE = 1000;

/** What a value of a filter looks like: a text, a whole number, yes or no, or one of these words. */
export type FilterType = 'text' | 'number' | 'flag' | readonly string[];
type FilterValue<Type> = Type extends 'number'
  ? number
  : Type extends 'flag'
    ? boolean
    : Type extends readonly (infer Word)[]
      ? Word
      : string;

/** A read of many items. */
export interface ListAction {
  /** Path after the version, with a placeholder for the parent of a nested resource: `contacts/{contactId}/tags`. */
  path: string;
  /** Where the items are in an answer, see {@link RowsIn}. */
  rows: RowsIn;
  /** `offset`: `limit` and `offset`. `token`: `page_size` and `page_token`. `none`: one answer has everything. */
  paging: 'offset' | 'token' | 'none';
  /** Query parameters that restrict the items. */
  filters?: Readonly<Record<string, FilterType>>;
  /** Names of the query parameters for a range of time, and the property that they compare. Both take a time in ISO 8601 (UTC). */
  dates?: {
    since: string;
    until: string;
    of: string;
    /** The CRM takes `until` only together with `since`. */
    needsSince?: true;
  };
  /** Whether it takes `optional_properties`. */
  optional?: true;
  /** Value of `order` that keeps pages in place while items are added and changed. */
  order?: string;
  /** Query parameters of every request. */
  query?: Readonly<Record<string, string | boolean>>;
}

/**
 * `{ in: 'tags' }`: a property. `items`: the answer is the list. `texts`: it is a list of texts, which become `{ text }`.
 * `{ codes: 'countries' }`: a property with names by code, which become `{ code, name }`.
 */
export type RowsIn = { in: string } | 'items' | 'texts' | { codes: string };

/** A read of one item. */
interface GetAction {
  /** The last placeholder is the item's id; without one there is only one item: `account/profile`. */
  path: string;
  /** Properties that the single read has instead of those of the list. */
  properties?: () => Properties;
  /** Whether it takes `optional_properties`. */
  optional?: true;
}

/** A write: its method, and its path after the version. Declared for the contract; the sync's own writes are in `client.ts`. */
type WriteAction = `${'POST' | 'PUT' | 'PATCH' | 'DELETE'} ${string}`;

interface Definition {
  name: string;
  /** Version of the API. */
  version?: keyof typeof BASE;
  /** The property that identifies an item. Left out if the contract names none. */
  key?: string;
  /** The contract does not show the key, so an answer may lack it. */
  undocumentedKey?: true;
  /** A function, since creating schemas delays a cold start: a Lambda function uses the paths of several resources, but few schemas. */
  properties: () => Properties;
  /** Properties that the CRM sets: no write takes them. */
  readOnly?: readonly string[];
  /** Properties that a creation must have. */
  required?: readonly string[];
  /** Properties that are returned only if a request names them. The model, if there is one, may name more. */
  optional?: readonly string[];
  /** Default columns of a table. */
  columns: readonly string[];
  /** Path of the resource's model: its custom fields and optional properties. */
  model?: string;
  list?: ListAction;
  get?: GetAction;
  writes?: Readonly<Record<string, WriteAction>>;
  /** Resources that belong to one item of this. */
  nested?: Readonly<Record<string, Resource>>;
}

/** A kind of record in the CRM, and what the API can do with it. */
export type Resource<Of extends Definition = Definition> = Of & {
  /** The schema of an item of the list, and of a single read unless that has properties of its own. */
  schema(): ItemSchema<Of>;
  getSchema(): GetSchema<Of>;
};

type ItemSchema<Of extends Definition> = ObjectOf<ReturnType<Of['properties']>>;
type GetSchema<Of extends Definition> = Of extends { get: { properties: () => infer Own extends Properties } }
  ? ObjectOf<Own>
  : ItemSchema<Of>;

/** An item of a resource's list. */
export type ItemOf<Of extends Resource> = z.infer<ReturnType<Of['schema']>> & KeyIn<Of>;
/** What a single read of a resource returns. */
export type RecordOf<Of extends Resource> = Of extends { get: { properties: () => Properties } }
  ? z.infer<ReturnType<Of['getSchema']>>
  : ItemOf<Of>;
/** The key, which is never missing or null. */
type KeyIn<Of> = Of extends { undocumentedKey: true }
  ? unknown
  : Of extends { key: infer Key extends string; properties: () => infer Types }
    ? { [Name in Key & keyof Types]: z.infer<Types[Name]> }
    : unknown;
/** Filters that a resource's list takes. */
export type FiltersOf<Of extends Resource> = Of extends { list: { filters: infer Filters } }
  ? { -readonly [Name in keyof Filters]?: FilterValue<Filters[Name]> }
  : Record<never, never>;

/**
 * Declares a resource. Schemas, paths and types follow from the declaration.
 *
 * @example
 * export const notes = defineResource({
 *   name: 'notes',
 *   key: 'id',
 *   properties: () => ({ id: number, title: text, contact_id: number, date_created: moment }),
 *   columns: ['id', 'date_created', 'title'],
 *   list: { path: 'notes', rows: { in: 'notes' }, paging: 'offset', filters: { contact_id: 'number' } },
 *   get: { path: 'notes/{noteId}' },
 *   writes: { create: 'POST notes', delete: 'DELETE notes/{noteId}' },
 * });
 */
export function defineResource<const Of extends Definition>(definition: Of): Resource<Of> {
  const { properties, get } = definition;
  const key = definition.undocumentedKey ? undefined : definition.key;
  const schema = once(() => withKey(properties(), key));
  const ofGet = get?.properties;
  const getSchema = ofGet ? once(() => object(ofGet())) : schema;
  return { ...definition, schema, getSchema } as Resource<Of>;
}

function once<Value>(create: () => Value): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= create();
    return value;
  };
}

/** Only the key is required. */
function withKey(properties: Properties, key: string | undefined) {
  const schema = object(properties);
  const type = key === undefined ? undefined : properties[key];
  return key === undefined || !type ? schema : z.extend(schema, { [key]: type });
}

/**
 * The path of a request, with its version.
 *
 * @param path of a read, or a write with its method.
 * @param ids values of the placeholders, in order.
 */
export function pathOf(
  { version = 1 }: Pick<Definition, 'name' | 'version'>,
  path: string,
  ids: readonly (string | number)[] = [],
): string {
  let index = 0;
  const filled = path.replace(/^[A-Z]+ /, '').replace(/\{\w+\}/g, (placeholder) => {
    const id = ids[index++];
    return id === undefined ? placeholder : encodeURIComponent(id);
  });
  return `${BASE[version]}/${filled}`;
}
