import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pacedClient } from '../../../lambdas/sync-contact/paced-client.ts';
import { backoffMs, CONTACT_FAULT } from '../../../shared/quota/retry-policy.ts';
import type { Message } from '../../../shared/sync/message.ts';
import { readUser } from '../../../shared/user/read-user.ts';
import type { User } from '../../../shared/user/user.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { seededRandom } from '../../simulator/traffic/random.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const HEADER: ['x-keap-api-key', string] = ['x-keap-api-key', DEFAULT_TOKEN];
const EVERYBODY = { rate: 1, kinds: ['server-error'], afterEffect: 0 };

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  vi.useFakeTimers({ now: NOON, toFake: ['Date'] });
  crm = await startCrm({ isServer: true });
  await crm.catalog.current();
});
afterEach(async () => {
  vi.useRealTimers();
  await crm.stop();
});

const person = (userId: string): User => ({
  ...readUser(ANN).user,
  userId,
  email: `${userId}@example.com`,
  firstName: 'Zoë',
});

/** The consumer as in the function, and a queue that delivers again as the retry policy says. Time passes only between deliveries. */
function system(...users: User[]) {
  const rows = memoryUserTable(...users);
  const logger = new Logger({ logLevel: 'SILENT' });
  const warn = vi.spyOn(logger, 'warn');
  const error = vi.spyOn(logger, 'error');
  const { client, table, mapping } = crm;
  const connect = pacedClient({
    url: crm.url,
    credentials: { current: async () => HEADER, cached: () => HEADER, renew: async () => undefined },
    rateLimiter: { acquireSlot: async () => {} },
  });
  const consumer = consumerOf({ client, table, mapping }, rows, { connect, logger, now: Date.now });
  const random = seededRandom(1);
  let waiting: { message: SQSRecord; dueAt: number; receives: number }[] = [];
  const send = (body: Message) =>
    void waiting.push({ message: record(body), dueAt: Date.now(), receives: 0 });
  /** Deliveries so far, by user. */
  const deliveries = new Map<string, number>();

  const deliverDue = async () => {
    const due = waiting.filter(({ dueAt }) => dueAt <= Date.now()).slice(0, 10);
    for (const each of due) {
      each.receives++;
      each.message.attributes.ApproximateReceiveCount = String(each.receives);
      const group = each.message.attributes.MessageGroupId ?? '';
      deliveries.set(group, (deliveries.get(group) ?? 0) + 1);
    }
    const retried = consumer.retries.length;
    const left = new Set(await consumer.receive(...due.map(({ message }) => message)));
    for (const { records, error: failure } of consumer.retries.slice(retried))
      for (const each of due)
        if (records.includes(each.message))
          each.dueAt = Date.now() + backoffMs(each.receives, failure, random());
    waiting = waiting.filter((each) => !due.includes(each) || left.has(each.message.messageId));
    return due.length;
  };
  /** Lets time pass, in steps of ten seconds. @param meanwhile called at each step. */
  const pass = async (ms: number, meanwhile: (afterMs: number) => unknown = () => {}) => {
    for (let after = 0; after < ms; after += 10 * SECOND_MS) {
      await meanwhile(after);
      while ((await deliverDue()) > 0);
      vi.setSystemTime(Date.now() + 10 * SECOND_MS);
    }
  };
  let edits = 0;
  const edit = (userId: string) => {
    rows.edit(userId, { lastName: `Lee ${++edits}` });
    send(userMessage(userId, { cause: 'changed', changedAt: new Date().toISOString() }));
  };
  return { ...consumer, rows, send, edit, pass, deliveries, warn, error, left: () => waiting.length };
}
type System = ReturnType<typeof system>;

const reasons = ({ rejected }: System) => rejected.map(({ error }) => error.reason);
const fail = (...userIds: string[]) =>
  crm.admin.set('failing', { emails: userIds.map((userId) => person(userId).email) });
const everyMinute = (work: () => unknown) => (afterMs: number) =>
  afterMs % MINUTE_MS === 0 ? work() : undefined;

