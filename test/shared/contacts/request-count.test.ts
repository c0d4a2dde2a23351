import { describe, expect, it } from 'vitest';
import { ANN } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import { LATER, tagJob, usersUpTo, wronglyTagged } from '../../support/tagging.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

const SEARCH = 'GET /contacts';
const rejection = {
  reason: 'contact-of-another-user',
  errorId: 'e1',
  at: new Date(NOW).toISOString(),
};

/** The requests that a change of Ann costs, once she is in sync. */
async function costOf(change: Record<string, unknown>): Promise<Record<string, number>> {
  const users = memoryUserTable(ANN);
  const { receive } = consumerOf(crm, users);
  await receive(changeOf('ann'));
  users.edit('ann', change);
  return crm.requestsOf(() => receive(changeOf('ann')));
}

describe('requests', () => {
  it('of a user who is new in a backfill: at most 1.1', async () => {
    const users = memoryUserTable(...usersUpTo(300));
    const ids = [...users.rows.keys()];
    const { receive } = consumerOf(crm, users);
    const cost = await crm.requestsOf(async () => {
      for (const userId of ids) await receive(record(userMessage(userId, LATER)));
      await receive(tagJob(ids));
    });
    expect(await wronglyTagged(users)).toEqual([]);
    const requests = Object.values(cost).reduce((sum, count) => sum + count, 0);
    expect(requests / ids.length).toBeLessThanOrEqual(1.1);
  });

  it('of a user who signs up: two', async () => {
    const cost = await crm.requestsOf(() => consumerOf(crm, memoryUserTable(ANN)).receive(changeOf('ann')));
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
  });

  it('of a user who was rejected before: one more, for the look-up', async () => {
    const users = memoryUserTable({ ...ANN, crm: { rejection } });
    const cost = await crm.requestsOf(() => consumerOf(crm, users).receive(changeOf('ann')));
    expect(cost).toEqual({ [SEARCH]: 1, 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
  });

  it.each<[string, Record<string, unknown>, Record<string, number>]>([
    ['nothing', {}, {}],
    ['a field', { firstName: 'Anna' }, { 'PATCH /contacts/{id}': 1 }],
    [
      'the email: also a look-up, and a read of the user id, since people may have merged the contact',
      { email: 'ann@new.example' },
      { [SEARCH]: 1, 'PATCH /contacts/{id}': 1, 'GET /contacts/{id}': 1 },
    ],
  ])('of a change of %s', async (_, change, expected) => {
    expect(await costOf(change)).toEqual(expected);
  });
});

describe('in an account whose lists leave out custom fields', () => {
  it('the contact of a deleted user whose create got no answer is found', async () => {
    await crm.admin.set('answers', { listedCustomFields: false });
    await crm.admin.set('search', { mode: 'exact', delayMs: 0 });
    const users = memoryUserTable(ANN);
    let clock = NOW;
    const upsertContact: typeof crm.client.upsertContact = async (body) => {
      await crm.client.upsertContact(body);
      throw new Error('killed');
    };
    await consumerOf(crm, users, { client: { ...crm.client, upsertContact } }).receive(changeOf('ann'));
    const attemptedAt = users.user('ann').crm?.attempt?.at ?? '';
    users.rows.delete('ann');
    clock += 10 * 60_000;
    const deletion = userMessage('ann', {
      cause: 'deleted',
      attemptedAt,
      changedAt: new Date(clock).toISOString(),
    });
    expect(await consumerOf(crm, users, { now: () => clock }).receive(record(deletion))).toEqual([]);
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(['Account Deleted']);
  });
});
