import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pacedClient } from '../../../lambdas/sync-contact/paced-client.ts';
import type { Credentials } from '../../../shared/infusionsoft/auth/credentials.ts';
import { requestGate } from '../../../shared/infusionsoft/http/request-gate.ts';
import type { SlotState } from '../../../shared/quota/rate-lease.ts';
import { rateLimiter } from '../../../shared/quota/rate-limiter.ts';
import { backoffMs, MAX_RECEIVE_COUNT } from '../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { memoryStore } from '../../support/memory-store.ts';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-06-15T12:00:00Z');

let isDown: boolean;
let requests: number;
beforeEach(() => {
  vi.useFakeTimers({ now: NOON });
  isDown = true;
  requests = 0;
  vi.stubGlobal('fetch', async () => {
    requests++;
    return isDown ? new Response('<html>', { status: 503 }) : Response.json({ id: 7 });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const credentials: Credentials = {
  current: async () => ['x-keap-api-key', 'k'],
  cached: () => ['x-keap-api-key', 'k'],
  renew: async () => undefined,
};
const slots = memoryStore<SlotState>();
const environment = () =>
  pacedClient({
    url: 'http://crm.local',
    credentials,
    rateLimiter: rateLimiter({
      schedule: { requestsPerWindow: 25, windowMs: 1050, burst: 13 },
      store: slots,
    }),
  })({
    gate: requestGate(25),
    limit: (limiter) => limiter,
    deadline: () => Date.now() + 120_000,
    onRequest: () => {},
  });

describe('an outage of the CRM of six hours', () => {
  it('makes no dead letter, costs few requests, and ends by itself', async () => {
    const ENVIRONMENTS = 5;
    const clients = Array.from({ length: ENVIRONMENTS }, environment);
    const messages = Array.from({ length: 60 }, (_, id) => ({ id, receives: 0, dueAt: NOON, doneAt: 0 }));
    const end = NOON + 6 * HOUR;
    while (messages.some(({ doneAt }) => doneAt === 0) && Date.now() < end + 2 * HOUR) {
      isDown = Date.now() < end;
      const due = messages.filter(({ dueAt, doneAt }) => doneAt === 0 && dueAt <= Date.now());
      const work = due.map(async (message) => {
        message.receives++;
        try {
          await clients[message.id % ENVIRONMENTS]?.updateContact(7, {});
          message.doneAt = Date.now();
        } catch (error) {
          if (!(error instanceof RetryableError)) throw error;
          message.dueAt = Date.now() + backoffMs(message.receives, error, Math.random());
        }
      });
      await vi.advanceTimersByTimeAsync(30_000);
      await Promise.all(work);
    }
    expect(Math.max(...messages.map(({ receives }) => receives))).toBeLessThan(MAX_RECEIVE_COUNT / 10);
    expect(messages.every(({ doneAt }) => doneAt >= end && doneAt < end + HOUR)).toBe(true);
    expect(requests).toBeLessThan(ENVIRONMENTS * 40 + messages.length);
  }, 60_000);
});