describe('a contact for which alone the CRM answers 500', () => {
  it('is rejected once, with what the CRM says, after three deliveries with successes of others in between', async () => {
    const all = system(person('ann'), person('bob'));
    for (const userId of ['ann', 'bob']) all.edit(userId);
    await all.pass(MINUTE_MS);
    await fail('ann');
    all.edit('ann');
    const before = (await crm.admin.stats()).requests;
    await all.pass(
      HOUR_MS,
      everyMinute(() => all.edit('bob')),
    );
    expect(reasons(all)).toEqual(['fails-in-crm']);
    const { rejection, serverErrors } = all.rows.user('ann').crm ?? {};
    expect(rejection).toMatchObject({
      reason: 'fails-in-crm',
      detail: 'Unable to save … …: owner 99 is inactive',
    });
    expect(serverErrors?.count).toBe(CONTACT_FAULT.deliveries);
    const rejectedAfterMs = Date.parse(rejection?.at ?? '') - NOON;
    expect(rejectedAfterMs).toBeGreaterThan(2 * CONTACT_FAULT.apartMs);
    expect(rejectedAfterMs).toBeLessThan(20 * MINUTE_MS);
    // One request for each delivery, and none of the others waited for it.
    const { requests } = await crm.admin.stats();
    const ofAnn = all.deliveries.get('ann') ?? 0;
    expect(ofAnn).toBeLessThan(14);
    expect((requests['PATCH /contacts/{id}'] ?? 0) - (before['PATCH /contacts/{id}'] ?? 0)).toBe(
      ofAnn - 1 + 60,
    );
    expect(all.deliveries.get('bob')).toBe(61);
    expect(all.left()).toBe(0);
    const lines = JSON.stringify([all.warn.mock.calls, all.error.mock.calls]);
    expect(lines).toContain('owner 99 is inactive');
    expect(lines).not.toMatch(/Zoë|example\.com/);
  });

  it('is synced, and no longer counted, when it works again before', async () => {
    const all = system(person('ann'), person('bob'));
    await fail('ann');
    all.edit('ann');
    await all.pass(
      6 * MINUTE_MS,
      everyMinute(() => all.edit('bob')),
    );
    expect(all.rows.user('ann').crm?.serverErrors?.count).toBe(2);
    await fail();
    await all.pass(
      HOUR_MS,
      everyMinute(() => all.edit('bob')),
    );
    expect(all.rejected).toEqual([]);
    expect(all.rows.user('ann').crm).toHaveProperty('contactId');
    expect(all.rows.user('ann').crm).not.toHaveProperty('serverErrors');
    expect((await crm.contacts()).length).toBe(2);
  });

  it('is tried once by each refresh after the rejection, without another dead letter, until it works', async () => {
    const all = system(person('ann'), person('bob'));
    await fail('ann');
    all.edit('ann');
    await all.pass(
      HOUR_MS,
      everyMinute(() => all.edit('bob')),
    );
    expect(reasons(all)).toEqual(['fails-in-crm']);
    const refresh = () =>
      all.send(userMessage('ann', { cause: 'backfill', changedAt: new Date().toISOString() }));
    const deliveries = all.deliveries.get('ann') ?? 0;
    refresh();
    await all.pass(HOUR_MS);
    expect(all.deliveries.get('ann')).toBe(deliveries + 1);
    expect(all.outcomes.at(-1)).toBe('stillRejected');
    await fail();
    refresh();
    await all.pass(MINUTE_MS);
    expect(all.outcomes.at(-1)).toBe('synced');
    expect(all.rows.user('ann').crm).not.toHaveProperty('rejection');
    expect(all.rejected).toHaveLength(1);
  });

  it('is retried more and more rarely, and never rejected, while its user is alone in the queue', async () => {
    const all = system(person('ann'));
    await fail('ann');
    all.edit('ann');
    await all.pass(12 * HOUR_MS);
    expect(all.rejected).toEqual([]);
    expect(all.deliveries.get('ann')).toBeLessThan(50);
    await fail();
    await all.pass(HOUR_MS);
    expect(all.rows.user('ann').crm).toHaveProperty('contactId');
    expect((await crm.contacts()).length).toBe(1);
  });

  it('does not take others of a request about many contacts with it', async () => {
    const ids = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal'];
    const all = system(...ids.map(person));
    for (const userId of ids) all.send(userMessage(userId, { cause: 'backfill', tagsLater: true }));
    await all.pass(20 * SECOND_MS);
    await fail('ann');
    const before = (await crm.admin.stats()).requests;
    const changedAt = new Date().toISOString();
    all.send({ version: 1, kind: 'tag-users', userIds: ids, changedAt, correlationId: 'run' });
    await all.pass(20 * SECOND_MS);
    const tagged = (await crm.contacts()).filter(({ tags }) => tags.length === ANN_TAGS.length);
    expect(tagged.map(({ values }) => values['email_addresses.EMAIL1'])).toEqual(
      ids.slice(1).map((userId) => person(userId).email),
    );
    expect(all.requeued.map(({ userId }) => userId)).toEqual(['ann']);
    expect(all.left()).toBe(0);
    // Each of four tags once for all, three times two halves to find the one, and three tags without it.
    const route = 'POST /tags/{id}/contacts';
    const { requests } = await crm.admin.stats();
    expect((requests[route] ?? 0) - (before[route] ?? 0)).toBe(4 + 6 + 3);
  });

  it('of a deleted user ends as a dead letter, and is retired by its redrive', async () => {
    const all = system(person('ann'), person('bob'));
    all.edit('ann');
    await all.pass(MINUTE_MS);
    const { contactId } = all.rows.user('ann').crm ?? {};
    all.rows.rows.delete('ann');
    await fail('ann');
    const deleted = () =>
      all.send(userMessage('ann', { cause: 'deleted', changedAt: new Date().toISOString(), contactId }));
    deleted();
    await all.pass(
      HOUR_MS,
      everyMinute(() => all.edit('bob')),
    );
    expect(reasons(all)).toEqual(['fails-in-crm']);
    expect(all.rejected[0]?.error.message).toBe('The CRM fails for this contact (500)');
    await fail();
    deleted();
    await all.pass(MINUTE_MS);
    expect(await all.erasureRecords.read('ann')).toMatchObject({ done: 'mark', contactId });
    expect(await crm.table.readRetirement('ann')).toBeUndefined();
  });
});

