import { type Catalog, catalogKey } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { CONSENT } from '../../../shared/sync/diff.ts';
import { bulkRequests, isSingleCheaper, type TagCounts } from '../../../shared/sync/tag-cost.ts';
import { addUser, emptyEstimate, isFull } from '../../../shared/sync/tag-estimate.ts';
import { managedFields, managedTags } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import type { PlannedRequest } from './dry-client.ts';
import { type PreviewContext, previewUser, storedContact } from './preview-user.ts';

/** What a mapping would change for many users. */
export interface Summary {
  /** Users that were previewed. */
  users: number;
  /** Users with at least one request. */
  changed: number;
  /** Of those, the ones that the daily refresh includes (`isActive`). The others are synced with their next change. */
  refreshed: number;
  /** Requests of all changed users, and of those that the refresh includes. */
  requests: number;
  refreshRequests: number;
  contactsCreated: number;
  contactsUpdated: number;
  /** Contacts by the fields that are written or cleared. */
  fields: Record<string, number>;
  tagsAdded: Record<string, number>;
  tagsRemoved: Record<string, number>;
  /** Users by what is corrected or left out, and why. Contains no values. */
  warnings: Record<string, number>;
  /** Users that would be rejected, by reason. */
  rejected: Record<string, number>;
  /** Users whose sync would be tried again later, by why. */
  postponed: Record<string, number>;
  /** Requests by method and route. */
  byRoute: RequestsByRoute;
}

/**
 * Sums up what a backfill would do for each user, from the sync's own records: it makes no requests.
 *
 * @param tagBatch most contacts that one request can tag.
 */
export async function summarise(
  users: AsyncIterable<User> | Iterable<User>,
  context: PreviewContext,
  tagBatch: number,
): Promise<Summary> {
  const names = namesOf(context);
  const all = new RequestCount(tagBatch);
  const refreshed = new RequestCount(tagBatch);
  const summary: Summary = {
    users: 0,
    changed: 0,
    refreshed: 0,
    requests: 0,
    refreshRequests: 0,
    contactsCreated: 0,
    contactsUpdated: 0,
    fields: {},
    tagsAdded: {},
    tagsRemoved: {},
    warnings: {},
    rejected: {},
    postponed: {},
    byRoute: {},
  };
  for await (const user of users) {
    const preview = await previewUser(user, storedContact(user), context);
    const { desired, requests, rejected, postponed } = preview;
    summary.users++;
    for (const { field, problem } of desired.warnings) count(summary.warnings, `${field}: ${problem}`);
    if (rejected) count(summary.rejected, rejected);
    if (postponed) count(summary.postponed, postponed);
    if (requests.length === 0) continue;
    summary.changed++;
    all.add(user.userId, requests);
    if (context.mapping.isActive(user, context.now)) {
      summary.refreshed++;
      refreshed.add(user.userId, requests);
    }
    for (const request of requests) addRequest(summary, request, names);
  }
  summary.byRoute = all.total();
  summary.requests = sumOf(summary.byRoute);
  summary.refreshRequests = sumOf(refreshed.total());
  return summary;
}

function addRequest(summary: Summary, request: PlannedRequest, names: Names): void {
  const { method, body } = request;
  if (isCreation(request)) summary.contactsCreated++;
  if (method === 'PATCH') summary.contactsUpdated++;
  if (!body) return;
  if ('opted_in' in body) count(summary.fields, CONSENT);
  else if ('tagIds' in body) {
    const tags = method === 'DELETE' ? summary.tagsRemoved : summary.tagsAdded;
    for (const id of body.tagIds as readonly number[]) count(tags, names.tag(id));
  } else {
    for (const field of names.fields(body)) count(summary.fields, field);
  }
}

const isCreation = ({ method, route }: PlannedRequest): boolean => method === 'PUT' && route === '/contacts';

const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/** Names for the ids in a request. */
export interface Names {
  tag(id: number): string;
  /** Keys of the mapping that a body writes or clears. */
  fields(body: object): string[];
}

/** Array properties of the API, and the key that identifies their items. */
const ITEMS: Readonly<Record<string, string>> = {
  email_addresses: 'field',
  phone_numbers: 'field',
  fax_numbers: 'field',
  addresses: 'field',
  social_accounts: 'type',
};
const KEYS: Readonly<Record<string, string>> = { lead_source_id: 'lead_source', owner_id: 'owner' };

