import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { ContactFaultError, NotFoundError } from '../infusionsoft/http/failures.ts';
import type { TagResult } from '../infusionsoft/schemas.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { halves } from './halves.ts';

/**
 * The outcome for one contact: `done`; `requeue` when the user needs a message of its own; `no-tag` when the CRM does not know the tag; or
 * the failure after which the outcome is uncertain.
 */
export type TagOutcome = 'done' | 'requeue' | 'no-tag' | RetryableError;

/** Changes one tag of many contacts. Both methods return the outcome by contact id. */
export interface TagRequests {
  remove(tagId: number, contactIds: readonly number[]): Promise<Map<number, TagOutcome>>;
  add(tagId: number, contactIds: readonly number[]): Promise<Map<number, TagOutcome>>;
}

export interface TagRequestsOptions {
  /** Largest number of contacts that one request can name. */
  batch: number;
  /** Most requests at the same time: the requests of live changes wait behind them. */
  maxConcurrent: number;
}

type TagRequest = (ids: readonly number[]) => Promise<ReadonlyMap<number, TagOutcome>>;

/**
 * Most requests of a search for the contacts because of which a request was refused: 28 find two among a hundred. If the first 14 are all
 * refused, the tag may be the cause. Users whose contacts were in no accepted request get messages of their own.
 */
const SEARCH = { requests: 28, withoutSuccess: 14 } as const;

/**
 * Names up to `batch` contacts in one request. A request can be refused because of one contact, or because it names too many. It is then
 * halved until the contact is found. From then on, the user of that contact gets messages of its own, and costs the others nothing.
 */
export function tagRequests(
  client: Pick<InfusionsoftClient, 'tagContacts' | 'untagContacts'>,
  { batch, maxConcurrent }: TagRequestsOptions,
): TagRequests {
  /** Contacts whose requests were refused while those of other contacts were accepted. */
  const refused = new Set<number>();
  const limited = limiter(maxConcurrent);
  // The requests of a job name the same contacts for several tags: the first search finds the contact for all of them.
  const oneSearch = limiter(1);

  /** @returns undefined if the CRM refused the request, or failed for one of the contacts. */
  const tryRequest = async (
    ids: readonly number[],
    request: TagRequest,
  ): Promise<ReadonlyMap<number, TagOutcome> | undefined> => {
    const forAll = (outcome: TagOutcome) => new Map(ids.map((id) => [id, outcome]));
    try {
      return await limited(() => request(ids));
    } catch (error) {
      // It can be the fault of one of the contacts.
      if (error instanceof ContactFaultError) return undefined;
      if (error instanceof RetryableError) return forAll(error);
      if (error instanceof NotFoundError) return forAll('requeue');
      if (error instanceof RejectedError) return undefined;
      throw error;
    }
  };

  /** Makes a refused request in parts. @returns the outcomes of the contacts whose part was accepted. */
  const inParts = async (
    ids: readonly number[],
    request: TagRequest,
  ): Promise<ReadonlyMap<number, TagOutcome>> => {
    const others = ids.filter((id) => !refused.has(id));
    const isKnown = others.length < ids.length;
    const whole = isKnown && others.length > 0 ? await tryRequest(others, request) : undefined;
    if (whole) return whole;
    const outcomes = new Map<number, TagOutcome>();
    const open = others.length > 1 ? [others] : [];
    let requests = 0;
    const isOpen = () => requests < (outcomes.size > 0 ? SEARCH.requests : SEARCH.withoutSuccess);
    for (let part = open.shift(); part && isOpen(); part = open.shift()) {
      const parts = halves(part);
      requests += parts.length;
      const answers = await Promise.all(parts.map((half) => tryRequest(half, request)));
      for (const answer of answers) for (const [id, outcome] of answer ?? []) outcomes.set(id, outcome);
      const refusedHalves = parts.filter((_, index) => answers[index] === undefined);
      for (const [contactId, ...rest] of refusedHalves) {
        if (contactId === undefined) continue;
        if (rest.length > 0) open.push([contactId, ...rest]);
        // Where both halves are refused, it may be the tag.
        else if (refusedHalves.length === 1) refused.add(contactId);
      }
    }
    return outcomes;
  };

  const outcomesOf = async (ids: readonly number[], request: TagRequest): Promise<[number, TagOutcome][]> => {
    const outcomes = (await tryRequest(ids, request)) ?? (await oneSearch(() => inParts(ids, request)));
    return ids.map((id) => [id, outcomes.get(id) ?? 'requeue']);
  };

  const inBatches = async (
    contactIds: readonly number[],
    request: TagRequest,
  ): Promise<Map<number, TagOutcome>> => {
    const ids = contactIds.filter((id) => !refused.has(id));
    const batches = Array.from({ length: Math.ceil(ids.length / batch) }, (_, index) =>
      ids.slice(index * batch, (index + 1) * batch),
    );
    const outcomes = (await Promise.all(batches.map((each) => outcomesOf(each, request)))).flat();
    return new Map([...contactIds.map((id): [number, TagOutcome] => [id, 'requeue']), ...outcomes]);
  };

  return {
    remove: (tagId, contactIds) =>
      inBatches(contactIds, async (ids) => {
        await client.untagContacts(tagId, ids);
        return new Map(ids.map((id) => [id, 'done']));
      }),
    add: (tagId, contactIds) =>
      inBatches(contactIds, async (ids) => {
        const results = await client.tagContacts(tagId, ids);
        return new Map([...results].map(([id, result]) => [id, OUTCOMES[result]]));
      }),
  };
}

/** Limits how many calls run at the same time. The others wait in the order of the calls. */
function limiter(maxConcurrent: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= maxConcurrent) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

const OUTCOMES: Readonly<Record<TagResult, TagOutcome>> = {
  SUCCESS: 'done',
  DUPLICATE: 'done',
  TAG_ID_NOT_FOUND: 'no-tag',
  CONTACT_NOT_FOUND: 'requeue',
  FAILURE: 'requeue',
  NO_PERMISSION: 'requeue',
};
