import ky from 'ky';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContactBody } from '../../../shared/infusionsoft/contact-body.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

const BOB = { userId: 'bob', email: 'bob@example.com', firstName: 'Bob' };

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());
const withEmail = async (email: string) => (await crm.admin.contacts(email))[0];
const message = (userId: string) => record(userMessage(userId));

describe('two users with one email', () => {
  it('do not share a contact: the second is rejected with the id of the first, and the first stays', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ANN@example.com' });
    const { receive, rejected } = consumerOf(crm, users);
    await receive(message('ann'));
    const cost = await crm.requestsOf(() => receive(message('bob')));
    expect(cost).toEqual({});
    expect(rejected).toMatchObject([{ error: { reason: 'email-of-another-user', otherUserId: 'ann' } }]);
    expect(users.user('bob').crm?.rejection).toMatchObject({ otherUserId: 'ann' });
    expect(await withEmail('ann@example.com')).toMatchObject({ values: { given_name: 'Ann' } });
  });

  it('of which the second is found by an email of the first one’s contact: the first is synced again', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com', firstName: 'Bob' });
    await consumerOf(crm, users).receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    // Somebody typed Bob's email into a second slot of Ann's contact, and the CRM's create-or-update finds it there.
    const client = {
      ...crm.client,
      upsertContact: (body: ContactBody) => crm.client.updateContact(contactId, body),
    };
    const second = consumerOf(crm, users, { client });
    await second.receive(record(userMessage('bob')));
    expect(second.rejected).toMatchObject([{ error: { reason: 'contact-of-another-user' } }]);
    expect(second.again).toMatchObject([{ userId: 'ann', cause: 'resync' }]);
    await consumerOf(crm, users).receive(...second.again.map((message) => record(message)));
    expect((await crm.contacts())[0]?.values).toMatchObject({ given_name: ANN.firstName });
  });

  it('at the same moment in two environments make one contact', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ann@example.com' });
    const [one, two] = [consumerOf(crm, users), consumerOf(crm, users)];
    await crm.catalog.current();
    await Promise.all([one.receive(message('ann')), two.receive(message('bob'))]);
    expect([...one.rejected, ...two.rejected]).toHaveLength(1);
    expect((await crm.admin.stats()).duplicateContacts).toBe(0);
  });

  it('are two no more when the first has another: then the second can have it', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ann@example.com' });
    const { receive, outcomes } = consumerOf(crm, users);
    await receive(message('ann'));
    await receive(message('bob'));
    users.edit('ann', { email: 'ann@new.example' });
    await receive(message('ann'));
    await receive(message('bob'));
    expect(outcomes).toEqual(['synced', 'rejected', 'synced', 'synced']);
    expect(users.user('bob').crm).not.toHaveProperty('rejection');
    expect(users.user('bob').crm?.contactId).not.toBe(users.user('ann').crm?.contactId);
  });
});

describe('an email that changes', () => {
  it('to one that another contact has moves the user to that contact: no duplicate, nothing of it lost', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(message('ann'));
    const old = users.user('ann').crm?.contactId;
    const [newsletter] = await crm.preload({
      values: { 'email_addresses.EMAIL1': 'ann@work.example', 'phone_numbers.PHONE2': '+12125550100' },
      tags: ['VIP'],
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    users.edit('ann', { email: 'ann@work.example' });
    await receive(message('ann'));
    expect(users.user('ann').crm?.contactId).toBe(newsletter?.id);
    expect(await withEmail('ann@work.example')).toMatchObject({
      values: { given_name: 'Ann', 'phone_numbers.PHONE2': '+12125550100' },
      tags: [...ANN_TAGS, 'VIP'].sort(),
    });
    expect((await crm.contacts()).find(({ id }) => id === old)?.tags).toEqual([]);
    expect((await crm.admin.stats()).duplicateContacts).toBe(0);
  });
});

describe('a contact that was merged away', () => {
  it('is found again by its email, and the survivor gets the tags', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(message('ann'));
    const [survivor] = await crm.preload({ values: { 'email_addresses.EMAIL1': 'ann@old.example' } });
    const from = users.user('ann').crm?.contactId;
    await ky.post(`${crm.url}/_simulator/merge`, { json: { from, into: survivor?.id } });
    users.edit('ann', { firstName: 'Anna' });
    await receive(message('ann'));
    expect(users.user('ann').crm?.contactId).toBe(survivor?.id);
    expect((await crm.contacts()).map(({ tags }) => tags)).toEqual([ANN_TAGS]);
  });
});
