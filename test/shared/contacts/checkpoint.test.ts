import { describe, expect, it } from 'vitest';
import { VISIBILITY_MS } from '../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';

startCrmForEachTest();

describe('a lost answer and an edit before the next try', () => {
  const lost = (name: 'applyTags' | 'removeTags' | 'updateContact') => ({
    ...crm.client,
    [name]: async (...all: [number, never]) => {
      await (crm.client[name] as (...parameters: [number, never]) => Promise<unknown>)(...all);
      throw new RetryableError('lost');
    },
  });
  const syncedUser = async () => {
    const users = memoryUserTable(ANN);
    await consumerOf(crm, users).receive(changeOf('ann'));
    return users;
  };

  it.each(['applyTags', 'removeTags'] as const)('leave the right tags: %s', async (name) => {
    const users = await syncedUser();
    users.edit('ann', { subscription: { status: 'active' } });
    await consumerOf(crm, users, { client: lost(name) }).receive(changeOf('ann'));
    users.edit('ann', { subscription: { status: 'trial' } });
    await consumerOf(crm, users).receive(changeOf('ann'));
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
    expect(users.user('ann').crm).not.toHaveProperty('uncertainTagIds');
  });

  it('leave no stale value', async () => {
    const users = await syncedUser();
    users.edit('ann', { firstName: 'Anna', phone: '+12125550123' });
    await consumerOf(crm, users, { client: lost('updateContact') }).receive(changeOf('ann'));
    users.edit('ann', { firstName: 'Ann', phone: undefined });
    await consumerOf(crm, users).receive(changeOf('ann'));
    expect((await contactWithEmail(ANN.email))?.values).toEqual({
      'email_addresses.EMAIL1': ANN.email,
      given_name: 'Ann',
    });
  });

  it('leave no stale tag when the environment died', async () => {
    const users = await syncedUser();
    users.edit('ann', { subscription: { status: 'active' } });
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > 1) throw new Error('killed');
      return writeCrm(...all);
    };
    await consumerOf(crm, users).receive(changeOf('ann'));
    users.table.writeCrm = writeCrm;
    users.edit('ann', { subscription: { status: 'trial' } });
    // The messages of a dead environment come back after the end of its invocation.
    await consumerOf(crm, users, { now: () => NOW + VISIBILITY_MS }).receive(changeOf('ann'));
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});
