import { describe, expect, it } from 'vitest';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { INVOCATION_MS, TAG_JOB_LEASING_MS } from '../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { crm, restart, runTagJob, withContacts, wronglyTagged } from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

describe('what goes wrong', () => {
  it('a lost answer is asked for again, and the tags are right', async () => {
    const { users, ids } = await withContacts(20);
    let lost = false;
    const client: InfusionsoftClient = {
      ...crm.client,
      async tagContacts(tagId, contactIds) {
        const results = await crm.client.tagContacts(tagId, contactIds);
        if (lost) return results;
        lost = true;
        throw new RetryableError('lost');
      },
    };
    const { receive, again } = consumerOf(crm, users, { client });
    expect(await receive(runTagJob(ids))).toHaveLength(1);
    for (const userId of ids) expect(users.user(userId).crm).not.toHaveProperty('lease');
    expect(await receive(runTagJob(ids, 2))).toEqual([]);
    await receive(...again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('an environment that died leaves a lease, and nothing stale when it is over', async () => {
    const { users, receive, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > ids.length) throw new Error('killed');
      return writeCrm(...all);
    };
    expect(await receive(runTagJob(ids))).toHaveLength(1);
    users.table.writeCrm = writeCrm;
    users.edit('u5', { progress: { program: 'Strength', week: 12 } });
    const another = consumerOf(crm, users);
    expect(await another.receive(record(userMessage('u5')))).toHaveLength(1);
    expect(await another.receive(runTagJob(ids, 2))).toHaveLength(1);
    const later = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS + 1 });
    await later.receive(record(userMessage('u5')), runTagJob(ids, 3));
    await later.receive(...later.again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('requests that do not fit into one invocation are made by the next ones, each of them once', async () => {
    const whole = await withContacts(60);
    const atOnce = await crm.requestsOf(() => whole.receive(runTagJob(whole.ids)));
    await crm.stop();
    await restart();
    const { users, ids } = await withContacts(60);
    let left = 0;
    const tagContacts: typeof crm.client.tagContacts = async (tagId, contactIds) => {
      if (left-- <= 0) throw new RetryableError('No slot is left before the end', { afterMs: 2000 });
      return crm.client.tagContacts(tagId, contactIds);
    };
    const { receive, again } = consumerOf(crm, users, { client: { ...crm.client, tagContacts } });
    let deliveries = 0;
    const inParts = await crm.requestsOf(async () => {
      do left = 5;
      while ((await receive(runTagJob(ids, ++deliveries))).length > 0);
    });
    expect(deliveries).toBe(Math.ceil((atOnce['POST /tags/{id}/contacts'] ?? 0) / 5));
    expect(again).toEqual([]);
    expect(inParts).toEqual(atOnce);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('users for whom there was no time stay with the message, and are tagged by its next delivery', async () => {
    const { users, ids } = await withContacts(40);
    let clock = NOW;
    const { writeCrm } = users.table;
    users.table.writeCrm = async (...all) => {
      clock += 500;
      return writeCrm(...all);
    };
    const { receive, again, outcomes } = consumerOf(crm, users, { now: () => clock });
    const message = runTagJob(ids);
    expect(await receive(message)).toEqual([message.messageId]);
    expect(again).toEqual([]);
    const tagged = outcomes.filter((outcome) => outcome === 'synced').length;
    expect(tagged).toBeGreaterThanOrEqual(TAG_JOB_LEASING_MS / 500);
    expect(tagged).toBeLessThan(TAG_JOB_LEASING_MS / 500 + 5);
    users.table.writeCrm = writeCrm;
    expect(await receive(runTagJob(ids, 2))).toEqual([]);
    await receive(...again.map((each) => record(each)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('an environment does not wait for the leases of its own earlier invocation', async () => {
    const { users, receive, again, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > ids.length) throw new Error('throttled');
      return writeCrm(...all);
    };
    expect(await receive(runTagJob(ids))).toHaveLength(1);
    users.table.writeCrm = writeCrm;
    expect(ids.filter((userId) => users.user(userId).crm?.lease)).toEqual(ids);
    expect(await receive(runTagJob(ids, 2))).toEqual([]);
    await receive(...again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('an item that cannot be written holds up nobody else', async () => {
    const { users, receive, outcomes, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let isLeased = false;
    users.table.writeCrm = async (userId, ...rest) => {
      if (userId === 'u5' && isLeased) throw new Error('throttled');
      isLeased ||= userId === 'u5';
      return writeCrm(userId, ...rest);
    };
    outcomes.length = 0;
    expect(await receive(runTagJob(ids))).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'synced')).toHaveLength(19);
    expect(ids.filter((userId) => users.user(userId).crm?.lease)).toEqual(['u5']);
    users.table.writeCrm = writeCrm;
    const later = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS + 1 });
    await later.receive(runTagJob(ids, 2));
    await later.receive(...later.again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('a request that names too many is halved, and its size is kept in mind', async () => {
    const { users, ids } = await withContacts(130);
    const { receive } = consumerOf(crm, users, { tagBatch: 130 });
    // The account takes a hundred: two tags are on more contacts than that, and each is tried once as a whole.
    const cost = await crm.requestsOf(() => receive(runTagJob(ids)));
    expect(cost['POST /tags/{id}/contacts']).toBe(2 * 3 + 4 + 12);
    expect(await wronglyTagged(users)).toEqual([]);
    for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-05-25T09:00:00Z' });
    const next = await crm.requestsOf(() => receive(runTagJob(ids)));
    expect(next).toEqual({ 'DELETE /tags/{id}/contacts': 2, 'POST /tags/{id}/contacts': 2 });
  });

  it('a contact that was deleted by hand is created anew by a message of its own', async () => {
    const { users, receive, again, ids } = await withContacts(20);
    await crm.admin.removeContact(users.user('u5').crm?.contactId ?? 0);
    await receive(runTagJob(ids));
    expect(again.map(({ userId }) => userId)).toEqual(['u5']);
    await receive(...again.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('a tag that was deleted by hand is made anew', async () => {
    const { users, receive, ids } = await withContacts(20);
    await crm.admin.removeTag('App User');
    const message = runTagJob(ids);
    expect(await receive(message)).toEqual([message.messageId]);
    expect(await receive(runTagJob(ids, 2))).toEqual([]);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('a spent quota of backfills makes it wait like any other of their messages', async () => {
    const { users, ids } = await withContacts(20);
    const quota = {
      open: async () => ({ pause: undefined, backfillPausedUntil: NOW + 60_000 }),
      close: async () => {},
    };
    const { receive, postponed } = consumerOf(crm, users, { quota });
    expect(await crm.requestsOf(() => receive(runTagJob(ids)))).toEqual({});
    expect(postponed).toMatchObject([{ error: { afterMs: 60_000 } }]);
  });
});
