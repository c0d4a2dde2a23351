import { describe, expect, it } from 'vitest';
import { INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { memoryUserTable } from '../../support/crm-under-test.ts';

startCrmForEachTest();

describe('two write-backs for one user', () => {
  it('do not undo each other: the second is repeated from the stored state', async () => {
    const users = memoryUserTable(ANN);
    const { receive, retries, outcomes } = consumerOf(crm, users);
    const { writeCrm } = users.table;
    users.table.writeCrm = async (userId, written, over) => {
      users.table.writeCrm = writeCrm;
      const tagged = { contactId: written.contactId, tagIds: [], fingerprint: {} };
      await writeCrm(userId, tagged, over);
      return writeCrm(userId, written, over);
    };
    const [first] = [changeOf('ann')];
    expect(await receive(first)).toEqual([first.messageId]);
    expect(retries).toMatchObject([{ error: { afterMs: 0 } }]);
    await receive(first);
    expect(outcomes).toEqual(['postponed', 'synced']);
    expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);
    expect(users.user('ann').crm?.tagIds).toHaveLength(ANN_TAGS.length);
  });
});

describe('a user whose write-back failed', () => {
  /** Stores the checkpoint and nothing after it, so that the user stays leased. */
  const leaveLeased = async () => {
    const users = memoryUserTable(ANN);
    const { writeCrm } = users.table;
    let writes = 0;
    users.table.writeCrm = async (...all) => {
      if (++writes > 1) throw new Error('throttled');
      return writeCrm(...all);
    };
    const consumer = consumerOf(crm, users);
    expect(await consumer.receive(changeOf('ann'))).toHaveLength(1);
    users.table.writeCrm = writeCrm;
    expect(users.user('ann').crm?.lease?.until).toBe(new Date(NOW + INVOCATION_MS).toISOString());
    return { users, consumer };
  };
  const expectTags = async () => expect((await contactWithEmail(ANN.email))?.tags).toEqual(ANN_TAGS);

  it('is synced at once by the next invocation of the same environment', async () => {
    const { users, consumer } = await leaveLeased();
    expect(await consumer.receive(changeOf('ann'))).toEqual([]);
    expect(users.user('ann').crm).not.toHaveProperty('lease');
    await expectTags();
  });

  it('is synced by another environment once the invocation has ended', async () => {
    const { users } = await leaveLeased();
    const soon = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS - 1 });
    expect(await soon.receive(changeOf('ann'))).toHaveLength(1);
    const later = consumerOf(crm, users, { now: () => NOW + INVOCATION_MS });
    expect(await later.receive(changeOf('ann'))).toEqual([]);
    await expectTags();
  });
});
