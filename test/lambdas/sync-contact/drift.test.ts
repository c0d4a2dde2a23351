import ky from 'ky';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Retryable } from '../../../shared/sync/errors.ts';
import { userMessage } from '../../shared/sync/user-message.ts';
import type { SimulatorOptions } from '../../simulator/simulator.ts';
import { consumerOf, NOW, record } from './consumer.ts';
import { memoryUserTable, startCrm } from './crm.ts';

const ANN = { userId: 'ann', email: 'ann@example.com', firstName: 'Ann', subscription: { status: 'trial' } };
const BOB = { userId: 'bob', email: 'bob@example.com', firstName: 'Bob' };
const ANN_TAGS = ['App User', 'Subscription: Trial'];

let crm: Awaited<ReturnType<typeof startCrm>>;
const start = async (options: SimulatorOptions = {}) => {
  crm = await startCrm(options);
};
beforeEach(() => start());
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

describe('a user who deletes the account and signs up again', () => {
  it('keeps the contact and its tags, however late the message of the deletion is', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(message('ann'));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    users.rows.set('ann-2', { ...ANN, userId: 'ann-2' });
    await receive(message('ann-2'));
    expect(users.user('ann-2').crm?.contactId).toBe(contactId);
    const cost = await crm.requestsOf(() =>
      receive(record(userMessage('ann', { cause: 'deleted', contactId }))),
    );
    expect(cost).toEqual({});
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });

  it('under the same id keeps them too, when the deletion is worked on a second time after that', async () => {
    const users = memoryUserTable(ANN);
    let clock = NOW - 3_600_000;
    const { receive } = consumerOf(crm, users, { now: () => clock });
    await receive(message('ann'));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.set('ann', { ...ANN });
    clock = NOW + 60_000;
    await receive(message('ann'));
    users.edit('ann', { crm: { ...users.user('ann').crm, contactId: undefined } });
    const deletion = userMessage('ann', {
      cause: 'deleted',
      contactId,
      changedAt: new Date(NOW).toISOString(),
    });
    await receive(record(deletion));
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
    expect((await crm.admin.stats()).requests['DELETE /contacts/{id}/tags']).toBeUndefined();
  });

  it('after the contact was marked gets it back with the right tags', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(message('ann'));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    await receive(record(userMessage('ann', { cause: 'deleted', contactId })));
    expect((await withEmail(ANN.email))?.tags).toEqual(['Account Deleted']);
    users.rows.set('ann-2', { ...ANN, userId: 'ann-2' });
    await receive(message('ann-2'));
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});

describe('a user who deletes the account and signs up again without a phone number', () => {
  const CALLED = { ...ANN, phone: '+12125550123' };
  const shown = async () => (await withEmail(ANN.email))?.values['phone_numbers.PHONE1'];
  const deletion = (contactId: number | undefined) =>
    record(
      userMessage('ann', { cause: 'deleted', contactId, changedAt: new Date(NOW + 60_000).toISOString() }),
    );

  it.each(['ann', 'ann-2'])('as %s does not keep the old one', async (userId) => {
    const users = memoryUserTable(CALLED);
    const { receive } = consumerOf(crm, users);
    await receive(message('ann'));
    expect(await shown()).toBe('+12125550123');
    const { contactId } = users.user('ann').crm ?? {};
    users.rows.delete('ann');
    users.rows.set(userId, { ...ANN, userId });
    await receive(deletion(contactId), message(userId));
    // As somebody else, the user may have to wait until the deletion has been worked on.
    await receive(message(userId));
    expect(await shown()).toBeUndefined();
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });

  it('does not keep it either when the first try is cut off', async () => {
    const users = memoryUserTable(CALLED);
    await consumerOf(crm, users).receive(message('ann'));
    const { contactId } = users.user('ann').crm ?? {};
    users.rows.set('ann', { ...ANN });
    const updateContact = async () => {
      throw new Retryable('cut off');
    };
    const cutOff = consumerOf(crm, users, { client: { ...crm.client, updateContact } });
    await cutOff.receive(deletion(contactId), message('ann'));
    expect(cutOff.outcomes).toContain('postponed');
    await consumerOf(crm, users).receive(message('ann'));
    expect(await shown()).toBeUndefined();
  });

  it('while a sync is in flight, does not keep it', async () => {
    const users = memoryUserTable(CALLED);
    const updateContact: typeof crm.client.updateContact = async (id, body) => {
      const answer = await crm.client.updateContact(id, body);
      users.rows.set('ann', { ...ANN });
      return answer;
    };
    const { receive } = consumerOf(crm, users);
    await receive(message('ann'));
    users.edit('ann', { firstName: 'Anna' });
    await consumerOf(crm, users, { client: { ...crm.client, updateContact } }).receive(message('ann'));
    await receive(message('ann'));
    expect(await shown()).toBeUndefined();
  });

  it('keeps what somebody else typed in by hand before the first account', async () => {
    await crm.preload({
      values: { 'email_addresses.EMAIL1': ANN.email, 'phone_numbers.PHONE1': '+12125550199' },
    });
    await consumerOf(crm, memoryUserTable(ANN)).receive(message('ann'));
    expect(await shown()).toBe('+12125550199');
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
    expect(users.user('ann').crm?.tagIds).toHaveLength(2);
  });
});

