import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eraseContact, type ForgetPolicy, type Proof } from '../../../shared/contacts/erase-contact.ts';
import type { RetiredContact, Retirement } from '../../../shared/contacts/retire-contact.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import type { ErasureRecord } from '../../../shared/store/erasure-records.ts';
import { SOCIAL_FIELDS } from '../../../shared/user/contact-fields.ts';
import { NOON } from '../../support/backfill-users.ts';
import { type ConsumerOptions, consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { richMapping } from '../../support/rich-mapping.ts';
import { userMessage } from '../../support/user-message.ts';

const ANN = {
  userId: 'ann',
  email: 'ann@example.com',
  firstName: 'Ann',
  lastName: 'Lee',
  phone: '+12125550123',
  timeZone: 'America/New_York',
  appDownloadDate: '2026-01-31',
};
const LATER = new Date(Date.now() + 60_000).toISOString();

let crm: Awaited<ReturnType<typeof startCrm>>;
function startRichCrm() {
  beforeEach(async () => {
    crm = await startCrm({}, richMapping);
  });
  afterEach(() => crm.stop());
}

const forget = (contactId?: number, requestId = 'r1') => {
  const message = {
    version: 1,
    kind: 'forget',
    userId: 'ann',
    requestId,
    ...(contactId && { contactId }),
  } as const;
  const forgetting = record(message, 'ann');
  forgetting.attributes.SentTimestamp = String(Date.now());
  return forgetting;
};
const deletion = (contactId: number) =>
  record(userMessage('ann', { cause: 'deleted', contactId, changedAt: LATER }), 'ann');

/** Syncs Ann to a contact with values that were added by hand, and then deletes her in the app. */
async function deleteAnn(options: ConsumerOptions = {}) {
  await crm.preload({
    values: {
      'email_addresses.EMAIL1': ANN.email,
      'email_addresses.EMAIL2': 'ann@home.example',
      'phone_numbers.PHONE2': '+12125550199',
      'addresses.SHIPPING.line1': '5 Home Rd',
      spouse_name: 'Bob',
    },
    customFields: { 'Shoe Size': '41' },
    tags: ['Newsletter'],
  });
  const users = memoryUserTable(ANN);
  const consumer = consumerOf(crm, users, { now: Date.now, ...options });
  await consumer.receive(record(userMessage('ann')));
  const contactId = users.user('ann').crm?.contactId ?? 0;
  users.rows.delete('ann');
  await consumer.receive(deletion(contactId));
  return { users, contactId, ...consumer };
}
const contact = async (id: number) => (await crm.contacts()).find((each) => each.id === id);
const PERSONAL = /ann|lee|bob|2125550|home|main st|shoe|41|linkedin|2026-01-31|new york/i;

describe('an erasure request', () => {
  startRichCrm();

  it('deletes the contact and leaves a record of ids and times', async () => {
    const { receive, erasureRecords, contactId } = await deleteAnn();
    expect(await erasureRecords.read('ann')).toMatchObject({ contactId, done: 'mark' });
    expect(await receive(forget())).toEqual([]);
    expect(await contact(contactId)).toBeUndefined();
    const erasureRecord = await erasureRecords.read('ann');
    expect(erasureRecord).toEqual({
      userId: 'ann',
      contactId,
      done: 'delete',
      doneAt: expect.any(String),
      requestId: 'r1',
      answeredAt: expect.any(String),
    });
  });

  it('can anonymise: no personal data stays, whoever wrote it', async () => {
    const { receive, contactId } = await deleteAnn({ forgetPolicy: 'anonymise' });
    await receive(forget());
    const { values, customFields, tags } = (await contact(contactId)) ?? {
      values: {},
      customFields: {},
      tags: [],
    };
    expect(values).toMatchObject({ 'email_addresses.EMAIL1': `forgotten-${contactId}@example.invalid` });
    expect(JSON.stringify({ ...values, ...customFields })).not.toMatch(PERSONAL);
    expect(tags).toEqual(['Account Deleted', 'Newsletter']);
    expect(await crm.contacts()).toHaveLength(1);
  });

  it('can anonymise what the CRM shows only on request, and records what it does not show at all', async () => {
    const { receive, contactId, erasureRecords } = await deleteAnn({ forgetPolicy: 'anonymise' });
    await crm.client.updateContact(contactId, {
      social_accounts: SOCIAL_FIELDS.map((type) => ({ type, name: 'ann' })),
    });
    await receive(forget());
    expect(JSON.stringify((await contact(contactId))?.values)).not.toMatch(PERSONAL);
    expect(JSON.stringify((await contact(contactId))?.values)).not.toContain('social_accounts');
    const unread = ['Instagram', 'Snapchat', 'YouTube', 'Pinterest'].map((name) => `social_accounts.${name}`);
    expect((await erasureRecords.read('ann'))?.unread).toEqual(expect.arrayContaining(unread));
    await receive(forget(undefined, 'r2'));
    expect((await erasureRecords.read('ann'))?.unread).toEqual(expect.arrayContaining(unread));
  });

  it.each(['delete', 'anonymise'] as const)(
    'with the policy %s opts out the address of a person who may be marketed to',
    async (forgetPolicy) => {
      const { receive } = await deleteAnn({ forgetPolicy });
      await crm.client.setOptIn(ANN.email, true, 'asked');
      await receive(forget());
      const address = (await crm.admin.addresses()).find(({ email }) => email === ANN.email);
      expect(address).toMatchObject({ status: 'Manual' });
    },
  );

  it('can be repeated, also when the contact is gone already', async () => {
    let clock = Date.now();
    const { receive, erasureRecords, contactId, rejected } = await deleteAnn({ now: () => clock });
    await crm.admin.removeContact(contactId);
    const requests = [forget(), forget(undefined, 'r2')];
    await receive(...requests);
    clock += GONE_AFTER_MS;
    expect(await receive(...requests)).toEqual([]);
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'delete', requestId: 'r2' });
    expect(rejected).toEqual([]);
  });

  it('can name the contact, where no erasure record does, if the contact shows the user id', async () => {
    const values = { 'email_addresses.EMAIL1': ANN.email };
    const [stranger, own] = await crm.preload(
      { values, customFields: { 'App User Id': 'another' } },
      { values, customFields: { 'App User Id': 'ann' } },
    );
    const { receive, erasureRecords } = consumerOf(crm, memoryUserTable(), { now: Date.now });
    await receive(forget());
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'no-contact' });
    await receive(forget(stranger?.id, 'r2'));
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'not-proven' });
    await receive(forget(own?.id, 'r3'));
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'delete', contactId: own?.id });
    expect(await crm.contacts()).toMatchObject([{ id: stranger?.id }]);
  });

  it('of a person with two accounts erases both contacts, even if it names only one', async () => {
    const { receive, contactId } = await deleteAnn();
    const [{ id: other = 0 } = {}] = await crm.preload({
      values: { given_name: 'Ann', 'email_addresses.EMAIL1': 'ann@new.example' },
      customFields: { 'App User Id': 'ann' },
    });
    expect(await receive(forget(other))).toEqual([]);
    expect([await contact(contactId), await contact(other)]).toEqual([undefined, undefined]);
  });

  it('changes nothing while the user is in the app, since the next change would create the contact again', async () => {
    const users = memoryUserTable(ANN);
    const { receive, erasureRecords, outcomes } = consumerOf(crm, users, { now: Date.now });
    await receive(record(userMessage('ann')));
    expect(await receive(forget(), record(userMessage('ann')))).toEqual([]);
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'not-deleted' });
    expect(outcomes.at(-1)).toMatch(/unchanged|withoutOwner/);
    expect(await crm.contacts()).toHaveLength(1);
  });

  it('keeps a contact that another user has by now', async () => {
    const { users, receive, erasureRecords, contactId } = await deleteAnn();
    users.rows.set('ann-2', { ...ANN, userId: 'ann-2' });
    await receive(record(userMessage('ann-2')));
    expect(users.user('ann-2').crm?.contactId).toBe(contactId);
    await receive(forget());
    expect(await erasureRecords.read('ann')).toMatchObject({ done: 'mark', answer: 'kept', requestId: 'r1' });
    expect((await contact(contactId))?.values).toMatchObject({ given_name: 'Ann' });
  });
});

