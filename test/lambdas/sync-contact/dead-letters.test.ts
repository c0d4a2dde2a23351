import { describe, expect, it } from 'vitest';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { type ConsumerOptions, consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

const backfillOf = (userId: string) => record(userMessage(userId, { cause: 'backfill' }));
const failing = (error: Error) => async () => {
  throw error;
};

describe('one cause makes one dead letter', () => {
  it('of a user who stays rejected, however often a refresh finds the user', async () => {
    const users = memoryUserTable({ ...ANN, email: 'nobody at nowhere' });
    const { receive, rejected, outcomes } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    const { errorId } = users.user('ann').crm?.rejection ?? {};
    await receive(backfillOf('ann'));
    await receive(backfillOf('ann'));
    expect(rejected).toHaveLength(1);
    expect(outcomes).toEqual(['rejected', 'stillRejected', 'stillRejected']);
    expect(users.user('ann').crm?.rejection).toMatchObject({ errorId, reason: 'no-usable-email' });
  });

  it('of a user whom a backfill finds first, and of one who is rejected for another reason', async () => {
    const users = memoryUserTable({ ...ANN, email: 'nobody at nowhere' });
    await consumerOf(crm, users).receive(changeOf('ann'));
    users.edit('ann', { email: ANN.email });
    const upsertContact = failing(new RejectedError('refused-by-crm', 'refused'));
    const other = consumerOf(crm, users, { client: { ...crm.client, upsertContact } });
    await other.receive(backfillOf('ann'));
    expect(other.rejected).toMatchObject([{ error: { reason: 'refused-by-crm' } }]);
  });

  it('of an unreadable message before one that is postponed', async () => {
    const upsertContact = failing(new RetryableError('down'));
    const { receive, rejected } = consumerOf(crm, memoryUserTable(ANN), {
      client: { ...crm.client, upsertContact },
    });
    const [unreadable, change] = [record('not JSON', 'ann'), changeOf('ann')];
    expect(await receive(unreadable, change)).toEqual([change.messageId]);
    expect(await receive(change)).toEqual([change.messageId]);
    expect(rejected.map((each) => each.record)).toEqual([unreadable]);
  });

  it('of nobody while a user has no email, who is synced when it gets one', async () => {
    const users = memoryUserTable({ ...ANN, email: undefined });
    const { receive, rejected, outcomes } = consumerOf(crm, users);
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({});
    users.edit('ann', { email: ANN.email });
    await receive(changeOf('ann'));
    expect(rejected).toEqual([]);
    expect(outcomes).toEqual(['unchanged', 'synced']);
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});

describe('messages of one group', () => {
  it('about two users, put there by hand, are both handled', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    const { receive } = consumerOf(crm, users);
    const inGroup = (userId: string) => record(userMessage(userId), 'by hand');
    expect(await receive(inGroup('ann'), inGroup('bob'), inGroup('ann'))).toEqual([]);
    expect(await crm.contacts()).toHaveLength(2);
  });

  it('after one that is postponed stay in the queue too', async () => {
    const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
    const upsertContact = failing(new RetryableError('down'));
    const { receive, retries } = consumerOf(crm, users, { client: { ...crm.client, upsertContact } });
    const records = [record(userMessage('ann'), 'by hand'), record(userMessage('bob'), 'by hand')];
    expect(await receive(...records)).toEqual(records.map(({ messageId }) => messageId));
    expect(retries).toMatchObject([{ records }]);
  });
});

describe('a deletion that the CRM refuses, in one batch with the sign-up after it', () => {
  const AGAIN = { ...ANN, email: 'ann@new.example' };

  /** Deletes Ann, whose old contact the CRM refuses to change, and signs her up again with another email. */
  async function deleteAndReturn() {
    const users = memoryUserTable(ANN);
    const earlier = { now: () => NOW - 3_600_000 };
    await consumerOf(crm, users, earlier).receive(changeOf('ann'));
    const oldId = users.user('ann').crm?.contactId ?? 0;
    users.rows.set('ann', { ...AGAIN });
    const removeTags: InfusionsoftClient['removeTags'] = async (contactId, tagIds) => {
      if (contactId === oldId) throw new RejectedError('refused-by-crm', 'refused');
      return crm.client.removeTags(contactId, tagIds);
    };
    const options: ConsumerOptions = { client: { ...crm.client, removeTags } };
    const deletion = record(
      userMessage('ann', {
        cause: 'deleted',
        contactId: oldId,
        changedAt: new Date(NOW - 1_800_000).toISOString(),
      }),
    );
    const { receive, rejected } = consumerOf(crm, users, options);
    expect(await receive(deletion, record(userMessage('ann', { cause: 'created' })))).toEqual([]);
    return { users, deletion, rejected, oldId };
  }

  it('is the dead letter itself, and the sign-up is handled', async () => {
    const { deletion, rejected } = await deleteAndReturn();
    expect(rejected.map((each) => each.record)).toEqual([deletion]);
    expect((await contactWithEmail(AGAIN.email))?.tags).toEqual(ANN_TAGS);
  });

  it('finishes the old contact and leaves the new one alone when it is redriven', async () => {
    const { users, deletion, oldId } = await deleteAndReturn();
    await consumerOf(crm, users).receive(deletion);
    const old = (await crm.contacts()).find(({ id }) => id === oldId);
    expect(old?.tags).toEqual(['Account Deleted']);
    expect((await contactWithEmail(AGAIN.email))?.tags).toEqual(ANN_TAGS);
  });
});
