import ky from 'ky';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());

describe('a new user', () => {
  it('becomes a contact with its tags, in two requests, and the table knows it', async () => {
    const users = memoryUserTable(ANN);
    const { receive, outcomes, changes } = consumerOf(crm, users);
    const cost = await crm.requestsOf(() => receive(record(userMessage('ann'))));
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
    expect({ outcomes, changes }).toEqual({ outcomes: ['synced'], changes: ['created', 'tagged'] });
    const [contact] = await crm.contacts();
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
    await crm.preload({
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
    const cost = await crm.requestsOf(() => consumerOf(crm, users).receive(record(userMessage('ann'))));
    expect(await crm.contacts()).toMatchObject([
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
    const consuming = consumerOf(crm, users);
    await consuming.receive(record(userMessage('ann')));
    return { users, ...consuming };
  }

  it('who is right already costs no request', async () => {
    const { receive, outcomes } = await known();
    expect(await crm.requestsOf(() => receive(record(userMessage('ann'))))).toEqual({});
    expect(outcomes).toEqual(['synced', 'unchanged']);
  });

  it('costs one request for any number of changed fields', async () => {
    const { users, receive } = await known();
    users.edit('ann', { firstName: 'Anna', phone: '+12125550123' });
    expect(await crm.requestsOf(() => receive(record(userMessage('ann'))))).toEqual({
      'PATCH /contacts/{id}': 1,
    });
    expect(await crm.contacts()).toMatchObject([
      { values: { given_name: 'Anna', 'phone_numbers.PHONE1': '+12125550123' } },
    ]);
  });

  it('whose email changes costs one more: a look whether another contact has it', async () => {
    const { users, receive } = await known();
    users.edit('ann', { firstName: 'Anna', email: 'anna@example.com' });
    expect(await crm.requestsOf(() => receive(record(userMessage('ann'))))).toEqual({
      'GET /contacts': 1,
      'PATCH /contacts/{id}': 1,
    });
    expect(await crm.contacts()).toMatchObject([
      { values: { 'email_addresses.EMAIL1': 'anna@example.com' } },
    ]);
  });

  it('whose value is removed loses it in the CRM too', async () => {
    const { users, receive } = await known({ ...ANN, phone: '+12125550123', lastName: 'Lee' });
    users.edit('ann', { phone: undefined, lastName: '', progress: undefined });
    await receive(record(userMessage('ann')));
    const [contact] = await crm.contacts();
    expect(Object.keys(contact?.values ?? {}).sort()).toEqual(['email_addresses.EMAIL1', 'given_name']);
    expect(contact?.customFields).toEqual({ 'App User Id': 'ann', 'Subscription Status': 'trial' });
  });

  it('swaps tags with one request for those that go and one for those that come', async () => {
    const { users, receive } = await known();
    users.edit('ann', { subscription: { status: 'active' }, lastActiveAt: '2026-05-01' });
    expect(await crm.requestsOf(() => receive(record(userMessage('ann'))))).toEqual({
      'PATCH /contacts/{id}': 1,
      'DELETE /contacts/{id}/tags': 1,
      'POST /contacts/{id}/tags': 1,
    });
    expect((await crm.contacts())[0]?.tags).toEqual([
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
    expect(await crm.requestsOf(() => receive(...ten))).toEqual({ 'PATCH /contacts/{id}': 1 });
  });

  it('whose crm map was removed is found by email again, and not doubled', async () => {
    const { users, receive } = await known();
    const before = users.user('ann').crm;
    users.edit('ann', { crm: undefined });
    expect(await crm.requestsOf(() => receive(record(userMessage('ann', { cause: 'resync' }))))).toEqual({
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
    expect(await crm.contacts()).toMatchObject([{ values: { given_name: 'Anna' }, tags: ANN_TAGS }]);
    expect(users.user('ann').crm?.contactId).not.toBe(gone);
  });

  it('whose contact was deleted in the CRM, with only a tag to change, gets a new one too', async () => {
    const { users, receive } = await known();
    await ky.delete(`${crm.url}/_simulator/contacts/${users.user('ann').crm?.contactId}`);
    users.edit('ann', { lastActiveAt: '2026-05-01' });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect((await crm.contacts())[0]?.tags).toContain('Inactive 30 days');
  });

  it('whose next tag was deleted in the CRM has it created again', async () => {
    const { users, receive } = await known();
    await ky.delete(`${crm.url}/_simulator/tags/Week%204`);
    users.edit('ann', { progress: { ...ANN.progress, week: 4 } });
    expect(await receive(record(userMessage('ann')))).toEqual([]);
    expect((await crm.contacts())[0]?.tags).toContain('Week 4');
  });
});