describe('a deletion in the app', () => {
  startRichCrm();

  it('can anonymise as well', async () => {
    const { contactId } = await deleteAnn({ deletionPolicy: 'anonymise' });
    expect(JSON.stringify((await contact(contactId))?.values)).not.toMatch(PERSONAL);
  });
});

describe('the answer to an erasure request', () => {
  const at = (ms: number) => new Date(NOON + ms).toISOString();
  const RECORD: ErasureRecord = {
    userId: 'ann',
    contactId: 5,
    done: 'mark',
    doneAt: at(-9),
    requestId: 'r0',
  };

  /** Answers request `r1` about Ann, who has left the app. */
  async function answer({
    contactId,
    record,
    isInApp = false,
    pending = [],
    proofs = {},
    forgetPolicy = 'delete',
    age = 0,
  }: {
    contactId?: number;
    record?: Partial<ErasureRecord>;
    isInApp?: boolean;
    /** What the end of an earlier deletion retires. */
    pending?: RetiredContact[];
    /** Contacts that are not proven to be Ann's. */
    proofs?: Record<number, Proof>;
    forgetPolicy?: ForgetPolicy;
    /** How long before now the request was sent, in milliseconds. */
    age?: number;
  }) {
    const asked: number[] = [];
    const retired: Retirement[] = [];
    const written: ErasureRecord[] = [];
    let finished = 0;
    const { table } = memoryUserTable(...(isInApp ? [ANN] : []));
    const message = { version: 1, kind: 'forget', userId: 'ann', requestId: 'r1' } as const;
    const done = await eraseContact(
      { ...message, ...(contactId !== undefined && { contactId }) },
      NOON - age,
      {
        users: table,
        erasureRecords: {
          read: async () => record && { ...RECORD, ...record },
          write: async (each) => void written.push(each),
        },
        forgetPolicy,
        async retirePending() {
          finished++;
          return pending;
        },
        async prove(id) {
          asked.push(id);
          return proofs[id] ?? 'proven';
        },
        async retire(retirement) {
          retired.push(retirement);
          return retirement.policy;
        },
        now: () => NOON,
      },
    ).catch((error: unknown) => error);
    return { done, asked, retired, ids: retired.map(({ contactId: id }) => id), written, finished };
  }
  const written = (more: Partial<ErasureRecord>) => [
    { userId: 'ann', requestId: 'r1', answeredAt: at(0), doneAt: at(0), ...more },
  ];

  it('erases the contact that it names, if that is proven, and only that', async () => {
    const result = await answer({ contactId: 5 });
    const [policy, common] = [
      'delete',
      { userId: 'ann', deletedAt: NOON, claimedBefore: NOON + 1, requestId: 'r1' },
    ];
    expect(result.retired).toEqual([{ contactId: 5, policy, ...common }]);
    expect(result).toMatchObject({ done: 'delete', asked: [5], finished: 1 });
    expect(result.written).toEqual(written({ contactId: 5, done: 'delete' }));
  });

  it('erases the contact of the record, if none is named', async () => {
    expect(await answer({ record: {} })).toMatchObject({ done: 'delete', ids: [5] });
    expect(await answer({})).toMatchObject({
      done: 'no-contact',
      ids: [],
      written: written({ done: 'no-contact' }),
    });
  });

  it('is not repeated for what the end of a deletion has done', async () => {
    const pending: RetiredContact[] = [
      { contactId: 6, done: 'mark' },
      { contactId: 5, done: 'delete' },
    ];
    expect(await answer({ contactId: 5, pending })).toMatchObject({ done: 'delete', asked: [], ids: [] });
    expect(await answer({ contactId: 7, pending })).toMatchObject({ done: 'delete', asked: [7], ids: [7] });
  });

  it('is not repeated for what a record says, and keeps its time', async () => {
    const repeated = await answer({ contactId: 5, record: { done: 'delete' } });
    expect(repeated).toMatchObject({ done: 'delete', asked: [] });
    expect(repeated.written).toEqual(written({ contactId: 5, done: 'delete', doneAt: at(-9) }));
    const stronger = await answer({ contactId: 5, record: { done: 'delete' }, forgetPolicy: 'anonymise' });
    expect(stronger).toMatchObject({ done: 'delete', asked: [] });
    const more = await answer({ contactId: 5, record: { done: 'anonymise' } });
    expect(more).toMatchObject({ done: 'delete', ids: [5] });
    expect(more.written).toEqual(written({ contactId: 5, done: 'delete' }));
    const other = await answer({ contactId: 7, record: { done: 'delete' } });
    expect(other).toMatchObject({ done: 'delete', ids: [7] });
    expect(other.written).toEqual(written({ contactId: 7, done: 'delete' }));
  });

  it('changes nothing while the user is in the app', async () => {
    const result = await answer({ contactId: 7, record: { earlierContactIds: [4] }, isInApp: true });
    expect(result).toMatchObject({ done: 'not-deleted', finished: 0, asked: [] });
    expect(result.written).toEqual(written({ contactId: 7, done: 'not-deleted' }));
  });

  it('erases the contacts of earlier accounts first, each once', async () => {
    const record = { earlierContactIds: [3, 4, 7] };
    expect((await answer({ contactId: 7, record })).ids).toEqual([3, 4, 5, 7]);
    expect((await answer({ record: { earlierContactIds: [3] } })).ids).toEqual([3, 5]);
  });

  it('leaves a contact alone that is not proven', async () => {
    const result = await answer({ contactId: 5, proofs: { 5: 'not-proven' } });
    expect(result).toMatchObject({ done: 'not-proven', ids: [] });
    expect(result.written).toEqual(written({ contactId: 5, done: 'not-proven' }));
  });

  it.each([
    [0, GONE_AFTER_MS],
    [GONE_AFTER_MS - 1, 1],
  ])(
    'waits, without an answer, when the CRM does not know the contact %d ms after the request',
    async (age, afterMs) => {
      const { done, written: records } = await answer({ contactId: 5, proofs: { 5: 'missing' }, age });
      expect(done).toMatchObject({ name: 'RetryableError', afterMs });
      expect(records).toEqual([]);
    },
  );

  it('is answered when the CRM does not know the contact a minute after the request', async () => {
    const { done, written: records } = await answer({
      contactId: 5,
      proofs: { 5: 'missing' },
      age: GONE_AFTER_MS,
    });
    expect(done).toBe('not-proven');
    expect(records).toEqual(written({ contactId: 5, done: 'not-proven' }));
  });

  it('waits for an address that the CRM does not know until a minute after the request, however often it is tried', async () => {
    const { retired } = await answer({ contactId: 5, age: 5 * GONE_AFTER_MS });
    expect(retired).toMatchObject([{ deletedAt: NOON - 5 * GONE_AFTER_MS, claimedBefore: NOON + 1 }]);
  });
});
