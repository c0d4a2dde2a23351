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
import { INVOCATION_MS, WRITE_BACK_MS } from '../../../../shared/quota/retry-policy.ts';
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
});

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
    await expect(fetch('http://crm.local/tags')).rejects.toThrow(RetryableError);
    expect(records).toEqual([]);
  });
});

describe('the end of an invocation', () => {
  const answersAfter = (ms: number) =>
    vi.stubGlobal(
      'fetch',
      (request: Request) =>
        new Promise((resolve, reject) => {
          starts.push(Date.now());
          setTimeout(() => resolve(new Response('{}')), ms);
          request.signal.addEventListener('abort', () => reject(request.signal.reason));
        }),
    );
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