describe('an outage in which the CRM answers 500 with a message', () => {
  const ids = Array.from({ length: 12 }, (_, index) => `user${index}`);

  it('to everybody rejects nobody, opens the circuit breaker, and ends by itself', async () => {
    const all = system(...ids.map(person));
    for (const userId of ids) all.edit(userId);
    await all.pass(MINUTE_MS);
    await crm.admin.set('faults', EVERYBODY);
    const before = (await crm.admin.stats()).totalRequests;
    for (const userId of ids) all.edit(userId);
    await all.pass(2 * HOUR_MS);
    expect(all.rejected).toEqual([]);
    expect((await crm.admin.stats()).totalRequests - before).toBeLessThan(120);
    expect(all.warn.mock.calls.map(([, context]) => (context as { problem: string }).problem)).toContain(
      'The CRM is down',
    );
    await crm.admin.set('faults', { rate: 0 });
    await all.pass(HOUR_MS);
    expect([all.left(), all.rejected]).toEqual([0, []]);
    for (const userId of ids) expect(all.rows.user(userId).crm).not.toHaveProperty('serverErrors');
  });

  it('to new users rejects nobody either, and makes one contact for each', async () => {
    const all = system(...ids.map(person));
    await crm.admin.set('faults', EVERYBODY);
    for (const userId of ids) all.edit(userId);
    await all.pass(HOUR_MS);
    await crm.admin.set('faults', { rate: 0 });
    await all.pass(2 * HOUR_MS);
    expect([all.left(), all.rejected]).toEqual([0, []]);
    expect((await crm.contacts()).length).toBe(ids.length);
  });

  it.each([1, 2, 3])('to half of all requests for some minutes rejects nobody; seed %d', async (seed) => {
    const all = system(...ids.map(person));
    for (const userId of ids) all.edit(userId);
    await all.pass(MINUTE_MS);
    const random = seededRandom(seed);
    await all.pass(2 * CONTACT_FAULT.apartMs, async (afterMs) => {
      await crm.admin.set('faults', { ...EVERYBODY, rate: 0.5, afterEffect: 0.3 });
      if (afterMs % MINUTE_MS === 0) for (const userId of ids) if (random() < 0.5) all.edit(userId);
    });
    await crm.admin.set('faults', { rate: 0 });
    await all.pass(
      HOUR_MS,
      everyMinute(() => all.edit('user0')),
    );
    expect([all.left(), all.rejected]).toEqual([0, []]);
  });

  it('to all changes, while reads and polls are answered, rejects nobody', async () => {
    const all = system(...ids.map(person));
    for (const userId of ids) all.edit(userId);
    await all.pass(MINUTE_MS);
    await fail(...ids);
    for (const userId of ids) all.edit(userId);
    await all.pass(
      2 * HOUR_MS,
      everyMinute(() => crm.client.listTags()),
    );
    expect(all.rejected).toEqual([]);
    await fail();
    await all.pass(HOUR_MS);
    expect([all.left(), all.rejected]).toEqual([0, []]);
  });
});

it.each([
  ['HTML of a proxy', 'html'],
  ['503', 'unavailable'],
  ['500 without a body', 'empty'],
  ['a reset', 'reset'],
] as const)('%s for one user rejects nobody, however long', async (_, kind) => {
  const all = system(person('ann'), person('bob'));
  all.edit('bob');
  await all.pass(MINUTE_MS);
  all.edit('ann');
  for (let round = 0; round < 8; round++) {
    await crm.admin.set('faults', { rate: 1, kinds: [kind], afterEffect: 0 });
    await all.pass(20 * SECOND_MS);
    await crm.admin.set('faults', { rate: 0 });
    all.edit('bob');
    if (round < 7) vi.setSystemTime(Date.now() + CONTACT_FAULT.apartMs);
  }
  await all.pass(HOUR_MS);
  expect([all.left(), all.rejected]).toEqual([0, []]);
});
