import { describe, expect, it } from 'vitest';
import { type TagOutcome, tagRequests } from '../../../shared/contacts/tag-requests.ts';
import { NotFoundError, UncertainError } from '../../../shared/infusionsoft/http/failures.ts';
import type { TagResult } from '../../../shared/infusionsoft/schemas.ts';
import { RejectedError } from '../../../shared/sync/errors.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

interface CrmOptions {
  /** Most contacts that the account takes. */
  most?: number;
  /** Contacts because of which a request is refused. */
  refusing?: readonly number[];
  /** Tags that cannot be changed at all. */
  refusedTags?: readonly number[];
  /** Result of a contact, other than SUCCESS. */
  results?: Readonly<Record<number, TagResult>>;
  fail?: (ids: readonly number[]) => Error | undefined;
  batch?: number;
  maxConcurrent?: number;
}

function tagging(options: CrmOptions = {}) {
  const { most = 100, refusing = [], refusedTags = [], results = {}, fail = () => undefined } = options;
  const requests: (readonly number[])[] = [];
  let running = 0;
  let mostRunning = 0;
  const request = async (tagId: number, ids: readonly number[]) => {
    requests.push(ids);
    running++;
    mostRunning = Math.max(mostRunning, running);
    await new Promise((answered) => setTimeout(answered));
    running--;
    const error = fail(ids);
    if (error) throw error;
    if (ids.length > most || refusedTags.includes(tagId) || ids.some((id) => refusing.includes(id)))
      throw new RejectedError('refused-by-crm', 'The CRM refused the request (400)', { status: 400 });
    return new Map(ids.map((id): [number, TagResult] => [id, results[id] ?? 'SUCCESS']));
  };
  const tags = tagRequests(
    { tagContacts: request, untagContacts: async (tagId, ids) => void (await request(tagId, ids)) },
    { batch: options.batch ?? 100, maxConcurrent: options.maxConcurrent ?? 25 },
  );
  return { tags, requests, mostRunning: () => mostRunning };
}

/** Contacts without the outcome `done`, with their outcome. */
const notDone = (outcomes: ReadonlyMap<number, TagOutcome>) =>
  Object.fromEntries([...outcomes].filter(([, outcome]) => outcome !== 'done'));

