import { describe, expect, it } from 'vitest';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { CONFLICT, GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { type ConsumerOptions, consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

startCrmForEachTest();

const MINUTE = 60_000;
/** A message of a backfill that runs after the changes of the test. */
const backfillOf = (userId: string) =>
  record(userMessage(userId, { cause: 'backfill', changedAt: new Date(NOW + MINUTE).toISOString() }));
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

  it.each(['changed', 'backfill'] as const)(
    'of messages that were in the queue when the user was rejected (%s): they have the same id',
    async (cause) => {
      const users = memoryUserTable({ ...ANN, email: 'nobody at nowhere' });
      const { receive, rejected } = consumerOf(crm, users);
      const at = (changedAt: number) =>
        record(userMessage('ann', { cause, changedAt: new Date(changedAt).toISOString() }));
      await receive(at(NOW - MINUTE));
      await receive(at(NOW));
      const { errorId } = users.user('ann').crm?.rejection ?? {};
      expect(rejected.map(({ error }) => error.errorId)).toEqual([errorId, errorId]);
      expect(rejected.map(({ error }) => error.reason)).toEqual(['no-usable-email', 'no-usable-email']);
    },
  );

  it('of each change of a user who stays rejected, with an id of its own', async () => {
    const users = memoryUserTable({ ...ANN, email: 'nobody at nowhere' });
    const { receive, rejected, outcomes } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    await receive(record(userMessage('ann', { changedAt: new Date(NOW + MINUTE).toISOString() })));
    const ids = new Set(rejected.map(({ error }) => error.errorId));
    expect(ids.size).toBe(2);
    expect(ids).toContain(users.user('ann').crm?.rejection?.errorId);
    expect(outcomes).toEqual(['rejected', 'rejected']);
  });

  it.each(['changed', 'backfill'] as const)(
    'of a message that the dead-letter queue took only at the second delivery (%s)',
    async (cause) => {
      const users = memoryUserTable({ ...ANN, email: 'nobody at nowhere' });
      const { queue } = consumerOf(crm, users);
      const taken: string[] = [];
      let isDown = true;
      const reject: typeof queue.reject = async (_, error) => {
        if (isDown) throw new Error('down');
        taken.push(error.errorId);
      };
      const { receive } = consumerOf(crm, users, { queue: { ...queue, reject } });
      const message = record(userMessage('ann', { cause, changedAt: new Date(NOW - 1).toISOString() }));
      expect(await receive(message)).toEqual([message.messageId]);
      isDown = false;
      expect(await receive(message)).toEqual([]);
      expect(taken).toEqual([users.user('ann').crm?.rejection?.errorId]);
    },
  );

  it('of an unreadable message that is delivered twice: both have the same id', async () => {
    const { receive, rejected } = consumerOf(crm, memoryUserTable());
    const unreadable = [record('not JSON', 'ann'), record('not JSON', 'ann')] as const;
    await receive(...unreadable);
    await receive(unreadable[0]);
    const [first, second, again] = rejected.map(({ error }) => error.errorId);
    expect(again).toBe(first);
    expect(second).not.toBe(first);
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

  it('but a user without an email makes none, and is synced when it gets one', async () => {
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

describe('a deletion, in one batch with the sign-up after it', () => {
  it('is carried out once, also if the sign-up has to be tried again', async () => {
    const users = memoryUserTable(ANN);
    await consumerOf(crm, users, { now: () => NOW - 3_600_000 }).receive(changeOf('ann'));
    const { contactId } = users.user('ann').crm ?? {};
    users.rows.set('ann', { ...ANN, email: 'ann@new.example' });
    const down = failing(new RetryableError('down'));
    const { receive } = consumerOf(crm, users, { client: { ...crm.client, upsertContact: down } });
    const changedAt = new Date(NOW - 1_800_000).toISOString();
    const batch = [
      record(userMessage('ann', { cause: 'deleted', contactId, changedAt })),
      record(userMessage('ann', { cause: 'created' })),
    ];
    const ids = batch.map(({ messageId }) => messageId);
    expect(await receive(...batch)).toEqual(ids);
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(['Account Deleted']);
    expect(await crm.requestsOf(() => receive(...batch))).toEqual({});
  });

  it.each(['into', 'from'] as const)(
    'gets the user a contact within seconds after a merge that keeps the values of the one it was merged %s',
    async (values) => {
      let clock = NOW;
      const users = memoryUserTable(ANN, { ...ANN, userId: 'bob', email: 'bob@example.com' });
      const { receive, rejected, requeued } = consumerOf(crm, users, { now: () => clock });
      await receive(changeOf('ann'), changeOf('bob'));
      const [annId = 0, bobId = 0] = ['ann', 'bob'].map((userId) => users.user(userId).crm?.contactId);
      await crm.admin.merge(annId, bobId, values);
      await crm.admin.set('search', { delayMs: 0 });
      users.rows.set('ann', { ...ANN });
      const batch = [
        record(userMessage('ann', { cause: 'deleted', contactId: annId })),
        record(userMessage('ann', { cause: 'created' })),
      ];
      expect(await receive(...batch)).toHaveLength(2);
      clock += GONE_AFTER_MS;
      for (let left = batch.length; left > 0; clock += CONFLICT.firstMs) {
        left = (await receive(...batch)).length;
        while (requeued.length > 0) await receive(...requeued.splice(0).map((message) => record(message)));
      }
      expect(clock - NOW).toBeLessThanOrEqual(GONE_AFTER_MS + 3 * CONFLICT.firstMs);
      expect(rejected).toEqual([]);
      const contacts = new Map((await crm.contacts()).map((contact) => [contact.id, contact]));
      expect(contacts.size).toBe(2);
      for (const userId of ['ann', 'bob']) {
        const { email, crm: state } = users.user(userId);
        expect(contacts.get(state?.contactId ?? 0)).toMatchObject({
          values: { 'email_addresses.EMAIL1': email },
          customFields: { 'App User Id': userId },
          tags: ANN_TAGS,
        });
      }
    },
  );
});

describe('a deletion that is redriven after the user has signed up again', () => {
  it('leaves the contact alone that the user has again', async () => {
    const users = memoryUserTable(ANN);
    await consumerOf(crm, users).receive(changeOf('ann'));
    const { contactId = 0 } = users.user('ann').crm ?? {};
    users.rows.set('ann', { ...ANN });
    await consumerOf(crm, users).receive(record(userMessage('ann', { cause: 'created' })));
    expect(users.user('ann').crm?.contactId).toBe(contactId);
    // The clock of the stream is not that of the claim: they are seconds apart.
    const changedAt = new Date(NOW - 1000).toISOString();
    const deletion = record(userMessage('ann', { cause: 'deleted', contactId, changedAt }));
    expect(await consumerOf(crm, users).receive(deletion)).toEqual([]);
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  });
});

it('a second deletion within the second of the first retires the contact again', async () => {
  const users = memoryUserTable(ANN);
  const { receive } = consumerOf(crm, users);
  await receive(changeOf('ann'));
  const { contactId } = users.user('ann').crm ?? {};
  // Times in a stream are rounded down.
  const changedAt = new Date(NOW - 999).toISOString();
  const leave = () => {
    users.rows.delete('ann');
    return receive(record(userMessage('ann', { cause: 'deleted', contactId, changedAt })));
  };
  await leave();
  users.rows.set('ann', { ...ANN });
  await receive(record(userMessage('ann', { cause: 'created' })));
  expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
  await leave();
  expect((await contactWithEmail(ANN.email))?.tags).toEqual(['Account Deleted']);
});
