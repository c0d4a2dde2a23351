import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Credentials } from '../../../../shared/infusionsoft/auth/credentials.ts';
import type { AuthorizationHeader } from '../../../../shared/infusionsoft/auth/crm-secret.ts';
import { circuitBreaker } from '../../../../shared/infusionsoft/http/circuit-breaker.ts';
import {
  type PacedFetchOptions,
  pacedFetch,
  type RequestRecord,
} from '../../../../shared/infusionsoft/http/paced-fetch.ts';
import { requestGate } from '../../../../shared/infusionsoft/http/request-gate.ts';
import { rateLimiter } from '../../../../shared/quota/rate-limiter.ts';
import {
  CIRCUIT_BREAKER,
  INVOCATION_MS,
  SPIKE_BACKOFF,
  WRITE_BACK_MS,
} from '../../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../../shared/sync/errors.ts';
import { memoryStore } from '../../../support/memory-store.ts';

const KEY: AuthorizationHeader = ['x-keap-api-key', 'old'];
const always = (header: AuthorizationHeader): Credentials => ({
  current: async () => header,
  cached: () => header,
  renew: async () => undefined,
});

let answers: (request: Request) => Response;
let starts: number[];
let requests: Request[];
beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-06-15T12:00:00Z') });
  answers = () => new Response('{}');
  starts = [];
  requests = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    starts.push(Date.now());
    requests.push(request);
    return answers(request);
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** How long each answer takes, in milliseconds, one after the other. The last duration is that of all later answers. */
function answersAfter(...durations: number[]): void {
  vi.stubGlobal('fetch', async (request: Request, { signal }: { signal: AbortSignal }) => {
    starts.push(Date.now());
    const ms = (durations.length > 1 ? durations.shift() : durations[0]) ?? 0;
    await new Promise<void>((resolve, reject) => {
      setTimeout(resolve, ms);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    return answers(request);
  });
}

/** A rate limiter with one slot every `ms` milliseconds, and the number of slots that were taken. */
function slotEvery(ms: number) {
  let next = 0;
  const limiter = {
    taken: 0,
    async acquireSlot() {
      limiter.taken++;
      const at = Math.max(next, Date.now());
      next = at + ms;
      await new Promise((due) => setTimeout(due, at - Date.now()));
    },
  };
  return limiter;
}

function paced(options: Partial<PacedFetchOptions> = {}) {
  const records: RequestRecord[] = [];
  const fetch = pacedFetch({
    rateLimiter: rateLimiter({
      schedule: { requestsPerWindow: 5, windowMs: 1050, burst: 5 },
      store: memoryStore(),
    }),
    credentials: always(KEY),
    gate: requestGate(25, () => 0),
    breaker: circuitBreaker(() => 0),
    deadline: () => Date.now() + 120_000,
    onRequest: (record) => records.push(record),
    ...options,
  });
  return { fetch, records };
}

describe('the pace', () => {
  it('starts no more requests in any sliding window than the limit', async () => {
    const { fetch, records } = paced();
    const all = Promise.all(Array.from({ length: 23 }, () => fetch('http://crm.local/tags')));
    await vi.advanceTimersByTimeAsync(700);
    const late = Promise.all(Array.from({ length: 7 }, () => fetch('http://crm.local/tags')));
    await vi.advanceTimersByTimeAsync(10_000);
    await Promise.all([all, late]);
    expect(records).toHaveLength(30);
    for (const start of starts) {
      expect(starts.filter((at) => at >= start && at < start + 1050).length).toBeLessThanOrEqual(5);
    }
    expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeLessThanOrEqual(6 * 1050);
  });

  it('records a request by its path, without the query, which may contain an email', async () => {
    const { fetch, records } = paced();
    await fetch('http://crm.local/contacts?email=ann%40example.com');
    expect(records).toMatchObject([{ method: 'GET', path: '/contacts', status: 200 }]);
    expect(JSON.stringify(records)).not.toContain('example');
  });

  it('starts no request that could not finish before the end of the invocation', async () => {
    const { fetch, records } = paced({ deadline: () => Date.now() + 2000 });
    await expect(fetch('http://crm.local/tags')).rejects.toMatchObject({
      name: 'OutOfTimeError',
      afterMs: 0,
    });
    expect(records).toEqual([]);
  });

  it('counts each request, retries included, when it starts', async () => {
    const gate = requestGate(25, () => 0);
    const { fetch } = paced({ gate });
    const all = Promise.all(Array.from({ length: 12 }, () => fetch('http://crm.local/tags')));
    await vi.advanceTimersByTimeAsync(10_000);
    await all;
    expect(gate.take().starts).toEqual(starts);
    expect(starts).toHaveLength(12);
  });

  it('records how long an answer took, without the wait for a slot', async () => {
    answersAfter(200);
    const { fetch, records } = paced();
    const all = Promise.all(Array.from({ length: 6 }, () => fetch('http://crm.local/tags')));
    await vi.advanceTimersByTimeAsync(5000);
    await all;
    expect(records.map(({ durationMs }) => durationMs)).toEqual(Array(6).fill(200));
  });
});

describe('the end of an invocation', () => {
  const invocation = () => {
    const endsAt = Date.now() + INVOCATION_MS;
    return { ...paced({ deadline: () => endsAt }), endsAt };
  };

  it('comes too soon for another request when answers are slow', async () => {
    answersAfter(9000);
    const { fetch, endsAt } = invocation();
    const first = fetch('http://crm.local/tags');
    await vi.advanceTimersByTimeAsync(9500);
    await first;
    const [second] = await Promise.all([fetch('http://crm.local/tags'), vi.advanceTimersByTimeAsync(9500)]);
    expect(second.status).toBe(200);
    await expect(fetch('http://crm.local/tags')).rejects.toThrow('ends too soon');
    expect(starts).toHaveLength(2);
    expect(Date.now()).toBeLessThan(endsAt - WRITE_BACK_MS);
  });

  it('allows requests until shortly before when answers are fast', async () => {
    const { fetch, endsAt } = invocation();
    await fetch('http://crm.local/tags');
    vi.setSystemTime(endsAt - WRITE_BACK_MS - 4000);
    expect((await fetch('http://crm.local/tags')).status).toBe(200);
  });

  it.each([
    ['no answers yet', [], 3000],
    ['fast answers', [100, 100], 3000],
    ['an answer that took four seconds', [4000], 6000],
    ['a slow answer, and faster ones since', [4000, 100, 100], 4860],
    ['a faster answer before a slow one', [100, 4000], 6000],
    ['an answer that took very long', [20_000], 10_000],
  ])('leaves time for the next answer: with %s, %j ms, it is %d ms', async (_, durations, neededMs) => {
    answersAfter(...durations, 0);
    let endsAt = Date.now() + 3_600_000;
    const { fetch } = paced({ deadline: () => endsAt });
    for (const ms of durations) {
      await Promise.all([fetch('http://crm.local/tags'), vi.advanceTimersByTimeAsync(ms + 1000)]);
    }
    starts = [];
    endsAt = Date.now() + WRITE_BACK_MS + neededMs - 1;
    await expect(fetch('http://crm.local/tags')).rejects.toThrow('ends too soon');
    expect(starts).toEqual([]);
    endsAt++;
    await Promise.all([fetch('http://crm.local/tags'), vi.advanceTimersByTimeAsync(1)]);
    expect(starts).toHaveLength(1);
  });

  it('cuts off an answer that does not come, so that what was done can still be stored', async () => {
    answersAfter(3_600_000);
    const { fetch, records } = invocation();
    const hanging = expect(fetch('http://crm.local/tags')).rejects.toMatchObject({ name: 'TimeoutError' });
    await vi.advanceTimersByTimeAsync(INVOCATION_MS);
    await hanging;
    expect(records).toMatchObject([{ status: undefined, durationMs: INVOCATION_MS - WRITE_BACK_MS }]);
  });

  it.each([
    ['was read', () => Response.json([]), (answer: Response) => answer.json()],
    ['is not wanted', () => Response.json([]), (answer: Response) => answer.body?.cancel()],
    ['does not exist', () => new Response(null, { status: 204 }), () => undefined],
  ])('has no time limit any more once its body %s', async (_, answer, useBody) => {
    answers = answer;
    const { fetch } = invocation();
    const timers = vi.getTimerCount();
    await useBody(await fetch('http://crm.local/tags'));
    expect(vi.getTimerCount()).toBe(timers);
  });

  it('has a time limit for its body, too', async () => {
    answers = () => Response.json([]);
    const { fetch } = invocation();
    const timers = vi.getTimerCount();
    await fetch('http://crm.local/tags');
    expect(vi.getTimerCount()).toBe(timers + 1);
  });

  it('is not waited for when the caller gives up first', async () => {
    answersAfter(3_600_000);
    const { fetch, records } = invocation();
    const caller = new AbortController();
    const given = expect(fetch('http://crm.local/tags', { signal: caller.signal })).rejects.toThrow(
      'given up',
    );
    await vi.advanceTimersByTimeAsync(1000);
    caller.abort(new Error('given up'));
    await given;
    expect(records).toMatchObject([{ status: undefined, durationMs: 1000 }]);
  });

  it('starts no request when the environment was frozen while the request waited for its slot', async () => {
    let slots = 0;
    const endsAt = Date.now() + INVOCATION_MS;
    const { fetch } = paced({
      deadline: () => endsAt,
      rateLimiter: {
        acquireSlot: async () => {
          slots++;
          vi.setSystemTime(endsAt - WRITE_BACK_MS);
        },
      },
    });
    await expect(fetch('http://crm.local/tags')).rejects.toThrow('ends too soon');
    expect({ slots, starts }).toEqual({ slots: 1, starts: [] });
  });
});

describe('credentials', () => {
  it('are sent with each request', async () => {
    await paced().fetch('http://crm.local/tags');
    expect(requests[0]?.headers.get('x-keap-api-key')).toBe('old');
  });

  it('are read again after a 401, and the request is repeated with its body', async () => {
    answers = ({ headers }) =>
      new Response(null, { status: headers.get('authorization') === 'Bearer new' ? 200 : 401 });
    let header: AuthorizationHeader = KEY;
    const credentials: Credentials = {
      current: async () => header,
      cached: () => header,
      renew: async () => {
        header = ['authorization', 'Bearer new'];
        return header;
      },
    };
    const { fetch, records } = paced({ credentials });
    const answer = await fetch('http://crm.local/tags', { method: 'POST', body: '{"name":"A"}' });
    expect(answer.status).toBe(200);
    expect(records.map(({ status }) => status)).toEqual([401, 200]);
    expect(requests[1]?.headers.has('x-keap-api-key')).toBe(false);
    expect(await requests[1]?.text()).toBe('{"name":"A"}');
  });

  it('that were refused are not sent by requests that waited for a slot', async () => {
    answers = () => new Response(null, { status: 401 });
    let header: AuthorizationHeader | undefined = KEY;
    const credentials: Credentials = {
      current: async () => {
        if (header) return header;
        throw new RetryableError('no credentials');
      },
      cached: () => header,
      renew: async () => {
        header = undefined;
        return undefined;
      },
    };
    const { fetch } = paced({ credentials });
    const all = Promise.allSettled(Array.from({ length: 20 }, () => fetch('http://crm.local/tags')));
    await vi.advanceTimersByTimeAsync(10_000);
    await all;
    expect(starts).toHaveLength(1);
  });

  it.each([200, 204, 400, 403, 404, 500])('are not renewed after a %d', async (status) => {
    answers = () => new Response(null, { status });
    const renew = vi.fn(async () => KEY);
    const { fetch } = paced({ credentials: { ...always(KEY), renew } });
    expect((await fetch('http://crm.local/tags')).status).toBe(status);
    expect(renew).not.toHaveBeenCalled();
    expect(starts).toHaveLength(1);
  });

  it('that are refused are renewed in place of those that were sent', async () => {
    answers = () => new Response('refused', { status: 401 });
    const renew = vi.fn(async () => undefined);
    const { fetch } = paced({ credentials: { ...always(KEY), renew } });
    const answer = await fetch('http://crm.local/tags');
    expect(renew.mock.calls).toEqual([[KEY]]);
    expect(await answer.text()).toBe('refused');
  });

  it('that are the same after a 401 are not sent again', async () => {
    answers = () => new Response(null, { status: 401 });
    const { fetch, records } = paced();
    expect((await fetch('http://crm.local/tags')).status).toBe(401);
    expect(records).toHaveLength(1);
  });
});

it('records a request without an answer', async () => {
  answers = () => {
    throw new TypeError('fetch failed');
  };
  const { fetch, records } = paced();
  await expect(fetch('http://crm.local/tags')).rejects.toThrow('fetch failed');
  expect(records).toMatchObject([{ method: 'GET', status: undefined }]);
});

describe('a 429', () => {
  const refused = (times: number, body: unknown, headers: Record<string, string> = {}) => {
    let left = times;
    answers = () =>
      left-- > 0 ? new Response(JSON.stringify(body), { status: 429, headers }) : new Response('{}');
  };

  it('for the second, twice, makes the environment rest', async () => {
    refused(2, { fault: { detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' } } });
    const { fetch } = paced();
    for (let time = 0; time < 2; time++) {
      const answer = fetch('http://crm.local/tags');
      await vi.advanceTimersByTimeAsync(400);
      expect((await answer).status).toBe(429);
    }
    const next = fetch('http://crm.local/tags');
    await vi.advanceTimersByTimeAsync(99);
    expect(starts).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect((await next).status).toBe(200);
  });

  it('for the second, twice, also holds up requests that wait for their slots', async () => {
    refused(2, { fault: { detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' } } });
    const slots = slotEvery(100);
    const { fetch } = paced({ rateLimiter: slots });
    const all = Promise.all(Array.from({ length: 5 }, () => fetch('http://crm.local/tags')));
    const began = Date.now();
    await vi.advanceTimersByTimeAsync(10_000);
    await all;
    expect(starts.slice(0, 2).map((at) => at - began)).toEqual([0, 100]);
    expect(starts).toHaveLength(5);
    expect((starts[2] ?? 0) - began).toBeGreaterThanOrEqual(100 + SPIKE_BACKOFF.restMs);
    // The three others give up their slots, and take none during the rest.
    expect(slots.taken).toBe(5 + 3);
  });

  it.each([200, 400, 500])('is not seen in an answer of status %d with the same body', async (status) => {
    const gate = requestGate(25, () => 0);
    answers = () =>
      new Response(
        JSON.stringify({ fault: { detail: { errorcode: 'policies.ratelimit.QuotaViolation' } } }),
        {
          status,
        },
      );
    const { fetch } = paced({ gate });
    await fetch('http://crm.local/tags');
    expect(gate.take().pause).toBeUndefined();
  });

  it('for the day also stops requests that wait for their slots, and later ones take no slot', async () => {
    refused(99, { fault: { detail: { errorcode: 'policies.ratelimit.QuotaViolation' } } });
    const slots = slotEvery(100);
    const { fetch } = paced({ rateLimiter: slots });
    const all = Promise.allSettled(Array.from({ length: 20 }, () => fetch('http://crm.local/tags')));
    await vi.advanceTimersByTimeAsync(10_000);
    const outcomes = await all;
    expect(starts).toHaveLength(1);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(19);
    await expect(fetch('http://crm.local/tags')).rejects.toThrow(/quota of the day/);
    expect(slots.taken).toBe(20);
  });

  it('reports the quota in the headers of every answer', async () => {
    const gate = requestGate(25, () => 0);
    answers = () => new Response('{}', { headers: { 'x-keap-product-quota-used': '7' } });
    const startedAt = Date.now();
    answersAfter(200);
    const { fetch } = paced({ gate });
    await Promise.all([fetch('http://crm.local/tags'), vi.advanceTimersByTimeAsync(500)]);
    expect(gate.take().observed).toMatchObject({ startedAt, dayUsed: 7 });
  });

  it('for the day stops all requests until the reset', async () => {
    const reset = Date.now() + 3_600_000;
    refused(
      1,
      { fault: { detail: { errorcode: 'policies.ratelimit.QuotaViolation' } } },
      { 'x-keap-product-quota-expiry-time': String(reset) },
    );
    const { fetch } = paced();
    await fetch('http://crm.local/tags');
    await expect(fetch('http://crm.local/tags')).rejects.toThrow(/quota of the day/);
    expect(starts).toHaveLength(1);
    vi.setSystemTime(reset);
    await fetch('http://crm.local/tags');
    expect(starts).toHaveLength(2);
  });
});

describe('the circuit breaker', () => {
  const tags = (fetch: typeof globalThis.fetch, count: number) =>
    Promise.allSettled(Array.from({ length: count }, () => fetch('http://crm.local/tags')));
  const refusedConnection = () => {
    throw new TypeError('fetch failed');
  };
  const status = (code: number) => () => new Response(null, { status: code });
  const SPIKE_ARREST = { fault: { detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' } } };

  it.each([
    ['opens', 'without an answer', refusedConnection],
    ['opens', 'with status 500', status(500)],
    ['opens', 'with status 503', status(503)],
    ['stays closed', 'with status 499', status(499)],
    ['stays closed', 'with status 404', status(404)],
    ['opens', 'past an unknown limit', status(429)],
    ['stays closed', 'past the limit of the second', () => Response.json(SPIKE_ARREST, { status: 429 })],
    ['stays closed', 'with status 200', status(200)],
  ])('%s after five requests in a row %s', async (state, _, answer) => {
    const isOpen = state === 'opens';
    answers = answer;
    const { fetch } = paced();
    await Promise.all([tags(fetch, 5), vi.advanceTimersByTimeAsync(2000)]);
    starts = [];
    const [next] = await Promise.all([tags(fetch, 1), vi.advanceTimersByTimeAsync(2000)]);
    expect(starts).toHaveLength(isOpen ? 0 : 1);
    if (isOpen) expect(next).toMatchObject([{ reason: { name: 'CrmDownError' } }]);
  });

  const FAULT = () => Response.json({ message: 'User 99 does not exist' }, { status: 500 });
  it.each([
    ['stays closed', 'of one user', () => 'ann', FAULT],
    ['opens', 'of several users', (time: number) => `user${time}`, FAULT],
    ['opens', 'of nobody in particular', () => undefined, FAULT],
    ['opens', 'of one user, without a message', () => 'ann', status(500)],
    ['opens', 'of one user, from a proxy', () => 'ann', status(503)],
  ] as const)('%s after failures for contacts %s', async (state, _, userAt, answer) => {
    let time = 0;
    answers = answer;
    const { fetch } = paced({ currentUser: () => userAt(time) });
    for (; time < 8; time++) {
      const request = fetch('http://crm.local/crm/rest/v1/contacts/7', { method: 'PATCH', body: '{}' });
      await Promise.allSettled([request, vi.advanceTimersByTimeAsync(1100)]);
    }
    expect(starts).toHaveLength(state === 'opens' ? CIRCUIT_BREAKER.failures : 8);
  });

  it.each([
    [
      'stays closed',
      'of records, such as orders',
      ['v1/affiliates', 'v1/campaigns', 'v1/orders'],
      refusedConnection,
    ],
    ['stays closed', 'of records, with status 500', ['v1/notes', 'v2/affiliates'], status(500)],
    ['opens', 'of contacts', ['v2/contacts'], status(500)],
    ['opens', 'of tags', ['v1/tags', 'v2/contacts/-/tags'], status(503)],
    ['opens', 'of addresses', ['v2/emailAddresses'], refusedConnection],
  ] as const)('%s after failed lists %s', async (state, _, paths, answer) => {
    answers = answer;
    const { fetch } = paced();
    for (let time = 0; time < 8; time++) {
      const request = fetch(`http://crm.local/crm/rest/${paths[time % paths.length]}?limit=1000`);
      await Promise.allSettled([request, vi.advanceTimersByTimeAsync(1100)]);
    }
    expect(starts).toHaveLength(state === 'opens' ? CIRCUIT_BREAKER.failures : 8);
  });

  it('opens when other requests fail, too, after failed lists of records', async () => {
    answers = status(503);
    const { fetch } = paced();
    for (const path of [
      'orders',
      'notes',
      'contacts/1',
      'contacts/2',
      'contacts/3',
      'contacts/4',
      'orders',
    ]) {
      const request = fetch(`http://crm.local/crm/rest/v1/${path}`);
      await Promise.allSettled([request, vi.advanceTimersByTimeAsync(1100)]);
    }
    expect(starts).toHaveLength(6);
  });

  it('lets one probe through after its rest, however many requests there are', async () => {
    answers = refusedConnection;
    const { fetch } = paced();
    await Promise.all([tags(fetch, 5), vi.advanceTimersByTimeAsync(2000)]);
    await vi.advanceTimersByTimeAsync(CIRCUIT_BREAKER.firstRestMs);
    starts = [];
    answersAfter(10_000);
    answers = () => new Response('{}');
    const [outcomes] = await Promise.all([tags(fetch, 20), vi.advanceTimersByTimeAsync(10_000)]);
    expect(starts).toHaveLength(1);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(19);
  });

  it('also stops requests that wait for their slots, and later ones take no slot', async () => {
    answers = refusedConnection;
    const slots = slotEvery(100);
    const { fetch } = paced({ rateLimiter: slots });
    await Promise.all([tags(fetch, 20), vi.advanceTimersByTimeAsync(5000)]);
    expect(starts).toHaveLength(5);
    await expect(fetch('http://crm.local/tags')).rejects.toThrow('The CRM is down');
    expect(slots.taken).toBe(20);
  });

  it('closes again when a request that was under way succeeds', async () => {
    answersAfter(3000, 0);
    const { fetch } = paced();
    const slow = fetch('http://crm.local/tags');
    await vi.advanceTimersByTimeAsync(500);
    answers = refusedConnection;
    await Promise.all([tags(fetch, 5), vi.advanceTimersByTimeAsync(2000)]);
    await expect(fetch('http://crm.local/tags')).rejects.toThrow('The CRM is down');
    answers = () => new Response('{}');
    await vi.advanceTimersByTimeAsync(1000);
    expect((await slow).status).toBe(200);
    const [next] = await Promise.all([tags(fetch, 1), vi.advanceTimersByTimeAsync(1000)]);
    expect(next).toMatchObject([{ status: 'fulfilled' }]);
  });
});

it('makes few requests during an outage of six hours, and recovers', async () => {
  answers = () => new Response('<html>', { status: 503 });
  const { fetch } = paced();
  const end = Date.now() + 6 * 3_600_000;
  const outcomes = { failed: 0, notAsked: 0 };
  while (Date.now() < end) {
    await fetch('http://crm.local/tags').then(
      () => outcomes.failed++,
      () => outcomes.notAsked++,
    );
    await vi.advanceTimersByTimeAsync(10_000);
  }
  expect(outcomes.notAsked).toBeGreaterThan(2000);
  expect(starts.length).toBeLessThan(35);
  answers = () => new Response('{}');
  await vi.advanceTimersByTimeAsync(28 * 60_000);
  expect((await fetch('http://crm.local/tags')).status).toBe(200);
  expect((await fetch('http://crm.local/tags')).status).toBe(200);
});
