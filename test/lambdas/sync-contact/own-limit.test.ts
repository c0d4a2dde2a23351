import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pacedClient } from '../../../lambdas/sync-contact/paced-client.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { consumerOf, NOW } from '../../support/consumer-under-test.ts';
import { crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { tagJob, withContacts } from '../../support/tagging.ts';

describe('a batch of the consumer', () => {
  startCrmForEachTest({ isServer: true });
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const connect = () => {
    const header: ['x-keap-api-key', string] = ['x-keap-api-key', DEFAULT_TOKEN];
    return pacedClient({
      url: crm.url,
      credentials: { current: async () => header, cached: () => header, renew: async () => undefined },
      rateLimiter: { acquireSlot: async () => {} },
    });
  };

  it('of a backfill stops in the middle when its part of the limit is spent', async () => {
    const { users, ids } = await withContacts(40);
    const before = (await crm.admin.stats()).totalRequests;
    const limits = { second: 2, minute: 120, day: 60, month: null };
    const { receive, retries } = consumerOf(crm, users, {
      connect: connect(),
      budget: { limits, liveReserve: 0.7 },
    });
    const job = tagJob(ids);
    expect(await receive(job)).toEqual([job.messageId]);
    expect((await crm.admin.stats()).totalRequests - before).toBe(10);
    expect(retries).toMatchObject([{ error: { reason: 'backfill' } }]);
  });

  it('stops in the middle when a limit below that of the CRM is reached', async () => {
    const { users, ids } = await withContacts(40);
    const before = (await crm.admin.stats()).totalRequests;
    const limits = { second: 2, minute: 120, day: 6, month: null };
    const { receive, retries } = consumerOf(crm, users, {
      connect: connect(),
      budget: { limits, liveReserve: 0 },
    });
    const job = tagJob(ids);
    expect(await receive(job)).toEqual([job.messageId]);
    expect((await crm.admin.stats()).totalRequests - before).toBe(4);
    expect(retries).toMatchObject([{ error: { reason: 'day' } }]);
  });
});
