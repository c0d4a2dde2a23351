import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProgressKeeper } from '../../../lambdas/sync-contact/progress-keeper.ts';
import type { Allowance, QuotaKeeper } from '../../../lambdas/sync-contact/quota-keeper.ts';
import { type InfusionsoftClient, infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { type RequestJournal, requestJournal } from '../../../shared/infusionsoft/http/request-journal.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import type { Message } from '../../../shared/sync/message.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW, plentyOfQuota, record } from '../../support/consumer-under-test.ts';
import { memoryPostponedStore, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());

describe('a user who cannot be synced', () => {
  it('goes to the dead-letter queue at once without a request, and the users behind go on', async () => {
    const users = memoryUserTable({ ...ANN, userId: 'bob', email: 'nobody' }, ANN);
    const { receive, rejected, outcomes } = consumerOf(crm, users);
    const cost = await crm.requestsOf(async () => {
      expect(await receive(record(userMessage('bob')), record(userMessage('ann')))).toEqual([]);
    });
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
    expect(outcomes.sort()).toEqual(['rejected', 'synced']);
    expect(rejected).toMatchObject([{ error: { reason: 'no-usable-email' } }]);
    expect(users.user('bob').crm?.rejection).toMatchObject({
      reason: 'no-usable-email',
      errorId: rejected[0]?.error.errorId,
    });
  });

  it('loses its rejection when a later sync succeeds', async () => {
    const users = memoryUserTable({ ...ANN, email: 'nobody' });
    const { receive } = consumerOf(crm, users);
    await receive(record(userMessage('ann')));
    users.edit('ann', { email: 'ann@example.com' });
    await receive(record(userMessage('ann')));
    expect(users.user('ann').crm).toHaveProperty('contactId');
    expect(users.user('ann').crm).not.toHaveProperty('rejection');
  });

  it('is one that the CRM refuses for good', async () => {
    const names = await crm.catalog.current();
    const broken = {
      ...names,
      customFields: Object.fromEntries(Object.keys(names.customFields).map((key) => [key, 999])),
    };
    const users = memoryUserTable(ANN);
    await crm.table.writeCatalog({ ...broken, refreshedAt: new Date(Date.now() + 1000).toISOString() });
    await crm.catalog.newerThan(Date.now());
    const { receive, rejected } = consumerOf(crm, users);
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(rejected).toMatchObject([{ error: { reason: 'refused-by-crm', status: 400 } }]);
  });

  it('is one whose tag the account may not apply: the contact is kept', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (_, ids) =>
      new Map(ids.map((id) => [id, 'NO_PERMISSION']));
    const { receive, rejected } = consumerOf(crm, users, { client: { ...crm.client, applyTags } });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(rejected).toMatchObject([{ error: { reason: 'tag-not-permitted' } }]);
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
  });

  it('is a message that is none of ours, whatever its group', async () => {
    const users = memoryUserTable(ANN);
    const { receive, rejected } = consumerOf(crm, users);
    expect(
      await receive(record('{"hello":1}', 'ann'), record('not json', 'ann'), record(userMessage('ann'))),
    ).toEqual([]);
    expect(rejected.map(({ error }) => error.reason)).toEqual(['unreadable-message', 'unreadable-message']);
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
  });
});

describe('a failure that time can mend', () => {
  const failing = (method: keyof InfusionsoftClient): InfusionsoftClient => ({
    ...crm.client,
    [method]: async () => {
      throw new RetryableError('down', { afterMs: 5000 });
    },
  });

  it('keeps all messages of the user in the queue, and nobody else’s', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    await consumerOf(crm, users).receive(record(userMessage('bob')));
    users.edit('ann', { firstName: 'Anna' });
    const { receive, postponed, outcomes } = consumerOf(crm, users, { client: failing('upsertContact') });
    const records = [record(userMessage('ann')), record(userMessage('bob')), record(userMessage('ann'))];
    expect(await receive(...records)).toEqual([records[0]?.messageId, records[2]?.messageId]);
    expect(postponed).toMatchObject([{ error: { afterMs: 5000 } }]);
    expect(outcomes.sort()).toEqual(['postponed', 'unchanged']);
  });

  it('after the contact was made does not make it again', async () => {
    const users = memoryUserTable(ANN);
    await consumerOf(crm, users, { client: failing('applyTags') }).receive(record(userMessage('ann')));
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
    expect(await crm.requestsOf(() => consumerOf(crm, users).receive(record(userMessage('ann'))))).toEqual({
      'POST /contacts/{id}/tags': 1,
    });
    expect((await crm.contacts())[0]?.tags).toEqual(ANN_TAGS);
  });

  it('is a tag that the CRM fails to apply inside a 200', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (_, ids) =>
      new Map(ids.map((id, index) => [id, index === 0 ? 'FAILURE' : 'SUCCESS']));
    const one = record(userMessage('ann'));
    expect(await consumerOf(crm, users, { client: { ...crm.client, applyTags } }).receive(one)).toEqual([
      one.messageId,
    ]);
    expect(users.user('ann').crm?.tagIds).toHaveLength(3);
  });
});

