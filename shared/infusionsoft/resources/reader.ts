import type * as z from 'zod/mini';
import { crmRequests, type RequestOptions } from '../http/crm-requests.ts';
import { contactModelSchema } from '../schemas.ts';
import {
  type FiltersOf,
  type ItemOf,
  type ListAction,
  MAX_PAGE_SIZE,
  pathOf,
  type RecordOf,
  type Resource,
} from './define-resource.ts';
import { parsePage, propertyOf, UnexpectedAnswerError } from './page.ts';
import { offsetPages, type Page, tokenPages } from './paging.ts';

type Id = number | string;

interface ListOptions<Of extends Resource> {
  /** Id of the item that a nested resource belongs to. */
  of?: Id;
  /** Only items of this range of time, by the property that the resource declares. Epoch milliseconds. */
  since?: number | undefined;
  until?: number | undefined;
  filters?: FiltersOf<Of>;
  /** Optional properties to request. The CRM refuses names that it does not know. */
  properties?: readonly string[];
  /** Largest number of items to read in all. */
  limit?: number | undefined;
  /** Items of one request; fewer need less memory. */
  pageSize?: number;
}

export interface ReaderOptions extends RequestOptions {
  /**
   * Called when an item has a property of another type than its resource declares. The item is kept as it is.
   *
   * @param where the resource and the property, for example `orders.total`.
   */
  onMismatch?: (where: string) => void;
}

/** Reads every resource that is declared. */
export interface ResourceReader {
  /**
   * The items of a resource, page by page: it never has more than a page in memory.
   *
   * @example for await (const note of crm.list(notes, { filters: { contact_id: 17 } })) …
   * @throws UnexpectedAnswerError; and what the client throws, see `http/failures.ts`.
   */
  list<Of extends Resource>(resource: Of, options?: ListOptions<Of>): AsyncGenerator<ItemOf<Of>>;
  /** As {@link ResourceReader.list}, with the items of one request at a time, and the number of all items if the CRM gives it. */
  pages<Of extends Resource>(resource: Of, options?: ListOptions<Of>): AsyncGenerator<Page<ItemOf<Of>>>;
  /**
   * Reads one item.
   *
   * @param ids the item's id, after that of the item it belongs to; none if there is only one item.
   * @throws NotFoundError, UnexpectedAnswerError; and what the client throws.
   */
  get<Of extends Resource>(
    resource: Of,
    ids?: readonly Id[],
    options?: { properties?: readonly string[] },
  ): Promise<RecordOf<Of>>;
  /** The custom fields of a resource, and the properties that are returned only if a request names them. */
  model(resource: Resource): Promise<ResourceModel>;
}

export interface ResourceModel {
  customFields: { id: number; label: string }[];
  optionalProperties: string[];
}

/** The request cannot be made as the resource is declared: it has no list, no single read, or no such filter. */
export class NotSupportedError extends Error {
  override name = 'NotSupportedError';
}

