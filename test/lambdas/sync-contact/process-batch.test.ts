import ky from 'ky';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Allowance, QuotaKeeper } from '../../../lambdas/sync-contact/quota-keeper.ts';
import type { DeletionPolicy } from '../../../lambdas/sync-contact/settings.ts';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { Retryable as RetryableError } from '../../../shared/sync/errors.ts';
import { userMessage } from '../../shared/sync/user-message.ts';
import type { PreloadedContact } from '../../simulator/admin-routes.ts';
import { type ConsumerOptions, consumerOf, NOW, plentyOfQuota, record } from './consumer.ts';
import { memoryUserTable, startCrm } from './crm.ts';

const ANN = {
  userId: 'ann',
  email: 'ann@example.com',
  firstName: 'Ann',
  subscription: { status: 'trial' },
  progress: { program: 'Strength', week: 3, workoutsCompleted: 7 },
  lastActiveAt: '2026-06-15T09:00:00Z',
};
const ANN_TAGS = ['Active', 'App User', 'Subscription: Trial', 'Week 3'];

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());

const consumer = (users: ReturnType<typeof memoryUserTable>, options: ConsumerOptions = {}) =>
  consumerOf(crm, users, options);
const { contacts, preload, requestsOf } = {
  contacts: () => crm.contacts(),
  preload: (...json: PreloadedContact[]) => crm.preload(...json),
  requestsOf: (work: () => Promise<unknown>) => crm.requestsOf(work),
};

describe('a new user', () => {
  it('becomes a contact with its tags, in two requests, and the table knows it', async () => {
    const users = memoryUserTable(ANN);
    const { receive, outcomes, changes } = consumer(users);
    const cost = await requestsOf(() => receive(record(userMessage('ann'))));
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
    expect({ outcomes, changes }).toEqual({ outcomes: ['synced'], changes: ['created', 'tagged'] });
    const [contact] = await contacts();
    expect(contact).toMatchObject({
      values: { 'email_addresses.EMAIL1': 'ann@example.com', given_name: 'Ann' },
      customFields: { 'App User Id': 'ann', 'Program Week': '3' },
      tags: ANN_TAGS,
    });
    expect(users.user('ann').crm).toMatchObject({
      contactId: contact?.id,
      syncedAt: new Date(NOW).toISOString(),
    });
    expect(users.user('ann').crm?.tagIds).toHaveLength(4);
  });

  it('who signed up for the newsletter before keeps that one contact and all that people put on it', async () => {
    await preload({
      values: {
        'email_addresses.EMAIL1': 'ANN@example.com',
        given_name: 'A.',
        'phone_numbers.PHONE2': '+12125550100',
      },
      customFields: { 'Shoe Size': '41' },
      tags: ['VIP', 'Week 1'],
    });
    await crm.admin.declareOwnership();
    const users = memoryUserTable(ANN);
    const cost = await requestsOf(() => consumer(users).receive(record(userMessage('ann'))));
    expect(await contacts()).toMatchObject([
      {
        values: { given_name: 'Ann', 'phone_numbers.PHONE2': '+12125550100' },
        customFields: { 'Shoe Size': '41' },
        tags: [...ANN_TAGS, 'VIP'].sort(),
      },
    ]);
    expect(cost).toEqual({
      'PUT /contacts': 1,
      'DELETE /contacts/{id}/tags': 1,
      'POST /contacts/{id}/tags': 1,
    });
    expect((await crm.admin.stats()).foreignWrites).toEqual([]);
  });
});

