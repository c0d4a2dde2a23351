import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeletionPolicy } from '../../../shared/contacts/retire-contact.ts';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());

describe('a deleted user', () => {
  async function deleteAnn(deletionPolicy: DeletionPolicy) {
    await crm.preload({ values: { 'email_addresses.EMAIL1': 'ann@example.com' }, tags: ['VIP'] });
    const users = memoryUserTable(ANN);
    const { receive, outcomes } = consumerOf(crm, users, { deletionPolicy });
    await receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    const cost = await crm.requestsOf(() =>
      receive(record(userMessage('ann', { cause: 'deleted', contactId }))),
    );
    expect(outcomes.at(-1)).toBe('retired');
    return { cost, tags: (await crm.contacts()).map(({ tags }) => tags) };
  }

  it.each([
    ['mark', [['Account Deleted', 'VIP']], 2],
    ['untag', [['VIP']], 1],
    ['leave', [[...ANN_TAGS, 'VIP'].sort()], 0],
    // It reads the contact first, which may be another user's by a merge.
    ['delete', [], 2],
  ] as const)('has the contact retired by the policy %s', async (policy, tags, requests) => {
    const result = await deleteAnn(policy);
    expect(result.tags).toEqual(tags);
    expect(Object.values(result.cost).reduce((sum, count) => sum + count, 0)).toBe(requests);
  });

  it('who never had a contact costs no request', async () => {
    const { receive, outcomes } = consumerOf(crm, memoryUserTable());
    expect(await crm.requestsOf(() => receive(record(userMessage('ann', { cause: 'deleted' }))))).toEqual({});
    expect(outcomes).toEqual(['retired']);
  });

  it('whose contact is gone is no error, once the CRM says so for a minute', async () => {
    let clock = NOW;
    const { receive, outcomes, retries } = consumerOf(crm, memoryUserTable(), { now: () => clock });
    const deletion = record(userMessage('ann', { cause: 'deleted', contactId: 999 }));
    expect(await receive(deletion)).toEqual([deletion.messageId]);
    expect(retries).toMatchObject([{ error: { afterMs: GONE_AFTER_MS } }]);
    clock += GONE_AFTER_MS;
    expect(await receive(deletion)).toEqual([]);
    expect(outcomes).toEqual(['postponed', 'retired']);
  });

  it('whose contact the CRM does not know for a moment has it retired afterwards', async () => {
    let isKnown = true;
    let clock = NOW;
    const removeTags: InfusionsoftClient['removeTags'] = async (...all) => {
      if (!isKnown) throw new NotFoundError('not found');
      return crm.client.removeTags(...all);
    };
    const users = memoryUserTable(ANN);
    const client = { ...crm.client, removeTags };
    const { receive } = consumerOf(crm, users, { client, now: () => clock });
    await receive(record(userMessage('ann')));
    const deletion = record(
      userMessage('ann', { cause: 'deleted', contactId: users.user('ann').crm?.contactId }),
    );
    users.rows.delete('ann');
    isKnown = false;
    await receive(deletion);
    isKnown = true;
    clock += GONE_AFTER_MS;
    await receive(deletion);
    expect((await crm.contacts()).map(({ tags }) => tags)).toEqual([['Account Deleted']]);
  });

  it('who is deleted during the first sync leaves a contact that is marked as deleted', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (...args) => {
      users.rows.delete('ann');
      return crm.client.applyTags(...args);
    };
    const { receive, outcomes } = consumerOf(crm, users, { client: { ...crm.client, applyTags } });
    await receive(record(userMessage('ann')));
    expect(outcomes).toEqual(['retired']);
    expect((await crm.contacts())[0]?.tags).toEqual(['Account Deleted']);
    expect(users.rows.size).toBe(0);
  });

  it('is synced like any user after signing up again before the message was read', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.edit('ann', { crm: undefined });
    await receive(
      record(userMessage('ann', { cause: 'deleted', contactId })),
      record(userMessage('ann', { cause: 'created' })),
    );
    expect((await crm.contacts()).map(({ tags }) => tags)).toEqual([ANN_TAGS]);
  });
});