/** Creates a reader. The `fetch` of its options sets the pace. Without `onMismatch`, a property of another type is an error. */
export function resourceReader(options: ReaderOptions): ResourceReader {
  const { call } = crmRequests(options);
  const read = (path: string, searchParams: Record<string, string | number | boolean> = {}) =>
    call((http) => http.get(path, { searchParams }).json<unknown>());
  const mismatch =
    options.onMismatch ??
    ((where: string) => {
      throw new UnexpectedAnswerError(`The CRM's answer has another type than declared at ${where}`);
    });

  async function* pages<Of extends Resource>(
    resource: Of,
    asked: ListOptions<Of> = {},
  ): AsyncGenerator<Page<ItemOf<Of>>> {
    const { list } = resource;
    if (!list) throw new NotSupportedError(`${resource.name} cannot be listed`);
    const { of, limit = Number.POSITIVE_INFINITY } = asked;
    const path = pathOf(resource, list.path, of === undefined ? [] : [of]);
    const query = queryOf(list, asked);
    const size = Math.min(asked.pageSize ?? MAX_PAGE_SIZE, limit);
    let left = limit;
    for await (const { rows, count } of rawPages(resource, list, size, (page) =>
      read(path, { ...query, ...page }),
    )) {
      const items = rows.slice(0, left).map((row) => parse(resource.schema(), row, resource, mismatch));
      left -= items.length;
      yield { rows: items as ItemOf<Of>[], count };
      if (left <= 0) return;
    }
  }

  return {
    pages,
    async *list(resource, asked) {
      for await (const { rows } of pages(resource, asked)) yield* rows;
    },
    async get(resource, ids = [], { properties = [] } = {}) {
      if (!resource.get) throw new NotSupportedError(`${resource.name} has no single read`);
      const query = properties.length > 0 ? { optional_properties: properties.join(',') } : {};
      const answer = await read(pathOf(resource, resource.get.path, ids), query);
      return parse(resource.getSchema(), answer, resource, mismatch) as RecordOf<typeof resource>;
    },
    async model({ name, model, version, optional = [] }) {
      if (model === undefined) return { customFields: [], optionalProperties: [...optional] };
      const answer = contactModelSchema.safeParse(
        await read(pathOf({ name, ...(version && { version }) }, model)),
      );
      if (!answer.success) throw new UnexpectedAnswerError(`The CRM's answer is not a model of ${name}`);
      const { custom_fields, optional_properties } = answer.data;
      return {
        customFields: custom_fields ?? [],
        optionalProperties: [...new Set([...optional, ...(optional_properties ?? [])])],
      };
    },
  };
}

type Query = Record<string, string | number | boolean>;

function queryOf<Of extends Resource>(
  { dates, order, query, filters: known = {} }: ListAction,
  { since, until, filters, properties = [] }: ListOptions<Of>,
): Query {
  const unknown = Object.keys(filters ?? {}).find((name) => !(name in known));
  if (unknown !== undefined) throw new NotSupportedError(`There is no filter ${unknown}`);
  if (!dates && (since !== undefined || until !== undefined))
    throw new NotSupportedError('There is no filter by time');
  const from = since ?? (dates?.needsSince && until !== undefined ? 0 : undefined);
  return {
    ...query,
    ...(order && { order }),
    ...(dates && from !== undefined && { [dates.since]: new Date(from).toISOString() }),
    ...(dates && until !== undefined && { [dates.until]: new Date(until).toISOString() }),
    ...(properties.length > 0 && { optional_properties: properties.join(',') }),
    ...(filters as Query),
  };
}

/** Pages as the CRM returns them. */
function rawPages(
  resource: Resource,
  { rows: where, paging }: ListAction,
  size: number,
  read: (query: Query) => Promise<unknown>,
): AsyncGenerator<Page<unknown>> {
  const pageOf = (answer: unknown) => parsePage(answer, where, resource.name);
  const keyOf = (row: unknown) => keyOfRow(row, resource.key);
  switch (paging) {
    case 'offset':
      return offsetPages(async (offset) => pageOf(await read({ limit: size, offset })), keyOf);
    case 'token':
      return tokenPages(
        async (token) => pageOf(await read({ page_size: size, ...(token && { page_token: token }) })),
        keyOf,
      );
    case 'none':
      return onePage(async () => pageOf(await read({})));
  }
}

async function* onePage(read: () => Promise<Page<unknown>>): AsyncGenerator<Page<unknown>> {
  const { rows } = await read();
  yield { rows, count: rows.length };
}

/** The key of a row; undefined if its resource has none, or the row lacks it. */
function keyOfRow(row: unknown, key: string | undefined): string | number | undefined {
  const value = key?.split('.').reduce(propertyOf, row);
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

/** @throws UnexpectedAnswerError if the row is not an object, or lacks its key. */
function parse(
  schema: z.ZodMiniType,
  row: unknown,
  { name, key }: Resource,
  mismatch: (where: string) => void,
): unknown {
  const result = schema.safeParse(row);
  if (result.success) return result.data;
  for (const { path } of result.error.issues) {
    const where = path.filter((part) => typeof part === 'string').join('.');
    if (where === '' || (where === key && keyOfRow(row, key) === undefined))
      throw new UnexpectedAnswerError(
        `The CRM's answer has an item of ${name} without ${key ?? 'properties'}`,
      );
    mismatch(`${name}.${where}`);
  }
  return row;
}
