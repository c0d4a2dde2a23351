import ky from 'ky';
import { describe, expect, it } from 'vitest';
import { changesBetween } from '../../../shared/contacts/sync-user.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import type { CrmState } from '../../../shared/user/user.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

describe('a new user', () => {
  it('becomes a contact with tags, in two requests, and its id is stored', async () => {
    const users = memoryUserTable(ANN);
    const { receive, outcomes, changes } = consumerOf(crm, users);
    const cost = await crm.requestsOf(() => receive(changeOf('ann')));
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

  it('with a newsletter contact keeps it, with everything that was added by hand', async () => {
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
    const cost = await crm.requestsOf(() => consumerOf(crm, users).receive(changeOf('ann')));
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

describe('a user with a contact', () => {
  async function syncedUser(item: Record<string, unknown> = ANN) {
    let clock = NOW;
    const users = memoryUserTable({ ...item, userId: 'ann' });
    const consuming = consumerOf(crm, users, { now: () => clock });
    await consuming.receive(changeOf('ann'));
    /** Syncs the user, whose contact the CRM does not know: once at once, and once when it counts as gone. */
    const receiveTwice = async () => {
      expect(await consuming.receive(changeOf('ann'))).toHaveLength(1);
      clock += GONE_AFTER_MS;
      return consuming.receive(changeOf('ann'));
    };
    return { users, ...consuming, receiveTwice };
  }

  it('who is in sync costs no request', async () => {
    const { receive, outcomes } = await syncedUser();
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({});
    expect(outcomes).toEqual(['synced', 'unchanged']);
  });

  it('costs one request for any number of changed fields', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { firstName: 'Anna', phone: '+12125550123' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({
      'PATCH /contacts/{id}': 1,
    });
    expect(await crm.contacts()).toMatchObject([
      { values: { given_name: 'Anna', 'phone_numbers.PHONE1': '+12125550123' } },
    ]);
  });

  it('whose email changes costs one more request, to find another contact with that email', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { email: 'anna@example.com' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({
      'GET /contacts': 1,
      'PATCH /contacts/{id}': 1,
    });
    expect(await crm.contacts()).toMatchObject([
      { values: { 'email_addresses.EMAIL1': 'anna@example.com' } },
    ]);
  });

  it('whose email and name change has the contact read, since it shows nothing of the user any more', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { firstName: 'Anna', email: 'anna@example.com' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({
      'GET /contacts': 1,
      'PATCH /contacts/{id}': 1,
      'GET /contacts/{id}': 1,
    });
  });

  it('whose values are removed loses them in the CRM too', async () => {
    const { users, receive } = await syncedUser({ ...ANN, phone: '+12125550123', lastName: 'Lee' });
    users.edit('ann', { phone: undefined, lastName: '', progress: undefined });
    await receive(changeOf('ann'));
    const [contact] = await crm.contacts();
    expect(Object.keys(contact?.values ?? {}).sort()).toEqual(['email_addresses.EMAIL1', 'given_name']);
    expect(contact?.customFields).toEqual({ 'App User Id': 'ann', 'Subscription Status': 'trial' });
  });

  it('changes tags with one request to remove and one to add', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { subscription: { status: 'active' }, lastActiveAt: '2026-05-01' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({
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

  it('with ten messages in a batch is synced once', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { firstName: 'Anna' });
    const ten = Array.from({ length: 10 }, () => record(userMessage('ann')));
    expect(await crm.requestsOf(() => receive(...ten))).toEqual({ 'PATCH /contacts/{id}': 1 });
  });

  it('whose crm map was removed keeps the contact, and all its values are written again', async () => {
    const { users, receive } = await syncedUser();
    const before = users.user('ann').crm;
    users.edit('ann', { crm: undefined });
    const resync = record(userMessage('ann', { cause: 'resync', contactId: before?.contactId }));
    expect(await crm.requestsOf(() => receive(resync))).toEqual({
      'GET /contacts': 1,
      'PATCH /contacts/{id}': 1,
    });
    expect(users.user('ann').crm).toEqual({ ...before, attemptId: expect.any(String) });
  });

  it('whose contact was deleted in the CRM gets a new one with all tags', async () => {
    const { users, receiveTwice } = await syncedUser();
    const gone = users.user('ann').crm?.contactId;
    await ky.delete(`${crm.url}/_simulator/contacts/${gone}`);
    users.edit('ann', { firstName: 'Anna' });
    expect(await receiveTwice()).toEqual([]);
    expect(await crm.contacts()).toMatchObject([{ values: { given_name: 'Anna' }, tags: ANN_TAGS }]);
    expect(users.user('ann').crm?.contactId).not.toBe(gone);
  });

  it('whose contact was deleted in the CRM gets a new one also when only a tag changes', async () => {
    const { users, receiveTwice } = await syncedUser();
    await ky.delete(`${crm.url}/_simulator/contacts/${users.user('ann').crm?.contactId}`);
    users.edit('ann', { lastActiveAt: '2026-05-01' });
    expect(await receiveTwice()).toEqual([]);
    expect((await crm.contacts())[0]?.tags).toContain('Inactive 30 days');
  });

  it('whose next tag was deleted in the CRM has the tag created again', async () => {
    const { users, receive } = await syncedUser();
    await ky.delete(`${crm.url}/_simulator/tags/Week%204`);
    users.edit('ann', { progress: { ...ANN.progress, week: 4 } });
    expect(await receive(changeOf('ann'))).toEqual([]);
    expect((await crm.contacts())[0]?.tags).toContain('Week 4');
  });
});

describe('an email that changes', () => {
  it('to that of another contact moves the user there, without a duplicate', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    const old = users.user('ann').crm?.contactId;
    const [newsletter] = await crm.preload({
      values: { 'email_addresses.EMAIL1': 'ann@work.example', 'phone_numbers.PHONE2': '+12125550100' },
      tags: ['VIP'],
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    users.edit('ann', { email: 'ann@work.example' });
    await receive(changeOf('ann'));
    expect(users.user('ann').crm?.contactId).toBe(newsletter?.id);
    expect(await contactWithEmail('ann@work.example')).toMatchObject({
      values: { given_name: 'Ann', 'phone_numbers.PHONE2': '+12125550100' },
      tags: [...ANN_TAGS, 'VIP'].sort(),
    });
    expect((await crm.contacts()).find(({ id }) => id === old)?.tags).toEqual([]);
    expect((await crm.admin.stats()).duplicateContacts).toBe(0);
  });
});

describe('a contact that was merged away', () => {
  it('is replaced by the contact that it was merged into, which gets the tags', async () => {
    const users = memoryUserTable(ANN);
    let clock = NOW;
    const { receive } = consumerOf(crm, users, { now: () => clock });
    await receive(changeOf('ann'));
    const [survivor] = await crm.preload({ values: { 'email_addresses.EMAIL1': 'ann@old.example' } });
    const from = users.user('ann').crm?.contactId;
    await ky.post(`${crm.url}/_simulator/merge`, { json: { from, into: survivor?.id } });
    users.edit('ann', { firstName: 'Anna' });
    await receive(changeOf('ann'));
    clock += GONE_AFTER_MS;
    await receive(changeOf('ann'));
    expect(users.user('ann').crm?.contactId).toBe(survivor?.id);
    expect((await crm.contacts()).map(({ tags }) => tags)).toEqual([ANN_TAGS]);
  });
});

describe('the changes of a sync', () => {
  const before: CrmState = { contactId: 1, tagIds: [7, 8], fingerprint: { given_name: 'x' }, revision: 3 };

  it.each<[string, CrmState, CrmState, string[]]>([
    ['a new contact with tags', {}, before, ['created', 'tagged']],
    ['a new contact without tags', {}, { contactId: 1, fingerprint: {}, tagIds: [] }, ['created']],
    ['another contact', before, { ...before, contactId: 2 }, ['created']],
    ['a field', before, { ...before, fingerprint: { given_name: 'y' } }, ['updated']],
    ['a tag', before, { ...before, tagIds: [7, 9] }, ['tagged']],
    ['the order of the tags', before, { ...before, tagIds: [8, 7], revision: 4 }, []],
    ['nothing', before, before, []],
  ])('%s', (_, from, to, expected) => {
    expect(changesBetween(from, to)).toEqual(expected);
  });
});
