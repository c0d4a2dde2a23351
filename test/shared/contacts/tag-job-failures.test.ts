import { describe, expect, it } from 'vitest';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { ledgerAt } from '../../../shared/quota/ledger.ts';
import { GONE_AFTER_MS, INVOCATION_MS, TAG_JOB_LEASING_MS } from '../../../shared/quota/retry-policy.ts';
import { updateVersioned } from '../../../shared/quota/versioned-store.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { BUDGET, consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { crm, restartCrm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { tagJob, withContacts, wronglyTagged } from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

describe('a tag job that fails', () => {
  it('repeats a request whose answer was lost', async () => {
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
    const { receive, requeued } = consumerOf(crm, users, { client });
    expect(await receive(tagJob(ids))).toHaveLength(1);
    for (const userId of ids) expect(users.user(userId).crm).not.toHaveProperty('lease');
    expect(await receive(tagJob(ids, 2))).toEqual([]);
    await receive(...requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('leaves no stale tag when its environment dies', async () => {
    const { users, receive, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > ids.length) throw new Error('killed');
      return writeCrm(...all);
    };
    expect(await receive(tagJob(ids))).toHaveLength(1);
    users.table.writeCrm = writeCrm;
    users.edit('u5', { progress: { program: 'Strength', week: 12 } });
    const another = consumerOf(crm, users);
    expect(await another.receive(record(userMessage('u5')))).toHaveLength(1);
    expect(await another.receive(tagJob(ids, 2))).toHaveLength(1);
    const later = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS + 1 });
    await later.receive(record(userMessage('u5')), tagJob(ids, 3));
    await later.receive(...later.requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('makes each request once, in several invocations if one is too short', async () => {
    const whole = await withContacts(60);
    const atOnce = await crm.requestsOf(() => whole.receive(tagJob(whole.ids)));
    await crm.stop();
    await restartCrm();
    const { users, ids } = await withContacts(60);
    let left = 0;
    const tagContacts: typeof crm.client.tagContacts = async (tagId, contactIds) => {
      if (left-- <= 0) throw new RetryableError('No slot is left before the end', { afterMs: 2000 });
      return crm.client.tagContacts(tagId, contactIds);
    };
    const { receive, requeued } = consumerOf(crm, users, { client: { ...crm.client, tagContacts } });
    let deliveries = 0;
    const inParts = await crm.requestsOf(async () => {
      do left = 5;
      while ((await receive(tagJob(ids, ++deliveries))).length > 0);
    });
    expect(deliveries).toBe(Math.ceil((atOnce['POST /tags/{id}/contacts'] ?? 0) / 5));
    expect(requeued).toEqual([]);
    expect(inParts).toEqual(atOnce);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('tags the users for whom there was no time with the next delivery', async () => {
    const { users, ids } = await withContacts(40);
    let clock = NOW;
    const { writeCrm } = users.table;
    users.table.writeCrm = async (...all) => {
      clock += 500;
      return writeCrm(...all);
    };
    const { receive, requeued, outcomes } = consumerOf(crm, users, { now: () => clock });
    const message = tagJob(ids);
    expect(await receive(message)).toEqual([message.messageId]);
    expect(requeued).toEqual([]);
    const tagged = outcomes.filter((outcome) => outcome === 'synced').length;
    expect(tagged).toBeGreaterThanOrEqual(TAG_JOB_LEASING_MS / 500);
    expect(tagged).toBeLessThan(TAG_JOB_LEASING_MS / 500 + 5);
    users.table.writeCrm = writeCrm;
    expect(await receive(tagJob(ids, 2))).toEqual([]);
    await receive(...requeued.map((each) => record(each)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('does not wait for leases of an earlier invocation of the same environment', async () => {
    const { users, receive, requeued, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > ids.length) throw new Error('throttled');
      return writeCrm(...all);
    };
    expect(await receive(tagJob(ids))).toHaveLength(1);
    users.table.writeCrm = writeCrm;
    expect(ids.filter((userId) => users.user(userId).crm?.lease)).toEqual(ids);
    expect(await receive(tagJob(ids, 2))).toEqual([]);
    await receive(...requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('tags the other users when an item cannot be written', async () => {
    const { users, receive, outcomes, ids } = await withContacts(20);
    const { writeCrm } = users.table;
    let isLeased = false;
    users.table.writeCrm = async (userId, ...rest) => {
      if (userId === 'u5' && isLeased) throw new Error('throttled');
      isLeased ||= userId === 'u5';
      return writeCrm(userId, ...rest);
    };
    outcomes.length = 0;
    expect(await receive(tagJob(ids))).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'synced')).toHaveLength(19);
    expect(ids.filter((userId) => users.user(userId).crm?.lease)).toEqual(['u5']);
    users.table.writeCrm = writeCrm;
    const later = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS + 1 });
    await later.receive(tagJob(ids, 2));
    await later.receive(...later.requeued.map((message) => record(message)));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('halves a request that names too many contacts', async () => {
    const { users, ids } = await withContacts(130);
    const { receive } = consumerOf(crm, users, { tagBatch: 130 });
    // The account takes a hundred contacts. Two tags have more than that: each is tried as a whole and then in halves.
    const cost = await crm.requestsOf(() => receive(tagJob(ids)));
    expect(cost['POST /tags/{id}/contacts']).toBe(2 * 3 + 4 + 12);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('gives a contact that the CRM refuses a message of its own, and tags the others as before', async () => {
    const { users, ids } = await withContacts(130);
    const { receive, requeued } = consumerOf(crm, users);
    const deactivate = () => {
      for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-05-25T09:00:00Z' });
    };
    await receive(tagJob(ids));
    await crm.admin.set('bulk-refusals', { emails: ['u5@example.com'] });
    deactivate();
    expect(await receive(tagJob(ids))).toEqual([]);
    expect(requeued.map(({ userId }) => userId)).toEqual(['u5']);
    expect(await wronglyTagged(users)).toEqual(['u5']);
    for (const userId of ids) users.edit(userId, { lastActiveAt: '2026-06-15T09:00:00Z' });
    const next = await crm.requestsOf(() => receive(tagJob(ids)));
    expect(next).toEqual({ 'DELETE /tags/{id}/contacts': 2, 'POST /tags/{id}/contacts': 2 });
    await receive(record(userMessage('u5')));
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('costs a user whose tags the CRM refuses two requests and no dead letter at each refresh', async () => {
    const { users, ids } = await withContacts(60);
    await crm.admin.set('bulk-refusals', { emails: ['u5@example.com'] });
    const refusedId = users.user('u5').crm?.contactId;
    const refusing: InfusionsoftClient = {
      ...crm.client,
      async applyTags(contactId, tagIds) {
        if (contactId === refusedId) throw new RejectedError('refused-by-crm', 'refused', { status: 400 });
        return crm.client.applyTags(contactId, tagIds);
      },
    };
    let clock = NOW;
    /** A refresh of a later day, by a new environment, that changes a tag of all users. @returns the requests that name many contacts. */
    const refresh = async (lastActiveAt: string) => {
      clock += 24 * 3_600_000;
      for (const userId of ids) users.edit(userId, { lastActiveAt });
      const consumer = consumerOf(crm, users, { client: refusing, now: () => clock });
      const cost = await crm.requestsOf(() => consumer.receive(tagJob(ids, 1, clock)));
      await consumer.receive(...consumer.requeued.map((message) => record(message)));
      return {
        requests: Object.values(cost).reduce((sum, each) => sum + each, 0),
        rejected: consumer.rejected.length,
        requeued: consumer.requeued.map(({ userId }) => userId),
      };
    };
    const [active, inactive] = ['2026-06-15T09:00:00Z', '2026-05-25T09:00:00Z'];
    const first = await refresh(active);
    expect(first).toMatchObject({ rejected: 1, requeued: ['u5'] });
    expect(first.requests).toBeGreaterThan(29);
    // One removes a tag and one adds another.
    expect(await refresh(inactive)).toEqual({ requests: 2, rejected: 0, requeued: ['u5'] });
    expect(await refresh(active)).toEqual({ requests: 2, rejected: 0, requeued: ['u5'] });
  });

  it('requeues a user whose contact was deleted by hand', async () => {
    let clock = NOW;
    const { users, receive, requeued, ids } = await withContacts(20, { now: () => clock });
    await crm.admin.removeContact(users.user('u5').crm?.contactId ?? 0);
    await receive(tagJob(ids));
    expect(requeued.map(({ userId }) => userId)).toEqual(['u5']);
    const again = requeued.map((message) => record(message));
    await receive(...again);
    clock += GONE_AFTER_MS;
    await receive(...again);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('creates a tag again that was deleted by hand', async () => {
    const { users, receive, ids } = await withContacts(20);
    await crm.admin.removeTag('App User');
    const message = tagJob(ids);
    expect(await receive(message)).toEqual([message.messageId]);
    expect(await receive(tagJob(ids, 2))).toEqual([]);
    expect(await wronglyTagged(users)).toEqual([]);
  });

  it('waits while the quota of backfills is spent', async () => {
    const { users, ids } = await withContacts(20);
    const used = BUDGET.limits.day * (1 - BUDGET.liveReserve);
    await updateVersioned(crm.table.ledger, (stored) => {
      const ledger = ledgerAt(stored, NOW);
      return { ...ledger, day: { ...ledger.day, used } };
    });
    const { receive, retries } = consumerOf(crm, users);
    expect(await crm.requestsOf(() => receive(tagJob(ids)))).toEqual({});
    expect(retries).toMatchObject([{ error: { reason: 'backfill' } }]);
  });
});
