import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { TagResult } from '../infusionsoft/schemas.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';

/**
 * The outcome for one contact: `done`; `requeue` when the user needs a message of its own; `no-tag` when the CRM does not know the tag; or the
 * failure after which the outcome is uncertain.
 */
export type TagOutcome = 'done' | 'requeue' | 'no-tag' | RetryableError;

/** Changes one tag of many contacts. Both methods return the outcome by contact id. */
export interface TagRequests {
  remove(tagId: number, contactIds: readonly number[]): Promise<Map<number, TagOutcome>>;
  add(tagId: number, contactIds: readonly number[]): Promise<Map<number, TagOutcome>>;
}

export interface TagRequestsOptions {
  /** Contacts that a request can name at most. */
  batch: number;
  /** Requests that are made at the same time at most: the requests of live changes wait behind them. */
  maxConcurrent: number;
}

/** How often a refused request is halved: after 15 requests at most, its users get messages of their own. */
const HALVINGS = 3;

/**
 * Names as many contacts in one request as the account allows. A request that is refused may be too large: it is halved, and later requests
 * are no larger than what the account took.
 */
export function tagRequests(
  client: Pick<InfusionsoftClient, 'tagContacts' | 'untagContacts'>,
  { batch, maxConcurrent }: TagRequestsOptions,
): TagRequests {
  let size = batch;
  const limited = limiter(maxConcurrent);

  const outcomesOf = async (
    ids: readonly number[],
    request: (ids: readonly number[]) => Promise<ReadonlyMap<number, TagOutcome>>,
    halvings: number,
  ): Promise<[number, TagOutcome][]> => {
    const forAll = (outcome: TagOutcome) => ids.map((id): [number, TagOutcome] => [id, outcome]);
    try {
      const outcomes = await limited(() => request(ids));
      if (halvings < HALVINGS) size = Math.min(size, ids.length);
      return ids.map((id) => [id, outcomes.get(id) ?? 'requeue']);
    } catch (error) {
      if (error instanceof RetryableError) return forAll(error);
      if (error instanceof NotFoundError) return forAll('requeue');
      if (!(error instanceof RejectedError)) throw error;
      if (ids.length === 1 || halvings === 0) return forAll('requeue');
      const half = Math.ceil(ids.length / 2);
      const halves = [ids.slice(0, half), ids.slice(half)];
      return (await Promise.all(halves.map((each) => outcomesOf(each, request, halvings - 1)))).flat();
    }
  };

  const inBatches = async (
    ids: readonly number[],
    request: (ids: readonly number[]) => Promise<ReadonlyMap<number, TagOutcome>>,
  ): Promise<Map<number, TagOutcome>> => {
    const length = size;
    const batches = Array.from({ length: Math.ceil(ids.length / length) }, (_, index) =>
      ids.slice(index * length, (index + 1) * length),
    );
    return new Map((await Promise.all(batches.map((each) => outcomesOf(each, request, HALVINGS)))).flat());
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