describe('the progress that check-health reads', () => {
  /** A client whose requests are in the journal, as those of the handler are. */
  const journaled = (journal: RequestJournal): InfusionsoftClient =>
    new Proxy(crm.client, {
      get: (target, method: keyof InfusionsoftClient) => {
        const call = target[method] as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          journal.record({ method: 'PUT', path: method, status: 200, durationMs: 1 });
          return call(...args);
        };
      },
    });
  const spy = () => {
    const journal = requestJournal();
    const noted: string[] = [];
    let closed = 0;
    const progress: ProgressKeeper = {
      done: ({ id }, requested) => void noted.push(`${id} ${requested ? 'requested' : 'not requested'}`),
      failed: ({ id }, error) => void noted.push(`${id} ${error instanceof Error ? error.name : ''}`),
      close: async () => void closed++,
    };
    return { noted, closed: () => closed, options: { progress, journal, client: journaled(journal) } };
  };

  it('is noted for each user, with whether the CRM was asked', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'nobody' });
    const { noted, closed, options } = spy();
    const { receive } = consumerOf(crm, users, options);
    await receive(record(userMessage('ann')), record(userMessage('bob')), record(userMessage('gone')));
    expect(noted.toSorted()).toEqual(['ann requested', 'bob RejectedError', 'gone not requested']);
    expect(closed()).toBe(1);
    noted.length = 0;
    await receive(record(userMessage('ann')));
    expect(noted).toEqual(['ann not requested']);
  });

  it('is noted for tags of many users', async () => {
    const userIds = ['a', 'b', 'c', 'd', 'e', 'f'];
    const users = memoryUserTable(
      ...userIds.map((userId) => ({ ...ANN, userId, email: `${userId}@example.com` })),
    );
    const { noted, options } = spy();
    const { receive } = consumerOf(crm, users, options);
    await receive(
      ...userIds.map((userId) => record(userMessage(userId, { cause: 'backfill', tagsLater: true }))),
    );
    noted.length = 0;
    const changedAt = new Date(NOW).toISOString();
    const message: Message = { version: 1, kind: 'tag-users', userIds, changedAt, correlationId: 'run' };
    await receive(record(message, 'tags'));
    await receive(record(message, 'tags'));
    expect(noted).toEqual(['tags requested', 'tags not requested']);
  });
});