describe('an answer that is lost, and an edit before the next try', () => {
  const lost = (name: 'applyTags' | 'removeTags' | 'updateContact') => ({
    ...crm.client,
    [name]: async (...all: [number, never]) => {
      await (crm.client[name] as (...parameters: [number, never]) => Promise<unknown>)(...all);
      throw new Retryable('The answer is lost');
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
    await consumerOf(crm, users, { now: () => NOW + 720_000 }).receive(message('ann'));
    expect((await withEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});

describe.each(['merge', 'replace'] as const)('an account in which array items %s', (arrays) => {
  const BY_HAND = {
    values: {
      'email_addresses.EMAIL1': 'ann@example.com',
      'email_addresses.EMAIL2': 'ann@home.example',
      'phone_numbers.PHONE2': '+12125550100',
    },
    customFields: { 'Shoe Size': '41' },
  };
  const kept = { values: BY_HAND.values, customFields: BY_HAND.customFields };

  it.each(['known', 'unknown', 'outdated'])(
    'keeps what people typed in, with the answer %s',
    async (answer) => {
      await crm.stop();
      await start({ arrays, searchDelayMs: 0 });
      await crm.preload(BY_HAND);
      await crm.admin.declareOwnership();
      const { mode, ...unlearned } = (await crm.catalog.current()).arrays ?? { learnedAt: '' };
      expect(mode).toBe(arrays);
      const now = answer === 'outdated' ? NOW + 365 * 24 * 3_600_000 : NOW;
      if (answer === 'unknown') {
        await crm.table.writeCatalog({ ...(await crm.catalog.current()), arrays: unlearned });
      }
      const users = memoryUserTable({ ...ANN, phone: '+12125550123' });
      const fresh = answer === 'unknown' ? crm.another() : crm.catalog;
      const { receive } = consumerOf({ ...crm, catalog: fresh }, users, { now: () => now });
      await receive(message('ann'));
      users.edit('ann', { phone: '+12125550199', email: 'ann@new.example', progress: { program: 'Run' } });
      await receive(message('ann'));
      const contact = await withEmail('ann@new.example');
      expect(contact).toMatchObject({
        ...kept,
        values: { ...kept.values, 'email_addresses.EMAIL1': 'ann@new.example' },
      });
      expect(contact?.customFields).toMatchObject({ Program: 'Run', 'App User Id': 'ann' });
      expect((await crm.admin.stats()).foreignWrites).toEqual([]);
    },
  );
});

describe('the experiment with arrays', () => {
  it.each(['merge', 'replace'] as const)(
    'costs five requests, leaves nothing behind, and learns: %s',
    async (arrays) => {
      await crm.stop();
      await start({ arrays });
      expect((await crm.catalog.current()).arrays?.mode).toBe(arrays);
      const { requests, contacts } = await crm.admin.stats();
      expect(contacts).toBe(0);
      const experiment = [
        'GET /contacts',
        'POST /contacts',
        'PATCH /contacts/{id}',
        'GET /contacts/{id}',
        'DELETE /contacts/{id}',
      ];
      expect(experiment.map((route) => requests[route])).toEqual([1, 1, 1, 1, 1]);
    },
  );
});
