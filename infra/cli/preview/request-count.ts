import { bulkRequests, isSingleCheaper, type TagCounts } from '../../../shared/sync/tag-cost.ts';
import { addUser, emptyEstimate, isFull } from '../../../shared/sync/tag-estimate.ts';
import type { PlannedRequest } from './dry-client.ts';

/** Requests by method and route. */
export type RequestsByRoute = Record<string, number>;

const TAGS_ROUTE = '/contacts/{id}/tags';
const TOGETHER_ROUTE = '/tags/{id}/contacts';

/**
 * Counts requests as a backfill makes them: tags of new contacts, and of those of whom nothing else changes, for many users together, or
 * for each alone where that is cheaper.
 */
export class RequestCount {
  readonly #tagBatch: number;
  readonly #byRoute: RequestsByRoute = {};
  #estimate = emptyEstimate();
  /** Requests of those users, if each were tagged alone. */
  #alone: PlannedRequest[] = [];

  /** @param tagBatch contacts that a request can tag at most. */
  constructor(tagBatch: number) {
    this.#tagBatch = tagBatch;
  }

  /** Adds what one user needs. */
  add(userId: string, requests: readonly PlannedRequest[]): void {
    const tagging = requests.filter(({ route }) => route === TAGS_ROUTE);
    const others = requests.filter(({ route }) => route !== TAGS_ROUTE);
    this.#count(others);
    if (others.some(({ method }) => method !== 'PUT')) {
      this.#count(tagging);
      return;
    }
    addUser(this.#estimate, userId, { remove: tagIdsOf(tagging, 'DELETE'), add: tagIdsOf(tagging, 'POST') });
    this.#alone.push(...tagging);
    if (isFull(this.#estimate)) this.#tagTogether();
  }

  /** All requests so far. */
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

export const sumOf = (byRoute: Readonly<RequestsByRoute>): number =>
  Object.values(byRoute).reduce((sum, count) => sum + count, 0);
