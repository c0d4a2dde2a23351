import { describe, expect, it, vi } from 'vitest';
import { claims } from '../../../shared/contacts/claims.ts';
import type { ContactBody } from '../../../shared/infusionsoft/contact-body.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { ANN } from '../../support/ann.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { invocationOf, memoryClaimStore, memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

describe('claims', () => {
  const BOB = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 5 } };

  function claimsOf(...rows: Parameters<typeof memoryUserTable>) {
    const store = memoryClaimStore();
    const write = vi.spyOn(store, 'write');
    const { table } = memoryUserTable(...rows);
    const invocation = () => invocationOf('a');
    return { write, ...claims({ store, users: table, mapping, invocation, now: () => 1_000_000 }) };
  }

  it('of a new contact take one write', async () => {
    const { claimContact, write } = claimsOf();
    expect(await claimContact(5, 'ann')).toBe(false);
    expect(write).toHaveBeenCalledTimes(1);
  });

  it('of a contact that a deleted user had take two writes', async () => {
    const { claimContact, write } = claimsOf();
    await claimContact(5, 'bob');
    write.mockClear();
    await claimContact(5, 'ann');
    expect(write).toHaveBeenCalledTimes(2);
  });

  it('of an email are refused while another user has it in the table', async () => {
    const { claimEmail } = claimsOf(BOB);
    await claimEmail('bob@example.com', 'bob');
    await expect(claimEmail('Bob@example.com', 'ann')).rejects.toMatchObject({ otherUserId: 'bob' });
    await claimEmail('former@example.com', 'bob');
    await expect(claimEmail('former@example.com', 'ann')).resolves.toBeUndefined();
  });

  it('can be repeated by the same user, who has inherited nothing', async () => {
    const { claimContact } = claimsOf();
    await claimContact(5, 'ann');
    expect(await claimContact(5, 'ann')).toBe(false);
  });

  it('of an inherited contact say so, however often they are repeated', async () => {
    const { claimContact } = claimsOf();
    await claimContact(5, 'ann');
    expect(await claimContact(5, 'bob')).toBe(true);
    expect(await claimContact(5, 'bob')).toBe(true);
  });

  it('of a contact are refused while another user has it in the table', async () => {
    const { claimContact } = claimsOf(BOB);
    await claimContact(5, 'bob');
    await expect(claimContact(5, 'ann')).rejects.toMatchObject({
      reason: 'contact-of-another-user',
      otherUserId: 'bob',
    });
  });
});

describe('two users with one email', () => {
  const BOB = { userId: 'bob', email: 'bob@example.com', firstName: 'Bob' };
  startCrmForEachTest();

  it('do not share a contact: the second is rejected and names the first', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ANN@example.com' });
    const { receive, rejected } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    const cost = await crm.requestsOf(() => receive(changeOf('bob')));
    expect(cost).toEqual({});
    expect(rejected).toMatchObject([{ error: { reason: 'email-of-another-user', otherUserId: 'ann' } }]);
    expect(users.user('bob').crm?.rejection).toMatchObject({ otherUserId: 'ann' });
    expect(await contactWithEmail('ann@example.com')).toMatchObject({ values: { given_name: 'Ann' } });
  });

  it('in different fields: when an upsert finds the contact of the first for the second, the first is synced again', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com', firstName: 'Bob' });
    await consumerOf(crm, users).receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    // Bob's email was typed by hand into EMAIL2 of Ann's contact, where an upsert of the CRM finds it.
    const client = {
      ...crm.client,
      upsertContact: (body: ContactBody) => crm.client.updateContact(contactId, body),
    };
    const second = consumerOf(crm, users, { client });
    await second.receive(record(userMessage('bob')));
    expect(second.rejected).toMatchObject([{ error: { reason: 'contact-of-another-user' } }]);
    expect(second.requeued).toMatchObject([{ userId: 'ann', cause: 'resync' }]);
    await consumerOf(crm, users).receive(...second.requeued.map((message) => record(message)));
    expect((await crm.contacts())[0]?.values).toMatchObject({ given_name: ANN.firstName });
  });

  it('get one contact when two environments sync them at the same moment', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ann@example.com' });
    const [one, two] = [consumerOf(crm, users), consumerOf(crm, users)];
    await crm.catalog.current();
    await Promise.all([one.receive(changeOf('ann')), two.receive(changeOf('bob'))]);
    expect([...one.rejected, ...two.rejected]).toHaveLength(1);
    expect((await crm.admin.stats()).duplicateContacts).toBe(0);
  });

  it('no longer conflict once the first has another email', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ann@example.com' });
    const { receive, outcomes } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    await receive(changeOf('bob'));
    users.edit('ann', { email: 'ann@new.example' });
    await receive(changeOf('ann'));
    await receive(changeOf('bob'));
    expect(outcomes).toEqual(['synced', 'rejected', 'synced', 'synced']);
    expect(users.user('bob').crm).not.toHaveProperty('rejection');
    expect(users.user('bob').crm?.contactId).not.toBe(users.user('ann').crm?.contactId);
  });
});
