import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { type ConsumerOptions, consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { richMapping } from '../../support/rich-mapping.ts';
import { userMessage } from '../../support/user-message.ts';

const ANN = {
  userId: 'ann',
  email: 'ann@example.com',
  firstName: 'Ann',
  lastName: 'Lee',
  phone: '+12125550123',
  timeZone: 'America/New_York',
  appDownloadDate: '2026-01-31',
};
const LATER = new Date(Date.now() + 60_000).toISOString();

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm({}, richMapping);
});
afterEach(() => crm.stop());

const forget = (contactId?: number, requestId = 'r1') =>
  record({ version: 1, kind: 'forget', userId: 'ann', requestId, ...(contactId && { contactId }) }, 'ann');
const deletion = (contactId: number) =>
  record(userMessage('ann', { cause: 'deleted', contactId, changedAt: LATER }), 'ann');

/** Syncs Ann to a contact with values that were added by hand, and then deletes her in the app. */
async function deleteAnn(options: ConsumerOptions = {}) {
  await crm.preload({
    values: {
      'email_addresses.EMAIL1': ANN.email,
      'email_addresses.EMAIL2': 'ann@home.example',
      'phone_numbers.PHONE2': '+12125550199',
      'addresses.SHIPPING.line1': '5 Home Rd',
      spouse_name: 'Bob',
    },
    customFields: { 'Shoe Size': '41' },
    tags: ['Newsletter'],
  });
  const users = memoryUserTable(ANN);
  const consumer = consumerOf(crm, users, { now: Date.now, ...options });
  await consumer.receive(record(userMessage('ann')));
  const contactId = users.user('ann').crm?.contactId ?? 0;
  users.rows.delete('ann');
  await consumer.receive(deletion(contactId));
  return { users, contactId, ...consumer };
}
const contact = async (id: number) => (await crm.contacts()).find((each) => each.id === id);
const PERSONAL = /ann|lee|bob|2125550|home|main st|shoe|41|linkedin|2026-01-31|new york/i;

describe('an erasure request', () => {
  it('deletes the contact and leaves a record of ids and times', async () => {
    const { receive, erasureRecords, contactId } = await deleteAnn();
    expect(await erasureRecords.read('ann')).toMatchObject({ contactId, done: 'mark' });
    expect(await receive(forget())).toEqual([]);
    expect(await contact(contactId)).toBeUndefined();
    const erasureRecord = await erasureRecords.read('ann');
    expect(erasureRecord).toEqual({
      userId: 'ann',
      contactId,
      done: 'delete',
      doneAt: expect.any(String),
      requestId: 'r1',
      answeredAt: expect.any(String),
    });
  });

  it('can anonymise: no personal data stays, whoever wrote it', async () => {
    const { receive, contactId } = await deleteAnn({ forgetPolicy: 'anonymise' });
    await receive(forget());
    const { values, customFields, tags } = (await contact(contactId)) ?? {
      values: {},
      customFields: {},
      tags: [],
    };
    expect(values).toMatchObject({ 'email_addresses.EMAIL1': `forgotten-${contactId}@example.invalid` });
    expect(JSON.stringify({ ...values, ...customFields })).not.toMatch(PERSONAL);
    expect(tags).toEqual(['Account Deleted', 'Newsletter']);
    expect(await crm.contacts()).toHaveLength(1);
  });

  it('can be repeated, also when the contact is gone already', async () => {
    let clock = Date.now();
    const { receive, erasureRecords, contactId, rejected } = await deleteAnn({ now: () => clock });
    await crm.admin.removeContact(contactId);
    const requests = [forget(), forget(undefined, 'r2')];
    await receive(...requests);
    clock += GONE_AFTER_MS;
    expect(await receive(...requests)).toEqual([]);
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'delete', requestId: 'r2' });
    expect(rejected).toEqual([]);
  });

  it('can name the contact, where no erasure record does, if the contact shows the user id', async () => {
    const values = { 'email_addresses.EMAIL1': ANN.email };
    const [stranger, own] = await crm.preload(
      { values, customFields: { 'App User Id': 'another' } },
      { values, customFields: { 'App User Id': 'ann' } },
    );
    const { receive, erasureRecords } = consumerOf(crm, memoryUserTable(), { now: Date.now });
    await receive(forget());
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'no-contact' });
    await receive(forget(stranger?.id, 'r2'));
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'not-proven' });
    await receive(forget(own?.id, 'r3'));
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'delete', contactId: own?.id });
    expect(await crm.contacts()).toMatchObject([{ id: stranger?.id }]);
  });

  it('changes nothing while the user is in the app, since the next change would create the contact again', async () => {
    const users = memoryUserTable(ANN);
    const { receive, erasureRecords, outcomes } = consumerOf(crm, users, { now: Date.now });
    await receive(record(userMessage('ann')));
    expect(await receive(forget(), record(userMessage('ann')))).toEqual([]);
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'not-deleted' });
    expect(outcomes.at(-1)).toMatch(/unchanged|withoutOwner/);
    expect(await crm.contacts()).toHaveLength(1);
  });

  it('keeps a contact that another user has by now', async () => {
    const { users, receive, erasureRecords, contactId } = await deleteAnn();
    users.rows.set('ann-2', { ...ANN, userId: 'ann-2' });
    await receive(record(userMessage('ann-2')));
    expect(users.user('ann-2').crm?.contactId).toBe(contactId);
    await receive(forget());
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'mark', answer: 'kept', requestId: 'r1' });
    expect((await contact(contactId))?.values).toMatchObject({ given_name: 'Ann' });
  });
});

it('a deletion in the app can anonymise as well', async () => {
  const { contactId } = await deleteAnn({ deletionPolicy: 'anonymise' });
  expect(JSON.stringify((await contact(contactId))?.values)).not.toMatch(PERSONAL);
});