describe('a known user', () => {
  async function known(item: Record<string, unknown> = ANN) {
    const users = memoryUserTable({ ...item, userId: 'ann' });
    const consuming = consumer(users);
    await consuming.receive(record(userMessage('ann')));
    return { users, ...consuming };
  }

  it('who is right already costs no request', async () => {
    const { receive, outcomes } = await known();
    expect(await requestsOf(() => receive(record(userMessage('ann'))))).toEqual({});
    expect(outcomes).toEqual(['synced', 'unchanged']);
  });

  it('costs one request for any number of changed fields', async () => {
    const { users, receive } = await known();
    users.edit('ann', { firstName: 'Anna', phone: '+12125550123' });
    expect(await requestsOf(() => receive(record(userMessage('ann'))))).toEqual({
      'PATCH /contacts/{id}': 1,
    });
    expect(await contacts()).toMatchObject([
      { values: { given_name: 'Anna', 'phone_numbers.PHONE1': '+12125550123' } },
    ]);
  });

  it('whose email changes costs one more: a look whether another contact has it', async () => {
    const { users, receive } = await known();
    users.edit('ann', { firstName: 'Anna', email: 'anna@example.com' });
    expect(await requestsOf(() => receive(record(userMessage('ann'))))).toEqual({
      'GET /contacts': 1,
      'PATCH /contacts/{id}': 1,
    });
    expect(await contacts()).toMatchObject([{ values: { 'email_addresses.EMAIL1': 'anna@example.com' } }]);
  });

  it('whose value is removed loses it in the CRM too', async () => {
    const { users, receive } = await known({ ...ANN, phone: '+12125550123', lastName: 'Lee' });
    users.edit('ann', { phone: undefined, lastName: '', progress: undefined });
    await receive(record(userMessage('ann')));
    const [contact] = await contacts();
    expect(Object.keys(contact?.values ?? {}).sort()).toEqual(['email_addresses.EMAIL1', 'given_name']);
    expect(contact?.customFields).toEqual({ 'App User Id': 'ann', 'Subscription Status': 'trial' });
  });

  it('swaps tags with one request for those that go and one for those that come', async () => {
    const { users, receive } = await known();
    users.edit('ann', { subscription: { status: 'active' }, lastActiveAt: '2026-05-01' });
    expect(await requestsOf(() => receive(record(userMessage('ann'))))).toEqual({
      'PATCH /contacts/{id}': 1,
      'DELETE /contacts/{id}/tags': 1,
      'POST /contacts/{id}/tags': 1,
    });
    expect((await contacts())[0]?.tags).toEqual([
      'App User',
      'Inactive 30 days',
      'Subscription: Active',
      'Week 3',
    ]);
  });

  it('with ten messages in one batch costs one round', async () => {
    const { users, receive } = await known();
    users.edit('ann', { firstName: 'Anna' });
    const ten = Array.from({ length: 10 }, () => record(userMessage('ann')));
    expect(await requestsOf(() => receive(...ten))).toEqual({ 'PATCH /contacts/{id}': 1 });
  });

  it('whose crm map was removed is found by email again, and not doubled', async () => {
    const { users, receive } = await known();
    const before = users.user('ann').crm;
    users.edit('ann', { crm: undefined });
    expect(await requestsOf(() => receive(record(userMessage('ann', { cause: 'resync' }))))).toEqual({
      'PUT /contacts': 1,
    });
    expect(users.user('ann').crm).toEqual(before);
  });

  it('whose contact was deleted in the CRM gets a new one with all tags', async () => {
    const { users, receive } = await known();
    const gone = users.user('ann').crm?.contactId;
    await ky.delete(`${crm.url}/_simulator/contacts/${gone}`);
    users.edit('ann', { firstName: 'Anna' });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(await contacts()).toMatchObject([{ values: { given_name: 'Anna' }, tags: ANN_TAGS }]);
    expect(users.user('ann').crm?.contactId).not.toBe(gone);
  });

  it('whose contact was deleted in the CRM, with only a tag to change, gets a new one too', async () => {
    const { users, receive } = await known();
    await ky.delete(`${crm.url}/_simulator/contacts/${users.user('ann').crm?.contactId}`);
    users.edit('ann', { lastActiveAt: '2026-05-01' });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect((await contacts())[0]?.tags).toContain('Inactive 30 days');
  });

  it('whose next tag was deleted in the CRM has it created again', async () => {
    const { users, receive } = await known();
    await ky.delete(`${crm.url}/_simulator/tags/Week%204`);
    users.edit('ann', { progress: { ...ANN.progress, week: 4 } });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect((await contacts())[0]?.tags).toContain('Week 4');
  });
});

describe('a user who cannot be synced', () => {
  it('goes to the dead-letter queue at once without a request, and the users behind go on', async () => {
    const users = memoryUserTable({ ...ANN, userId: 'bob', email: 'nobody' }, ANN);
    const { receive, rejected, outcomes } = consumer(users);
    const cost = await requestsOf(async () => {
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
    const { receive } = consumer(users);
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
    const { receive, rejected } = consumer(users);
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(rejected).toMatchObject([{ error: { reason: 'refused-by-crm', status: 400 } }]);
  });

  it('is one whose tag the account may not apply: the contact is kept', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (_, ids) =>
      new Map(ids.map((id) => [id, 'NO_PERMISSION']));
    const { receive, rejected } = consumer(users, { client: { ...crm.client, applyTags } });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect(rejected).toMatchObject([{ error: { reason: 'tag-not-permitted' } }]);
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
  });

  it('is a message that is none of ours, whatever its group', async () => {
    const users = memoryUserTable(ANN);
    const { receive, rejected } = consumer(users);
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
    await consumer(users).receive(record(userMessage('bob')));
    users.edit('ann', { firstName: 'Anna' });
    const { receive, postponed, outcomes } = consumer(users, { client: failing('upsertContact') });
    const records = [record(userMessage('ann')), record(userMessage('bob')), record(userMessage('ann'))];
    expect(await receive(...records)).toEqual([records[0]?.messageId, records[2]?.messageId]);
    expect(postponed).toMatchObject([{ error: { afterMs: 5000 } }]);
    expect(outcomes.sort()).toEqual(['postponed', 'unchanged']);
  });

  it('after the contact was made does not make it again', async () => {
    const users = memoryUserTable(ANN);
    await consumer(users, { client: failing('applyTags') }).receive(record(userMessage('ann')));
    expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
    expect(await requestsOf(() => consumer(users).receive(record(userMessage('ann'))))).toEqual({
      'POST /contacts/{id}/tags': 1,
    });
    expect((await contacts())[0]?.tags).toEqual(ANN_TAGS);
  });

  it('is a tag that the CRM fails to apply inside a 200', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (_, ids) =>
      new Map(ids.map((id, index) => [id, index === 0 ? 'FAILURE' : 'SUCCESS']));
    const one = record(userMessage('ann'));
    expect(await consumer(users, { client: { ...crm.client, applyTags } }).receive(one)).toEqual([
      one.messageId,
    ]);
    expect(users.user('ann').crm?.tagIds).toHaveLength(3);
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
    const { receive, outcomes, queue } = consumer(users, { client: { ...crm.client, upsertContact } });
    queue.reject = queue.postpone = async () => {
      throw new Error('throttled');
    };
    const records = [record(userMessage('bob')), record(userMessage('cleo')), record(userMessage('ann'))];
    expect(await receive(...records)).toEqual([records[0]?.messageId, records[1]?.messageId]);
    expect(outcomes).toContain('synced');
  });
});