describe('a user who fails again and again', () => {
  const down = (error: Error): InfusionsoftClient => ({
    ...crm.client,
    upsertContact: async () => {
      throw error;
    },
  });
  const delivered = (times: number, message = userMessage('ann')) => {
    const each = record(message);
    each.attributes.ApproximateReceiveCount = String(times);
    return each;
  };

  it('is recorded with the reason from the third failure on, until a delivery succeeds', async () => {
    const users = memoryUserTable(ANN);
    const postponed = memoryPostponedStore();
    const failing = consumerOf(crm, users, {
      client: down(new RetryableError('The account may not do this (403)')),
      postponed,
    });
    await failing.receive(delivered(2));
    expect(await postponed.read(['ann'])).toEqual(new Map());
    for (const times of [3, 4]) {
      await failing.receive(delivered(times));
      expect(await postponed.read(['ann', 'bob'])).toEqual(
        new Map([['ann', { reason: 'The account may not do this (403)', at: new Date(NOW).toISOString() }]]),
      );
    }
    await consumerOf(crm, users, { postponed }).receive(delivered(5));
    expect(await postponed.read(['ann'])).toEqual(new Map());
  });

  it('is recorded when the CRM fails again and again to create its contact', async () => {
    const users = memoryUserTable(ANN);
    const postponed = memoryPostponedStore();
    const client = infusionsoftClient({
      url: 'http://crm.local',
      fetch: async () => Response.json({ message: 'Unknown owner' }, { status: 500 }),
    });
    await consumerOf(crm, users, {
      client: { ...crm.client, upsertContact: client.upsertContact },
      postponed,
    }).receive(delivered(3));
    expect((await postponed.read(['ann'])).size).toBe(1);
  });

  it('is recorded no longer when it is rejected', async () => {
    const postponed = memoryPostponedStore();
    await postponed.record('ann', { reason: 'The CRM failed (500)', at: new Date(NOW).toISOString() });
    const users = memoryUserTable({ ...ANN, email: 'nobody' });
    await consumerOf(crm, users, { postponed }).receive(delivered(4));
    expect(await postponed.read(['ann'])).toEqual(new Map());
  });

  it('is not one who waits for what has an end: a pause, or a lease', async () => {
    const postponed = memoryPostponedStore();
    const client = down(new RetryableError('Somebody else works on this user', { afterMs: 1000 }));
    await consumerOf(crm, memoryUserTable(ANN), { client, postponed }).receive(delivered(9));
    expect(await postponed.read(['ann'])).toEqual(new Map());
  });

  it('stays in the queue when that cannot be recorded', async () => {
    const consumer = consumerOf(crm, memoryUserTable(ANN), {
      client: down(new RetryableError('down')),
      postponed: {
        record: async () => {
          throw new Error('DynamoDB is down');
        },
        clear: async () => {},
      },
    });
    const one = delivered(3);
    expect(await consumer.receive(one)).toEqual([one.messageId]);
    expect(consumer.postponed).toHaveLength(1);
  });

  it.each([
    ['after two failures', 3, 0],
    ['after a long wait', 1, 11 * 60_000],
  ])('brings its tags itself %s, since its backfill may be over', async (_, times, ageMs) => {
    const users = memoryUserTable(ANN);
    const changedAt = new Date(NOW - ageMs).toISOString();
    const message = { ...userMessage('ann'), cause: 'backfill', tagsLater: true, changedAt } as const;
    await consumerOf(crm, users).receive(delivered(times, message));
    expect((await crm.contacts())[0]?.tags).toEqual(ANN_TAGS);
  });
});

describe('a queue that fails', () => {
  it('keeps the messages whose fate it could not take, and the others are done', async () => {
    const users = memoryUserTable(
      { ...ANN, userId: 'bob', email: 'nobody' },
      { ...ANN, userId: 'cleo', email: 'cleo@example.com' },
      ANN,
    );
    const upsertContact: InfusionsoftClient['upsertContact'] = async (body) => {
      if (body.email_addresses?.[0]?.email?.startsWith('cleo')) throw new RetryableError('down');
      return crm.client.upsertContact(body);
    };
    const { receive, outcomes, queue } = consumerOf(crm, users, { client: { ...crm.client, upsertContact } });
    queue.reject = queue.postpone = async () => {
      throw new Error('throttled');
    };
    const records = [record(userMessage('bob')), record(userMessage('cleo')), record(userMessage('ann'))];
    expect(await receive(...records)).toEqual([records[0]?.messageId, records[1]?.messageId]);
    expect(outcomes).toContain('synced');
  });
});

describe('a spent quota', () => {
  const allow = (allowance: Partial<Allowance>): QuotaKeeper => ({
    ...plentyOfQuota,
    open: async () => ({ pause: undefined, backfillPausedUntil: undefined, ...allowance }),
  });
  const until = NOW + 3_600_000;

  it('holds every message back until the reset, without a request', async () => {
    const users = memoryUserTable(ANN);
    const pause = { reason: 'day', since: NOW, until } as const;
    const { receive, postponed, rejected } = consumerOf(crm, users, { quota: allow({ pause }) });
    const kept = await receive(record(userMessage('ann')), record(userMessage('ann', { cause: 'backfill' })));
    expect(kept).toHaveLength(2);
    expect(postponed).toMatchObject([{ error: { afterMs: 3_600_000 } }]);
    expect(rejected).toEqual([]);
    expect((await crm.admin.stats()).totalRequests).toBe(0);
  });

  it('of the backfill holds back its messages, and lets live changes through', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    const { receive, postponed, outcomes } = consumerOf(crm, users, {
      quota: allow({ backfillPausedUntil: until }),
    });
    const backfilled = record(userMessage('bob', { cause: 'backfill' }));
    expect(await receive(record(userMessage('ann')), backfilled)).toEqual([backfilled.messageId]);
    expect(outcomes.sort()).toEqual(['postponed', 'synced']);
    expect(postponed).toMatchObject([{ error: { afterMs: 3_600_000 } }]);
  });
});