/** The mapping's names for the ids of a catalog. */
export function namesOf({
  mapping,
  catalog,
}: {
  mapping: PreviewContext['mapping'];
  catalog: Catalog;
}): Names {
  const byId = (ids: Readonly<Record<string, number>>, names: readonly string[]) =>
    new Map(names.map((name) => [ids[catalogKey(name)], name]));
  const tags = byId(catalog.tags, managedTags(mapping));
  const customFields = byId(catalog.customFields, Object.keys(mapping.customFields));
  const managed = managedFields(mapping);
  return {
    tag: (id) => tags.get(id) ?? String(id),
    fields: (body) =>
      Object.entries(body)
        .flatMap(([key, value]): string[] => {
          if (key === 'custom_fields')
            return (value as { id: number }[]).map(({ id }) => `custom_fields.${customFields.get(id) ?? id}`);
          const itemKey = ITEMS[key];
          if (itemKey) return (value as Record<string, string>[]).map((item) => item[itemKey] ?? key);
          return [KEYS[key] ?? key];
        })
        .filter((key) => managed.has(key)),
  };
}

/** Requests by method and route. */
type RequestsByRoute = Record<string, number>;

const TAGS_ROUTE = '/contacts/{id}/tags';
const TOGETHER_ROUTE = '/tags/{id}/contacts';

/**
 * Counts requests as a backfill makes them: new contacts, and contacts that only change tags, are tagged many at a time, or one by one
 * when that is cheaper.
 */
class RequestCount {
  readonly #tagBatch: number;
  readonly #byRoute: RequestsByRoute = {};
  #estimate = emptyEstimate();
  /** Requests of those users if each is tagged alone. */
  #alone: PlannedRequest[] = [];

  /** @param tagBatch most contacts that one request can tag. */
  constructor(tagBatch: number) {
    this.#tagBatch = tagBatch;
  }

  /** Adds the requests of one user. */
  add(userId: string, requests: readonly PlannedRequest[]): void {
    const tagging = requests.filter(({ route }) => route === TAGS_ROUTE);
    const others = requests.filter(({ route }) => route !== TAGS_ROUTE);
    this.#count(others);
    if (others.some(({ method }) => method !== 'PUT') || (others.length > 0 && !others.some(isCreation))) {
      this.#count(tagging);
      return;
    }
    addUser(this.#estimate, userId, { remove: tagIdsOf(tagging, 'DELETE'), add: tagIdsOf(tagging, 'POST') });
    this.#alone.push(...tagging);
    if (isFull(this.#estimate)) this.#tagTogether();
  }

  /** Returns all requests so far. */
  total(): RequestsByRoute {
    this.#tagTogether();
    return this.#byRoute;
  }

  #tagTogether(): void {
    const { counts, alone } = this.#estimate;
    if (isSingleCheaper(alone, counts, this.#tagBatch)) this.#count(this.#alone);
    else {
      for (const [sign, method] of [
        ['-', 'DELETE'],
        ['+', 'POST'],
      ] as const)
        this.#countOf(`${method} ${TOGETHER_ROUTE}`, bulkRequests(only(counts, sign), this.#tagBatch));
    }
    this.#estimate = emptyEstimate();
    this.#alone = [];
  }

  #count(requests: readonly PlannedRequest[]): void {
    for (const { method, route } of requests) this.#countOf(`${method} ${route}`, 1);
  }

  #countOf(route: string, requests: number): void {
    if (requests > 0) this.#byRoute[route] = (this.#byRoute[route] ?? 0) + requests;
  }
}

function tagIdsOf(requests: readonly PlannedRequest[], method: PlannedRequest['method']): readonly number[] {
  return requests.flatMap((request) =>
    request.method === method && request.body && 'tagIds' in request.body ? request.body.tagIds : [],
  );
}

const only = (counts: Readonly<TagCounts>, sign: string): TagCounts =>
  Object.fromEntries(Object.entries(counts).filter(([key]) => key.startsWith(sign)));

const sumOf = (byRoute: Readonly<RequestsByRoute>): number =>
  Object.values(byRoute).reduce((sum, count) => sum + count, 0);
