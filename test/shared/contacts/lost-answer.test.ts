import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLeased, leased } from '../../../shared/contacts/lease.ts';
import { INVOCATION_MS, VISIBILITY_MS } from '../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm();
});
afterEach(() => crm.stop());
const withEmail = async (email: string) => (await crm.admin.contacts(email))[0];
const message = (userId: string) => record(userMessage(userId));

describe('two write-backs for one user', () => {
  it('never undo each other: the second is done anew from what is stored', async () => {
    const users = memoryUserTable(ANN);
    const { receive, postponed, outcomes } = consumerOf(crm, users);
    const { writeCrm } = users.table;
    users.table.writeCrm = async (userId, written, over) => {
      users.table.writeCrm = writeCrm;
      const tagged = { contactId: written.contactId, tagIds: [], fingerprint: {} };
      await writeCrm(userId, tagged, over);
      return writeCrm(userId, written, over);
    };
    const [first] = [message('ann')];
    expect(await receive(first)).toEqual([first.messageId]);
    expect(postponed).toMatchObject([{ error: { afterMs: 0 } }]);
    await receive(first);
    expect(outcomes).toEqual(['postponed', 'synced']);
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
    expect(users.user('ann').crm?.tagIds).toHaveLength(ANN_TAGS.length);
  });
});

describe('a user whose write-back failed', () => {
  /** The checkpoint is stored, and nothing after it: the user stays leased. */
  const leftBehind = async () => {
    const users = memoryUserTable(ANN);
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > 1) throw new Error('throttled');
      return writeCrm(...all);
    };
    const consumer = consumerOf(crm, users);
    expect(await consumer.receive(message('ann'))).toHaveLength(1);
    users.table.writeCrm = writeCrm;
    expect(users.user('ann').crm?.lease?.until).toBe(new Date(NOW + INVOCATION_MS).toISOString());
    return { users, consumer };
  };
  const isRight = async () => expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);

  it('is taken on at once by the same environment', async () => {
    const { users, consumer } = await leftBehind();
    expect(await consumer.receive(message('ann'))).toEqual([]);
    expect(users.user('ann').crm).not.toHaveProperty('lease');
    await isRight();
  });

  it('is left alone by another until the invocation has ended, and not longer', async () => {
    const { users } = await leftBehind();
    const soon = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS - 1 });
    expect(await soon.receive(message('ann'))).toHaveLength(1);
    const later = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS });
    expect(await later.receive(message('ann'))).toEqual([]);
    await isRight();
  });

  it('is left alone by other work of the same invocation', () => {
    const holder = { environment: 'a', number: 1, endsAt: NOW + INVOCATION_MS };
    const state = leased({}, holder);
    expect(isLeased(state, holder, NOW)).toBe(true);
    expect(isLeased(state, { ...holder, number: 2 }, NOW)).toBe(false);
    expect(isLeased(state, { ...holder, environment: 'b', number: 2 }, NOW)).toBe(true);
  });
});

describe('an answer that is lost, and an edit before the next try', () => {
  const lost = (name: 'applyTags' | 'removeTags' | 'updateContact') => ({
    ...crm.client,
    [name]: async (...all: [number, never]) => {
      await (crm.client[name] as (...parameters: [number, never]) => Promise<unknown>)(...all);
      throw new RetryableError('The answer is lost');
    },
  });
  const known = async () => {
    const users = memoryUserTable(ANN);
    await consumerOf(crm, users).receive(message('ann'));
    return users;
  };

  it.each(['applyTags', 'removeTags'] as const)('leave no stale tag and no missing one: %s', async (name) => {
    const users = await known();
    users.edit('ann', { subscription: { status: 'active' } });
    await consumerOf(crm, users, { client: lost(name) }).receive(message('ann'));
    users.edit('ann', { subscription: { status: 'trial' } });
    await consumerOf(crm, users).receive(message('ann'));
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
    expect(users.user('ann').crm).not.toHaveProperty('perhapsTagIds');
  });

  it('leave no stale value', async () => {
    const users = await known();
    users.edit('ann', { firstName: 'Anna', phone: '+12125550123' });
    await consumerOf(crm, users, { client: lost('updateContact') }).receive(message('ann'));
    users.edit('ann', { firstName: 'Ann', phone: undefined });
    await consumerOf(crm, users).receive(message('ann'));
    expect((await withEmail(ANN.email))?.values).toEqual({
      'email_addresses.EMAIL1': ANN.email,
      given_name: 'Ann',
    });
  });

  it('leave nothing when the environment died before it could say anything', async () => {
    const users = await known();
    users.edit('ann', { subscription: { status: 'active' } });
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > 1) throw new Error('killed');
      return writeCrm(...all);
    };
    await consumerOf(crm, users).receive(message('ann'));
    users.table.writeCrm = writeCrm;
    users.edit('ann', { subscription: { status: 'trial' } });
    // Messages of a dead environment come back later than it could have worked.
    await consumerOf(crm, users, { now: () => NOW + VISIBILITY_MS }).receive(message('ann'));
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});