describe.each(['add', 'remove'] as const)('%s', (which) => {
  it('names as many contacts in a request as the setting says', async () => {
    const { tags, requests } = tagging();
    const outcomes = await tags[which](7, upTo(230));
    expect([...outcomes.keys()]).toEqual(upTo(230));
    expect(notDone(outcomes)).toEqual({});
    expect(requests).toEqual([upTo(100), upTo(200).slice(100), upTo(230).slice(200)]);
  });

  it('of a contact that the CRM refuses costs that contact only, and the next batches are as large as before', async () => {
    const { tags, requests } = tagging({ refusing: [37] });
    expect(notDone(await tags[which](7, upTo(200)))).toEqual({ 37: 'requeue' });
    // The refused request, seven times two halves, and the other hundred.
    expect(requests).toHaveLength(1 + 2 * 7 + 1);
    requests.length = 0;
    expect(notDone(await tags[which](8, upTo(200)))).toEqual({ 37: 'requeue' });
    expect(requests.map(({ length }) => length)).toEqual([100, 99]);
    expect(requests.flat()).not.toContain(37);
  });

  it('of two contacts that the CRM refuses costs those only', async () => {
    const { tags, requests } = tagging({ refusing: [3, 98] });
    expect(notDone(await tags[which](7, upTo(100)))).toEqual({ 3: 'requeue', 98: 'requeue' });
    expect(requests.length).toBeLessThanOrEqual(1 + 28);
  });

  it('of several tags at once finds a contact that the CRM refuses by one search', async () => {
    const { tags, requests } = tagging({ refusing: [37] });
    const outcomes = await Promise.all([7, 8, 9].map((tagId) => tags[which](tagId, upTo(100))));
    for (const each of outcomes) expect(notDone(each)).toEqual({ 37: 'requeue' });
    expect(requests).toHaveLength(3 + 2 * 7 + 2);
  });

  it('looks further when another contact of the same request is refused too', async () => {
    const { tags } = tagging({ refusing: [37, 90] });
    const [first, second] = await Promise.all([tags[which](7, upTo(60)), tags[which](8, upTo(100))]);
    expect(notDone(first)).toEqual({ 37: 'requeue' });
    expect(notDone(second)).toEqual({ 37: 'requeue', 90: 'requeue' });
  });

  it('makes no other request when only contacts are left that the CRM refuses', async () => {
    const { tags, requests } = tagging({ refusing: [1] });
    await Promise.all([tags[which](7, [1, 2]), tags[which](8, [1])]);
    expect(requests).toEqual([[1, 2], [1], [1], [2]]);
    requests.length = 0;
    expect(await tags[which](7, [1])).toEqual(new Map([[1, 'requeue']]));
    expect(requests).toEqual([]);
  });

  it('of a single contact that the CRM refuses is one request, and the contact is tried again', async () => {
    const { tags, requests } = tagging({ refusing: [1] });
    expect(await tags[which](7, [1])).toEqual(new Map([[1, 'requeue']]));
    await tags[which](7, [1]);
    expect(requests).toEqual([[1], [1]]);
  });

  it('halves a request that names too many contacts, and blames none of them', async () => {
    const { tags, requests } = tagging({ most: 100, batch: 130 });
    expect(notDone(await tags[which](7, upTo(130)))).toEqual({});
    expect(requests.map(({ length }) => length)).toEqual([130, 65, 65]);
    await tags[which](7, upTo(90));
    expect(requests.at(-1)).toEqual(upTo(90));
  });

  it('gives up a tag that the CRM refuses after 15 requests, and blames no contact', async () => {
    const { tags, requests } = tagging({ refusedTags: [7] });
    const outcomes = await tags[which](7, upTo(100));
    expect(new Set(outcomes.values())).toEqual(new Set(['requeue']));
    expect(outcomes.size).toBe(100);
    expect(requests).toHaveLength(15);
    expect(await tags[which](7, [1, 2])).toEqual(new Map([1, 2].map((id) => [id, 'requeue'])));
    expect(notDone(await tags[which](8, upTo(100)))).toEqual({});
  });

  it('gives up after 29 requests when many contacts are refused', async () => {
    const refusing = upTo(100).filter((id) => id % 3 === 0);
    const { tags, requests } = tagging({ refusing });
    const outcomes = await tags[which](7, upTo(100));
    for (const id of refusing) expect(outcomes.get(id)).toBe('requeue');
    expect(requests.length).toBeLessThanOrEqual(29);
  });

  it('is uncertain for all contacts of a request that failed, and not tried again', async () => {
    const failure = new UncertainError('The CRM failed (503)');
    const { tags, requests } = tagging({ fail: (ids) => (ids.includes(1) ? failure : undefined) });
    const outcomes = await tags[which](7, upTo(150));
    expect(outcomes.get(100)).toBe(failure);
    expect(outcomes.get(101)).toBe('done');
    expect(requests).toHaveLength(2);
  });

  it('of a tag or contact that is gone is left to the users’ own messages', async () => {
    const { tags, requests } = tagging({ fail: () => new NotFoundError('gone') });
    expect(await tags[which](7, [1, 2])).toEqual(new Map([1, 2].map((id) => [id, 'requeue'])));
    expect(requests).toHaveLength(1);
  });

  it('passes on an error of another kind, which is a bug', async () => {
    const { tags } = tagging({ fail: () => new TypeError('a bug') });
    await expect(tags[which](7, [1])).rejects.toThrow(TypeError);
  });

  it('makes a limited number of requests at the same time', async () => {
    const { tags, requests, mostRunning } = tagging({ maxConcurrent: 3, batch: 1 });
    await Promise.all([tags[which](7, upTo(10)), tags[which](8, upTo(10))]);
    expect(mostRunning()).toBe(3);
    expect(requests).toHaveLength(20);
    expect(requests.slice(0, 10)).toEqual(upTo(10).map((id) => [id]));
  });

  it('makes no request for no contacts', async () => {
    const { tags, requests } = tagging();
    expect(await tags[which](7, [])).toEqual(new Map());
    expect(requests).toEqual([]);
  });
});

it.each([
  ['SUCCESS', 'done'],
  ['DUPLICATE', 'done'],
  ['TAG_ID_NOT_FOUND', 'no-tag'],
  ['CONTACT_NOT_FOUND', 'requeue'],
  ['FAILURE', 'requeue'],
  ['NO_PERMISSION', 'requeue'],
] as const)('reads the result %s of a contact as %s', async (result, outcome) => {
  const { tags } = tagging({ results: { 2: result } });
  expect(await tags.add(7, [1, 2])).toEqual(
    new Map([
      [1, 'done'],
      [2, outcome],
    ]),
  );
});

it('requeues a contact without a result', async () => {
  const tags = tagRequests(
    { tagContacts: async () => new Map([[1, 'SUCCESS']]), untagContacts: async () => {} },
    { batch: 100, maxConcurrent: 1 },
  );
  expect(notDone(await tags.add(7, [1, 2]))).toEqual({ 2: 'requeue' });
});
