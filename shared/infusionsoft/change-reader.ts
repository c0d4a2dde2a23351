import * as z from 'zod/mini';
import { RejectedError } from '../sync/errors.ts';
import { endpoints } from './endpoints.ts';
import { LISTED_PROPERTIES } from './listed-contact.ts';
import {
  type AddressStatus,
  type AppliedTag,
  addressStatusPageSchema,
  appliedTagPageSchema,
  type ListedContact,
  listedContactPageSchema,
} from './listed-schemas.ts';
import { MAX_PAGE_SIZE, pathOf, type Resource } from './resources/define-resource.ts';
import { parsePage, UnexpectedAnswerError } from './resources/page.ts';
import { offsetOf, pageToken, positionAfter } from './resources/paging.ts';

/** Most contacts that one request can name (the vendor's client says so for tags; the URL of a request has a limit, too). */
export const MAX_LISTED_IDS = 100;

/** A page of a list. */
export interface ListPage<Item> {
  items: readonly Item[];
  /** Continues the list; undefined after the last page. */
  nextToken: string | undefined;
}

type ContactsQuery =
  /** In the order of their last update. Time in epoch milliseconds. */
  | { updatedSince: number; token?: string | undefined }
  /** In the order of their ids. */
  | { afterId: number }
  /** Up to {@link MAX_LISTED_IDS}. */
  | { ids: readonly number[] };

/**
 * Lists what changed in the CRM: contacts, tags and addresses by version 2 of the API, and resources by their declarations. A method makes
 * one request for one page of up to a thousand items, and retries.
 *
 * @throws like the other methods of the client; RejectedError for a token that the CRM no longer knows.
 */
export interface ChangeReader {
  listContacts(query: ContactsQuery): Promise<ListPage<ListedContact>>;
  /** Tags that were applied since a time (epoch milliseconds), of all contacts. Removals are not listed. */
  listAppliedTags(query: { since: number; token?: string | undefined }): Promise<ListPage<AppliedTag>>;
  /** Email addresses that get no marketing: opted out, bounced, or never opted in. */
  listOptOuts(token?: string): Promise<ListPage<AddressStatus>>;
  /**
   * Lists the items of a resource by its declaration, as the CRM shows them: all, or those whose date is not before a time (epoch
   * milliseconds). The order is the CRM's.
   */
  listItems(
    resource: Resource,
    query: { since?: number | undefined; token?: string | undefined },
  ): Promise<ListPage<unknown>>;
}

/** Makes a GET request. */
type Get = <Result>(
  path: string,
  searchParams: Record<string, string | number | boolean>,
  schema: z.ZodMiniType<Result>,
) => Promise<Result>;

const timeOf = (at: number): string => new Date(at).toISOString();

export function changeReader(get: Get): ChangeReader {
  const paged = (token: string | undefined) => ({
    page_size: MAX_PAGE_SIZE,
    ...(token !== undefined && { page_token: token }),
  });
  return {
    async listContacts(query) {
      const searchParams = {
        filter: filterOf(query),
        order_by: 'updatedSince' in query ? 'update_time asc' : 'id asc',
        fields: LISTED_PROPERTIES.join(','),
        ...paged('token' in query ? query.token : undefined),
      };
      const page = await get(endpoints.listedContacts, searchParams, listedContactPageSchema);
      return { items: page.contacts ?? [], nextToken: pageToken(page.next_page_token) };
    },
    async listAppliedTags({ since, token }) {
      const searchParams = { filter: `since_applied_time==${timeOf(since)}`, ...paged(token) };
      const page = await get(endpoints.appliedTags, searchParams, appliedTagPageSchema);
      return { items: page.tags ?? [], nextToken: pageToken(page.next_page_token) };
    },
    async listOptOuts(token) {
      const searchParams = { filter: 'opted_in==false', order_by: 'email asc', ...paged(token) };
      const page = await get(endpoints.emailAddresses, searchParams, addressStatusPageSchema);
      return { items: page.email_addresses ?? [], nextToken: pageToken(page.next_page_token) };
    },
    async listItems(resource, { since, token }) {
      const { list, name } = resource;
      if (!list) throw new TypeError(`${name} cannot be listed`);
      if (since !== undefined && !list.dates) throw new TypeError(`${name} is not listed by a date`);
      const searchParams = {
        ...list.query,
        ...(list.order && { order: list.order }),
        ...(since !== undefined && list.dates && { [list.dates.since]: timeOf(since) }),
        ...(list.paging === 'offset' && { limit: MAX_PAGE_SIZE, offset: offsetOf(token) }),
        ...(list.paging === 'token' && paged(token)),
      };
      const answer = await get<unknown>(pathOf(resource, list.path), searchParams, z.unknown());
      const page = pageOf(answer, list.rows, name);
      if (list.paging === 'none') return { items: page.rows, nextToken: undefined };
      const nextToken = list.paging === 'offset' ? positionAfter(token, page, MAX_PAGE_SIZE) : page.nextToken;
      return { items: page.rows, nextToken };
    },
  };
}

/** @throws RejectedError if the answer is not a list. */
function pageOf(...parameters: Parameters<typeof parsePage>): ReturnType<typeof parsePage> {
  try {
    return parsePage(...parameters);
  } catch (error) {
    if (!(error instanceof UnexpectedAnswerError)) throw error;
    throw new RejectedError('refused-by-crm', error.message, { cause: error });
  }
}

function filterOf(query: ContactsQuery): string {
  if ('ids' in query) return `ids==${query.ids.join(',')}`;
  return 'afterId' in query
    ? `contact_id>${query.afterId}`
    : `start_update_time==${timeOf(query.updatedSince)}`;
}
