import { describe, expect, it } from 'vitest';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import {
  crm,
  LATER,
  runTagJob,
  startCrmForEachTest,
  userAt,
  usersUpTo,
  withContacts,
  wronglyTagged,
} from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

describe('new users of a backfill', () => {
  it('cost one request each, and one for each tag of a hundred', async () => {
    const users = memoryUserTable(...usersUpTo(48));
    const { receive, outcomes, changes } = consumerOf(crm, users);
    const ids = [...users.rows.keys()];
    const cost = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId, LATER)));
      expect(await receive(runTagJob(ids))).toEqual([]);
    });
    // Everybody is an active app user; four statuses and twelve weeks.
    expect(cost).toEqual({ 'PUT /contacts': 48, 'POST /tags/{id}/contacts': 18 });
    expect(await wronglyTagged(users)).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 'synced')).toHaveLength(96);
    expect(changes.filter((change) => change === 'created')).toHaveLength(48);
    expect(changes.filter((change) => change === 'tagged')).toHaveLength(48);
    for (const userId of ids) {
      const { crm: state } = users.user(userId);
      expect(state?.tagIds).toHaveLength(4);
      expect(state).not.toHaveProperty('lease');
      expect(state).not.toHaveProperty('perhapsTagIds');
    }
    const again = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId)));
      await receive(runTagJob(ids));
    });
    expect(again).toEqual({});
  });

  it('are read and written a few at a time, so that others of the batch do not miss their turn meanwhile', async () => {
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
    expect(await receive(runTagJob(ids))).toEqual([]);
    expect(await wronglyTagged(users)).toEqual([]);
    expect([reading, mostWriting]).toEqual([4, 8]);
  });

  it('lose managed tags that their contacts held before, and keep those that people put on', async () => {
    await crm.preload(
      ...usersUpTo(20).map(({ email = '' }) => ({
        values: { 'email_addresses.EMAIL1': email },
        tags: ['VIP', 'Subscription: Expired', 'Account Deleted'],
      })),
    );
    const { users, receive, ids } = await withContacts(20);
    const cost = await crm.requestsOf(() => receive(runTagJob(ids)));
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

  it('without a contact hold up nobody: each is left to a message of its own', async () => {
    const { users, receive, again, ids } = await withContacts(20);
    users.rows.set('late', { ...userAt(99), userId: 'late' });
    expect(await receive(runTagJob([...ids, 'late']))).toEqual([]);
    expect(again).toMatchObject([{ userId: 'late', cause: 'backfill', correlationId: 'run-1' }]);
    await receive(...again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('make so many requests at the same time at most, so that a live change does not wait behind all of them', async () => {
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
      atOnce: 3,
    });
    expect(await receive(runTagJob(ids))).toEqual([]);
    expect(most).toBe(3);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('who cannot be in the CRM, or have gone, are waited for by nobody', async () => {
    const { users, receive, ids } = await withContacts(20);
    users.rows.set('bad', { ...userAt(98), userId: 'bad', email: 'x' });
    expect(await receive(runTagJob([...ids, 'bad', 'gone']))).toEqual([]);
  });

  it('who were rejected before get their tags with the contact: no message about many waits for them', async () => {
    const users = memoryUserTable({ ...userAt(1), email: 'x' });
    const { receive, rejected } = consumerOf(crm, users);
    const letter = record(userMessage('u1', LATER));
    await receive(letter);
    expect(rejected).toHaveLength(1);
    await receive(runTagJob(['u1']));
    users.edit('u1', { email: 'u1@example.com' });
    await receive(letter);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('of whom there are few are told one by one, which costs fewer requests', async () => {
    const { users, receive, again, ids } = await withContacts(3);
    const cost = await crm.requestsOf(async () => {
      await receive(runTagJob(ids));
      await receive(...again.map((message) => record(message)));
    });
    expect(cost).toEqual({ 'POST /contacts/{id}/tags': 3 });
    expect(await wronglyTagged(users)).toEqual([]);
  });
});

describe('users whose tags change with time', () => {
  it('swap them together: old ones off, new ones on', async () => {
    const { users, receive, ids } = await withContacts(60);
    await receive(runTagJob(ids));
    for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-05-25T09:00:00Z' });
    const cost = await crm.requestsOf(() => receive(runTagJob(ids)));
    expect(cost).toEqual({ 'DELETE /tags/{id}/contacts': 1, 'POST /tags/{id}/contacts': 1 });
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('keep to themselves whose fields have changed too', async () => {
    const { users, receive, again, ids } = await withContacts(20);
    users.edit('u3', { firstName: 'Edited' });
    await receive(runTagJob(ids));
    expect(again.map(({ userId }) => userId)).toEqual(['u3']);
  });
});
