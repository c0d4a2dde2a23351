import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

describe('a user who deletes the account and signs up again', () => {
  it('keeps the contact and its tags, however late the message about the deletion is', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    users.rows.set('ann-2', { ...ANN, userId: 'ann-2' });
    await receive(changeOf('ann-2'));
    expect(users.user('ann-2').crm?.contactId).toBe(contactId);
    const cost = await crm.requestsOf(() =>
      receive(record(userMessage('ann', { cause: 'deleted', contactId }))),
    );
    expect(cost).toEqual({});
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });

  it('under the same id keeps them too when the deletion is handled twice', async () => {
    const users = memoryUserTable(ANN);
    let clock = NOW - 3_600_000;
    const { receive } = consumerOf(crm, users, { now: () => clock });
    await receive(changeOf('ann'));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.set('ann', { ...ANN });
    clock = NOW + 60_000;
    await receive(changeOf('ann'));
    users.edit('ann', { crm: { ...users.user('ann').crm, contactId: undefined } });
    const deletion = userMessage('ann', {
      cause: 'deleted',
      contactId,
      changedAt: new Date(NOW).toISOString(),
    });
    await receive(record(deletion));
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
    expect((await crm.admin.stats()).requests['DELETE /contacts/{id}/tags']).toBeUndefined();
  });

  it('gets a contact that was marked as deleted back with the right tags', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    await receive(record(userMessage('ann', { cause: 'deleted', contactId })));
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(['Account Deleted']);
    users.rows.set('ann-2', { ...ANN, userId: 'ann-2' });
    await receive(changeOf('ann-2'));
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});

describe('a user who deletes the account and signs up again without a phone number', () => {
  const WITH_PHONE = { ...ANN, phone: '+12125550123' };
  const phone = async () => (await contactWithEmail(ANN.email))?.values['phone_numbers.PHONE1'];
  const deletion = (contactId: number | undefined) =>
    record(
      userMessage('ann', { cause: 'deleted', contactId, changedAt: new Date(NOW + 60_000).toISOString() }),
    );

  it.each(['ann', 'ann-2'])('as %s does not keep the old one', async (userId) => {
    const users = memoryUserTable(WITH_PHONE);
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    expect(await phone()).toBe('+12125550123');
    const { contactId } = users.user('ann').crm ?? {};
    users.rows.delete('ann');
    users.rows.set(userId, { ...ANN, userId });
    await receive(deletion(contactId), changeOf(userId));
    // Under another id, the user may have to wait until the deletion has been handled.
    await receive(changeOf(userId));
    expect(await phone()).toBeUndefined();
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });

  it('does not keep it when the first sync fails', async () => {
    const users = memoryUserTable(WITH_PHONE);
    await consumerOf(crm, users).receive(changeOf('ann'));
    const { contactId } = users.user('ann').crm ?? {};
    users.rows.set('ann', { ...ANN });
    const updateContact = async () => {
      throw new RetryableError('down');
    };
    const failing = consumerOf(crm, users, { client: { ...crm.client, updateContact } });
    await failing.receive(deletion(contactId), changeOf('ann'));
    expect(failing.outcomes).toContain('postponed');
    await consumerOf(crm, users).receive(changeOf('ann'));
    expect(await phone()).toBeUndefined();
  });

  it('does not keep it when that happens during a sync', async () => {
    const users = memoryUserTable(WITH_PHONE);
    const updateContact: typeof crm.client.updateContact = async (id, body) => {
      const answer = await crm.client.updateContact(id, body);
      users.rows.set('ann', { ...ANN });
      return answer;
    };
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    users.edit('ann', { firstName: 'Anna' });
    await consumerOf(crm, users, { client: { ...crm.client, updateContact } }).receive(changeOf('ann'));
    await receive(changeOf('ann'));
    expect(await phone()).toBeUndefined();
  });

  it('keeps a number that was added by hand before the first sign-up', async () => {
    await crm.preload({
      values: { 'email_addresses.EMAIL1': ANN.email, 'phone_numbers.PHONE1': '+12125550199' },
    });
    await consumerOf(crm, memoryUserTable(ANN)).receive(changeOf('ann'));
    expect(await phone()).toBe('+12125550199');
  });
});
