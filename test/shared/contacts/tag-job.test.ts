import { describe, expect, it } from 'vitest';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import { LATER, tagJob, userAt, usersUpTo, withContacts, wronglyTagged } from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

describe('new users of a backfill', () => {
  it('cost one request each, and one for each tag of a hundred users', async () => {
    const users = memoryUserTable(...usersUpTo(48));
    const { receive, outcomes, changes } = consumerOf(crm, users);
    const ids = [...users.rows.keys()];
    const cost = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId, LATER)));
      expect(await receive(tagJob(ids))).toEqual([]);
    });
    // All users share two tags; the others are four statuses and twelve weeks.
    expect(cost).toEqual({ 'PUT /contacts': 48, 'POST /tags/{id}/contacts': 18 });
    expect(await wronglyTagged(users)).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 'synced')).toHaveLength(96);
    expect(changes.filter((change) => change === 'created')).toHaveLength(48);
    expect(changes.filter((change) => change === 'tagged')).toHaveLength(48);
    for (const userId of ids) {
      const { crm: state } = users.user(userId);
      expect(state?.tagIds).toHaveLength(4);
      expect(state).not.toHaveProperty('lease');
      expect(state).not.toHaveProperty('uncertainTagIds');
    }
    const again = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId)));
      await receive(tagJob(ids));
    });
    expect(again).toEqual({});
  });

  it('are read and written a few at a time, so that other users of the batch do not miss their request slots', async () => {
    const { users, receive, ids } = await withContacts(48);
    const { readMany, writeCrm } = users.table;
    let reading = 0;
    let writing = 0;
    let mostWriting = 0;
    users.table.readMany = async (asked) => {
      reading = Math.max(reading, asked.length);
      return readMany(asked);
    };
    users.table.writeCrm = async (...write) => {
      writing++;
      mostWriting = Math.max(mostWriting, writing);
      await new Promise((done) => setImmediate(done));
      writing--;
      return writeCrm(...write);
    };
    expect(await receive(tagJob(ids))).toEqual([]);
    expect(await wronglyTagged(users)).toEqual([]);
    expect([reading, mostWriting]).toEqual([4, 8]);
  });

  it('lose managed tags that their contacts had before, and keep tags that were added by hand', async () => {
    await crm.preload(
      ...usersUpTo(20).map(({ email = '' }) => ({
        values: { 'email_addresses.EMAIL1': email },
        tags: ['VIP', 'Subscription: Expired', 'Account Deleted'],
      })),
    );
    const { users, receive, ids } = await withContacts(20);
    const cost = await crm.requestsOf(() => receive(tagJob(ids)));
    expect(cost['DELETE /tags/{id}/contacts']).toBe(2);
    const contacts = await crm.contacts();
    expect(contacts.every(({ tags }) => tags.includes('VIP'))).toBe(true);
    for (const contact of contacts) contact.tags.splice(contact.tags.indexOf('VIP'), 1);
    for (const userId of ids) {
      const user = users.user(userId);
      const contact = contacts.find(({ id }) => id === user.crm?.contactId);
      expect(contact?.tags.toSorted()).toEqual(desiredState(mapping, user, NOW).tags.toSorted());
    }
  });

  it('without a contact get a message of their own', async () => {
    const { users, receive, requeued, ids } = await withContacts(20);
    users.rows.set('late', { ...userAt(99), userId: 'late' });
    expect(await receive(tagJob([...ids, 'late']))).toEqual([]);
    expect(requeued).toMatchObject([{ userId: 'late', cause: 'backfill', correlationId: 'run-1' }]);
    await receive(...requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('are tagged with a limited number of requests at the same time, so that live changes can pass', async () => {
    let atWork = 0;
    let most = 0;
    const tagContacts: typeof crm.client.tagContacts = async (tagId, ids) => {
      most = Math.max(most, ++atWork);
      const results = await crm.client.tagContacts(tagId, ids);
      atWork--;
      return results;
    };
    const { users, receive, ids } = await withContacts(48, {
      client: { ...crm.client, tagContacts },
      maxConcurrentTagRequests: 3,
    });
    expect(await receive(tagJob(ids))).toEqual([]);
    expect(most).toBe(3);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('who were deleted or cannot be in the CRM are skipped', async () => {
    const { users, receive, ids } = await withContacts(20);
    users.rows.set('bad', { ...userAt(98), userId: 'bad', email: 'x' });
    expect(await receive(tagJob([...ids, 'bad', 'gone']))).toEqual([]);
  });

  it('who were rejected before get their tags from their own message', async () => {
    const users = memoryUserTable({ ...userAt(1), email: 'x' });
    const { receive, rejected } = consumerOf(crm, users);
    const letter = record(userMessage('u1', LATER));
    await receive(letter);
    expect(rejected).toHaveLength(1);
    await receive(tagJob(['u1']));
    users.edit('u1', { email: 'u1@example.com' });
    await receive(letter);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('are tagged one by one when that costs fewer requests', async () => {
    const { users, receive, requeued, ids } = await withContacts(3);
    const cost = await crm.requestsOf(async () => {
      await receive(tagJob(ids));
      await receive(...requeued.map((message) => record(message)));
    });
    expect(cost).toEqual({ 'POST /contacts/{id}/tags': 3 });
    expect(await wronglyTagged(users)).toEqual([]);
  });
});

describe('users whose tags change with time', () => {
  it('are changed together: one request removes the old tag, one adds the new one', async () => {
    const { users, receive, ids } = await withContacts(60);
    await receive(tagJob(ids));
    for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-05-25T09:00:00Z' });
    const cost = await crm.requestsOf(() => receive(tagJob(ids)));
    expect(cost).toEqual({ 'DELETE /tags/{id}/contacts': 1, 'POST /tags/{id}/contacts': 1 });
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('get a message of their own when their fields have changed too', async () => {
    const { users, receive, requeued, ids } = await withContacts(20);
    users.edit('u3', { firstName: 'Edited' });
    await receive(tagJob(ids));
    expect(requeued.map(({ userId }) => userId)).toEqual(['u3']);
  });
});