describe('a deleted user', () => {
  async function deleted(deletionPolicy: DeletionPolicy) {
    await preload({ values: { 'email_addresses.EMAIL1': 'ann@example.com' }, tags: ['VIP'] });
    const users = memoryUserTable(ANN);
    const { receive, outcomes } = consumer(users, { deletionPolicy });
    await receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    const cost = await requestsOf(() => receive(record(userMessage('ann', { cause: 'deleted', contactId }))));
    expect(outcomes.at(-1)).toBe('retired');
    return { cost, tags: (await contacts()).map(({ tags }) => tags) };
  }

  it.each([
    ['mark', [['Account Deleted', 'VIP']], 2],
    ['untag', [['VIP']], 1],
    ['leave', [[...ANN_TAGS, 'VIP'].sort()], 0],
    ['delete', [], 1],
  ] as const)('is treated as the policy %s says', async (policy, tags, requests) => {
    const result = await deleted(policy);
    expect(result.tags).toEqual(tags);
    expect(Object.values(result.cost).reduce((sum, count) => sum + count, 0)).toBe(requests);
  });

  it('who never had a contact costs no request', async () => {
    const { receive, outcomes } = consumer(memoryUserTable());
    expect(await requestsOf(() => receive(record(userMessage('ann', { cause: 'deleted' }))))).toEqual({});
    expect(outcomes).toEqual(['retired']);
  });

  it('whose contact is gone already is no error', async () => {
    const { receive, outcomes } = consumer(memoryUserTable());
    expect(await receive(record(userMessage('ann', { cause: 'deleted', contactId: 999 })))).toEqual([]);
    expect(outcomes).toEqual(['retired']);
  });

  it('during the first sync leaves no contact behind that looks alive', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (...args) => {
      users.rows.delete('ann');
      return crm.client.applyTags(...args);
    };
    const { receive, outcomes } = consumer(users, { client: { ...crm.client, applyTags } });
    await receive(record(userMessage('ann')));
    expect(outcomes).toEqual(['retired']);
    expect((await contacts())[0]?.tags).toEqual(['Account Deleted']);
    expect(users.rows.size).toBe(0);
  });

  it('who came back before the message was read is a living user', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumer(users);
    await receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.edit('ann', { crm: undefined });
    await receive(
      record(userMessage('ann', { cause: 'deleted', contactId })),
      record(userMessage('ann', { cause: 'created' })),
    );
    expect((await contacts()).map(({ tags }) => tags)).toEqual([ANN_TAGS]);
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
    const { receive, postponed, rejected } = consumer(users, { quota: allow({ pause }) });
    const kept = await receive(record(userMessage('ann')), record(userMessage('ann', { cause: 'backfill' })));
    expect(kept).toHaveLength(2);
    expect(postponed).toMatchObject([{ error: { afterMs: 3_600_000 } }]);
    expect(rejected).toEqual([]);
    expect((await crm.admin.stats()).totalRequests).toBe(0);
  });

  it('of the backfill holds back its messages, and lets live changes through', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    const { receive, postponed, outcomes } = consumer(users, {
      quota: allow({ backfillPausedUntil: until }),
    });
    const backfilled = record(userMessage('bob', { cause: 'backfill' }));
    expect(await receive(record(userMessage('ann')), backfilled)).toEqual([backfilled.messageId]);
    expect(outcomes.sort()).toEqual(['postponed', 'synced']);
    expect(postponed).toMatchObject([{ error: { afterMs: 3_600_000 } }]);
  });
});
