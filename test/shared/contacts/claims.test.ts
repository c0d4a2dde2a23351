import { describe, expect, it, vi } from 'vitest';
import { claims, type OtherHolder } from '../../../shared/contacts/claims.ts';
import type { ContactBody } from '../../../shared/infusionsoft/contact-body.ts';
import { UncertainError } from '../../../shared/infusionsoft/http/failures.ts';
import { INVOCATION_MS, LEASE_RETRY, UNCERTAIN_WRITE_MS } from '../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { InvalidUserError } from '../../../shared/user/read-user.ts';
import { ANN } from '../../support/ann.ts';
import { failingFor } from '../../support/backfill-users.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { invocationOf, memoryClaimStore, memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

describe('claims', () => {
  const BOB = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 5 } };
  const ATTEMPT = { at: '2026-06-15T12:00:00Z', email: 'x' };

  let clock = 0;
  const claimsOf = (...rows: Parameters<typeof memoryUserTable>) => claimsWith(mapping, ...rows);
  function claimsWith(mapping: Mapping, ...rows: Parameters<typeof memoryUserTable>) {
    const store = memoryClaimStore();
    const write = vi.spyOn(store, 'write');
    const { table } = memoryUserTable(...rows);
    const read = vi.spyOn(table, 'read');
    clock = 1_000_000;
    const invocation = () => invocationOf('a', 1, clock);
    return { write, read, ...claims({ store, users: table, mapping, invocation, now: () => clock }) };
  }

  it('of a new contact take one write', async () => {
    const { claimContact, holderOf, write } = claimsOf();
    expect(await holderOf(5, 'ann')).toEqual({ kind: 'new' });
    expect(await claimContact(5, 'ann')).toEqual({ kind: 'new' });
    expect(write).toHaveBeenCalledTimes(1);
  });

  it('of an email tell who else has or had it', async () => {
    const { claimEmail } = claimsOf(BOB);
    expect(await claimEmail('bob@example.com', 'bob')).toEqual({ kind: 'new' });
    expect(await claimEmail('Bob@example.com', 'bob')).toEqual({ kind: 'again' });
    expect(await claimEmail('Bob@example.com', 'ann')).toMatchObject({
      kind: 'contested',
      other: { userId: 'bob' },
    });
    await claimEmail('former@example.com', 'bob');
    expect(await claimEmail('former@example.com', 'ann')).toMatchObject({
      kind: 'moved',
      other: { userId: 'bob' },
    });
    await claimEmail('gone@example.com', 'deleted');
    expect(await claimEmail('gone@example.com', 'ann')).toEqual({ kind: 'new' });
  });

  it('of an email count while the user who made them lives and has it', async () => {
    const { claimEmail, isEmailTaken } = claimsOf(BOB);
    expect(await isEmailTaken('bob@example.com')).toBe(false);
    await claimEmail('bob@example.com', 'bob');
    expect(await isEmailTaken('Bob@Example.com')).toBe(true);
    await claimEmail('former@example.com', 'bob');
    expect(await isEmailTaken('former@example.com')).toBe(false);
    await claimEmail('gone@example.com', 'deleted');
    expect(await isEmailTaken('gone@example.com')).toBe(false);
  });

  it('of an email stay those of another user for whom the mapping throws', async () => {
    const { claimEmail, isEmailTaken } = claimsWith(failingFor('bob'), BOB);
    await claimEmail('bob@example.com', 'bob');
    expect(await claimEmail('bob@example.com', 'ann')).toMatchObject({
      kind: 'contested',
      other: { userId: 'bob' },
    });
    expect(await isEmailTaken('bob@example.com')).toBe(true);
  });

  it('can be repeated by the same user, who has inherited nothing', async () => {
    const { claimContact } = claimsOf();
    await claimContact(5, 'ann');
    for (let time = 0; time < 2; time++)
      expect(await claimContact(5, 'ann')).toEqual({ kind: 'own', isInherited: false });
  });

  it('from before a create are inherited from an earlier account of the user, however often they are repeated', async () => {
    const { claimContact } = claimsOf();
    await claimContact(5, 'ann');
    const since = clock + 1000;
    clock += 2000;
    for (let time = 0; time < 2; time++)
      expect(await claimContact(5, 'ann', { since })).toEqual({ kind: 'own', isInherited: true });
  });

  it('from the create itself are not inherited', async () => {
    const { claimContact } = claimsOf();
    const since = clock;
    await claimContact(5, 'ann', { since });
    expect(await claimContact(5, 'ann', { since })).toEqual({ kind: 'own', isInherited: false });
  });

  it('of the contact of a deleted user are inherited, however often they are repeated', async () => {
    const { claimContact } = claimsOf();
    await claimContact(5, 'ann');
    expect(await claimContact(5, 'bob')).toEqual({ kind: 'former' });
    expect(await claimContact(5, 'bob')).toEqual({ kind: 'own', isInherited: true });
  });

  it.each([
    ['names it', { contactId: 5 }],
    ['names it as a former contact', { contactId: 6, formerContactIds: [5] }],
    ['is about to name it', { attempt: { at: '2026-06-15T12:00:00Z', email: 'x' } }],
  ])('of a contact are refused while the item of another user %s', async (_, crm) => {
    const { claimContact, holderOf } = claimsOf({ ...BOB, crm });
    await claimContact(5, 'bob');
    expect(await claimContact(5, 'ann')).toMatchObject({ kind: 'other', other: { userId: 'bob' } });
    expect(await holderOf(5, 'bob')).toEqual({ kind: 'own', isInherited: false });
  });

  it('of a contact can be forced, after a merge', async () => {
    const { claimContact, holderOf } = claimsOf(BOB);
    await claimContact(5, 'bob');
    expect(await claimContact(5, 'ann', { force: true })).toMatchObject({ kind: 'other' });
    expect(await holderOf(5, 'ann')).toEqual({ kind: 'own', isInherited: true });
  });

  it('of a contact whose retirement got no answer wait until it can no longer take effect', async () => {
    const { claimContact, retire } = claimsOf();
    await claimContact(5, 'bob');
    const uncertain = () => Promise.reject(new UncertainError('no answer'));
    await expect(retire(5, 'bob', { before: 2_000_000 }, uncertain)).rejects.toThrow(UncertainError);
    clock += UNCERTAIN_WRITE_MS - 1;
    await expect(claimContact(5, 'ann')).rejects.toThrow(RetryableError);
    clock += 2;
    expect(await claimContact(5, 'ann')).toEqual({ kind: 'former' });
  });

  it('of a contact that the CRM refuses to retire are free, however often that is tried', async () => {
    const { claimContact, retire, holderOf } = claimsOf({
      userId: 'ann',
      email: 'ann@example.com',
      crm: { contactId: 5 },
    });
    await claimContact(5, 'bob');
    const refused = () => retire(5, 'bob', { before: 2_000_000 }, () => Promise.reject(new Error('403')));
    for (let time = 0; time < 2; time++) await expect(refused()).rejects.toThrow('403');
    expect(await claimContact(5, 'ann')).toEqual({ kind: 'former' });
    expect(await refused()).toMatchObject({ kind: 'other', other: { userId: 'ann' } });
    expect(await holderOf(5, 'ann')).toEqual({ kind: 'own', isInherited: true });
  });

  it.each([
    ['names another contact', { contactId: 6 }],
    ['names another contact, and has an unanswered create', { contactId: 6, attempt: ATTEMPT }],
    ['names none', {}],
  ])('of a contact are free when the item of the earlier user %s', async (_, crm) => {
    const { claimContact } = claimsOf({ ...BOB, crm });
    await claimContact(5, 'bob');
    expect(await claimContact(5, 'ann')).toEqual({ kind: 'former', claimedBy: 'bob' });
  });

  it('of an item that is not a user are free; other failures to read it are thrown', async () => {
    const { claimContact, claimEmail, read } = claimsOf();
    await claimContact(5, 'bob');
    read.mockRejectedValueOnce(new InvalidUserError('no user'));
    expect(await claimContact(5, 'ann')).toEqual({ kind: 'former' });
    await claimEmail('bob@example.com', 'bob');
    read.mockRejectedValueOnce(new Error('no table'));
    await expect(claimEmail('bob@example.com', 'ann')).rejects.toThrow('no table');
  });

  it('of an email can be made of a user who has no email any more', async () => {
    const { claimEmail } = claimsOf({ userId: 'bob' });
    await claimEmail('bob@example.com', 'bob');
    expect(await claimEmail('bob@example.com', 'ann')).toMatchObject({
      kind: 'moved',
      other: { userId: 'bob' },
    });
    expect(await claimEmail('bob@example.com', 'ann')).toEqual({ kind: 'again' });
  });

  it('that another user makes at the same moment are made again a little later', async () => {
    const { claimEmail, claimContact, write } = claimsOf();
    const lose = (userId: string) =>
      write
        .mockResolvedValueOnce({ stored: false, found: { userId, claimedAt: 1 } })
        .mockResolvedValueOnce({ stored: false, found: { userId: 'eve', claimedAt: 2 } });
    lose('bob');
    await expect(claimEmail('bob@example.com', 'ann')).rejects.toMatchObject({
      afterMs: LEASE_RETRY.claimMs,
    });
    lose('bob');
    await expect(claimContact(5, 'ann')).rejects.toMatchObject({ afterMs: LEASE_RETRY.claimMs });
  });

  it('can be given to another user by the user who has them, and by nobody else', async () => {
    const { claimEmail, claimContact, yieldEmail, giveContact, holderOf } = claimsOf(
      { userId: 'ann', email: 'bob@example.com' },
      { ...BOB, email: 'other@example.com' },
    );
    await claimEmail('bob@example.com', 'bob');
    await claimContact(5, 'bob');
    await yieldEmail('bob@example.com', 'eve', 'dan');
    await giveContact(5, 'eve', 'dan');
    expect(await holderOf(5, 'bob')).toEqual({ kind: 'own', isInherited: false });
    await yieldEmail('bob@example.com', 'bob', 'ann');
    await giveContact(5, 'bob', 'ann');
    expect(await claimEmail('bob@example.com', 'bob')).toMatchObject({
      kind: 'contested',
      other: { userId: 'ann' },
    });
    expect(await holderOf(5, 'ann')).toEqual({ kind: 'own', isInherited: true });
  });

  it('of a contact are refused while it is retired, and inherited afterwards, also by the same user', async () => {
    const { claimContact, retire, holderOf } = claimsOf();
    await claimContact(5, 'bob');
    const during = async () => {
      await expect(claimContact(5, 'ann')).rejects.toMatchObject({ afterMs: LEASE_RETRY.claimMs });
      expect(await holderOf(5, 'bob')).toEqual({ kind: 'former' });
    };
    expect(await retire(5, 'bob', { before: 2_000_000 }, during)).toBeUndefined();
    expect(await retire(5, 'bob', { before: 2_000_000 }, async () => {})).toBeUndefined();
    // The same contact can be that of two users who were deleted.
    expect(await retire(5, 'ann', { before: 2_000_000, others: 'deleted' }, async () => {})).toBeUndefined();
    expect(await claimContact(5, 'bob')).toEqual({ kind: 'former' });
    expect(await claimContact(5, 'bob')).toEqual({ kind: 'own', isInherited: true });
  });

  it('on a contact that was retired for another user keep it as it is', async () => {
    const { claimContact, retire } = claimsOf();
    await claimContact(5, 'bob');
    await retire(5, 'bob', { before: 2_000_000 }, async () => {});
    const retireAgain = vi.fn(async () => {});
    expect(await retire(5, 'ann', { before: 2_000_000 }, retireAgain)).toEqual({ kind: 'former' });
    expect(retireAgain).not.toHaveBeenCalled();
    expect(await retire(5, 'ann', { before: 2_000_000, others: 'deleted' }, retireAgain)).toBeUndefined();
    expect(retireAgain).toHaveBeenCalledTimes(1);
  });

  it('on a contact are refused until the last request of a retirement that was cut off has taken effect', async () => {
    const { claimContact, retire } = claimsOf();
    await claimContact(5, 'bob');
    await new Promise<void>((isRetiring) => {
      // The environment dies.
      void retire(5, 'bob', { before: 2_000_000 }, () => new Promise(() => isRetiring()));
    });
    clock += INVOCATION_MS + UNCERTAIN_WRITE_MS;
    await expect(claimContact(5, 'ann')).rejects.toMatchObject({ afterMs: LEASE_RETRY.claimMs });
    clock += 1;
    expect(await claimContact(5, 'ann')).toEqual({ kind: 'former' });
  });

  it('that were made after a deletion keep the contact, and so do those of another user', async () => {
    const { claimContact, retire } = claimsOf(BOB);
    const retireContact = vi.fn(async () => {});
    await claimContact(5, 'bob');
    expect(await retire(5, 'bob', { before: clock }, retireContact)).toMatchObject({ kind: 'own' });
    expect(await retire(5, 'ann', { before: 2_000_000, others: 'all' }, retireContact)).toMatchObject({
      kind: 'other',
    });
    expect(retireContact).not.toHaveBeenCalled();
  });

  const elsewhere = { ...BOB, crm: { contactId: 6 } };
  it.each<[string, Parameters<typeof memoryUserTable>, 'deleted' | 'all', boolean]>([
    ['who was deleted, too', [], 'deleted', true],
    ['who was deleted, if no claim counts that is not confirmed', [], 'all', true],
    ['whose item names another contact', [elsewhere], 'deleted', false],
    ['whose item names another contact, if no claim counts that is not confirmed', [elsewhere], 'all', true],
  ])('of another user %s, keep the contact or not', async (_, users, others, isRetired) => {
    const { claimContact, retire, holderOf } = claimsOf(...users);
    const retireContact = vi.fn(async () => {});
    const retireFor = (limits: Parameters<typeof retire>[2]) => retire(5, 'ann', limits, retireContact);
    const kept = { kind: 'former', ...(users.length > 0 && { claimedBy: 'bob' }) };
    await claimContact(5, 'bob');
    expect(await retireFor({ before: 2_000_000 })).toEqual(kept);
    const early = retireFor({ before: 2_000_000, others });
    if (isRetired) await expect(early).rejects.toMatchObject({ afterMs: INVOCATION_MS });
    else expect(await early).toEqual(kept);
    clock += INVOCATION_MS;
    expect(retireContact).not.toHaveBeenCalled();
    expect(await retireFor({ before: 2_000_000, others })).toEqual(isRetired ? undefined : kept);
    expect(retireContact).toHaveBeenCalledTimes(isRetired ? 1 : 0);
    expect(await holderOf(5, 'bob')).toMatchObject({ kind: isRetired ? 'former' : 'own' });
  });

  it('of another user can be overruled, unless that user has claimed the contact since', async () => {
    const { claimContact, holderOf, retire } = claimsOf(BOB);
    await claimContact(5, 'bob');
    const limits = { before: 2_000_000, others: 'all' } as const;
    const retireContact = vi.fn(async () => {});
    const evenOf = (await retire(5, 'ann', limits, retireContact)) as OtherHolder;
    clock += INVOCATION_MS;
    await claimContact(5, 'bob');
    expect(await retire(5, 'ann', { ...limits, evenOf }, retireContact)).toMatchObject({ kind: 'other' });
    expect(retireContact).not.toHaveBeenCalled();
    const overruled = { ...limits, evenOf: { ...evenOf, claimedAt: clock } };
    clock += INVOCATION_MS;
    expect(await retire(5, 'ann', overruled, retireContact)).toBeUndefined();
    expect(retireContact).toHaveBeenCalledTimes(1);
    expect(await holderOf(5, 'bob')).toEqual({ kind: 'former' });
  });

  it('of a contact cannot be given to another user while it is retired, also without an answer', async () => {
    const { claimContact, giveContact, holderOf, retire } = claimsOf(BOB);
    await claimContact(5, 'ann');
    const giveIt = () => giveContact(5, 'ann', 'bob');
    const during = async () => {
      await expect(giveIt()).rejects.toMatchObject({ afterMs: LEASE_RETRY.claimMs });
      throw new UncertainError('no answer');
    };
    await expect(retire(5, 'ann', { before: 2_000_000 }, during)).rejects.toThrow('no answer');
    clock += UNCERTAIN_WRITE_MS - 1;
    await expect(giveIt()).rejects.toThrow(RetryableError);
    clock += 2;
    await giveIt();
    expect(await holderOf(5, 'bob')).toEqual({ kind: 'own', isInherited: true });
  });

  it('of the same user that were made after a deletion keep the contact in any case', async () => {
    const { claimContact, retire } = claimsOf();
    await claimContact(5, 'bob');
    const holder = await retire(5, 'bob', { before: clock, others: 'all' }, async () => {});
    expect(holder).toMatchObject({ kind: 'own' });
  });

  it('of a contact whose retirement failed for certain wait only until its invocation ends', async () => {
    const { claimContact, retire } = claimsOf();
    await claimContact(5, 'bob');
    await expect(
      retire(5, 'bob', { before: 2_000_000 }, () => Promise.reject(new Error('refused'))),
    ).rejects.toThrow('refused');
    clock += INVOCATION_MS + 1;
    expect(await claimContact(5, 'ann')).toEqual({ kind: 'former' });
  });

  it('of many contacts are confirmed together', async () => {
    const { claimContact, confirm } = claimsOf();
    await claimContact(5, 'ann');
    await claimContact(6, 'bob');
    const asked = [
      { contactId: 5, userId: 'ann' },
      { contactId: 6, userId: 'eve' },
      { contactId: 7, userId: 'dan' },
    ];
    expect(await confirm(asked)).toEqual(new Set(['ann']));
  });

  it('of a contact that the items of two users name are confirmed for one of them', async () => {
    const { claimContact, confirm } = claimsOf();
    await claimContact(5, 'ann');
    const asked = ['ann', 'bob'].map((userId) => ({ contactId: 5, userId }));
    expect(await confirm(asked)).toEqual(new Set(['ann']));
  });
});

describe('two users with one email', () => {
  const BOB = { userId: 'bob', email: 'bob@example.com', firstName: 'Bob' };
  startCrmForEachTest();

  const LIMIT_MS = 15 * 60_000;

  it('do not share a contact: the second waits a quarter of an hour, and is then rejected and names the first', async () => {
    let clock = NOW;
    const users = memoryUserTable(ANN, { ...BOB, email: 'ANN@example.com' });
    const { receive, rejected, retries, requeued } = consumerOf(crm, users, { now: () => clock });
    await receive(changeOf('ann'));
    const cost = await crm.requestsOf(async () => {
      await receive(changeOf('bob'));
      clock += LIMIT_MS - 1;
      await receive(changeOf('bob'));
      expect(rejected).toEqual([]);
      clock += 1;
      await receive(changeOf('bob'));
    });
    expect(cost).toEqual({});
    expect(retries.map(({ error }) => error.afterMs)).toEqual([15_000, 300_000]);
    expect(requeued).toMatchObject([{ userId: 'ann', cause: 'changed' }]);
    expect(rejected).toMatchObject([{ error: { reason: 'contact-of-another-user', otherUserId: 'ann' } }]);
    expect(users.user('bob').crm?.rejection).toMatchObject({ otherUserId: 'ann' });
    expect(await contactWithEmail('ann@example.com')).toMatchObject({ values: { given_name: 'Ann' } });
  });

  it('wait again after a change of either', async () => {
    let clock = NOW;
    const users = memoryUserTable(ANN, { ...BOB, email: ANN.email });
    const { receive, rejected } = consumerOf(crm, users, { now: () => clock });
    await receive(changeOf('ann'));
    await receive(changeOf('bob'));
    clock += LIMIT_MS - 1;
    users.edit('ann', { firstName: 'Anna' });
    await receive(changeOf('ann'));
    clock += 1;
    await receive(changeOf('bob'));
    clock += LIMIT_MS - 1;
    users.edit('bob', { firstName: 'Robert' });
    await receive(changeOf('bob'));
    clock += LIMIT_MS - 1;
    await receive(changeOf('bob'));
    expect(rejected).toEqual([]);
    clock += 1;
    await receive(changeOf('bob'));
    expect(rejected).toHaveLength(1);
  });

  it('in different fields: when an upsert finds the contact of the first for the second, the first gets all its values back, and the second a contact of its own', async () => {
    let clock = NOW;
    const phone = '+12125550123';
    const users = memoryUserTable(ANN, {
      ...ANN,
      userId: 'bob',
      email: 'bob@example.com',
      firstName: 'Bob',
      phone,
    });
    await consumerOf(crm, users).receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    // Bob's email was typed by hand into EMAIL2 of Ann's contact, where an upsert of the CRM finds it.
    const client = {
      ...crm.client,
      upsertContact: (body: ContactBody) => crm.client.updateContact(contactId, body),
    };
    const second = consumerOf(crm, users, { client, now: () => clock });
    await second.receive(changeOf('bob'));
    expect(second.requeued).toMatchObject([{ userId: 'ann', cause: 'resync' }]);
    await consumerOf(crm, users).receive(...second.requeued.map((message) => record(message)));
    expect(await crm.contacts()).toMatchObject([
      { values: { given_name: ANN.firstName }, customFields: { 'App User Id': 'ann' } },
    ]);
    expect((await crm.contacts())[0]?.values).not.toHaveProperty(['phone_numbers.PHONE1']);
    clock += 1000;
    await crm.client.updateContact(contactId, {
      email_addresses: [
        { field: 'EMAIL1', email: ANN.email },
        { field: 'EMAIL2', email: 'bob@example.com' },
      ],
    });
    await crm.admin.set('search', { mode: 'exact', delayMs: 0 });
    await second.receive(changeOf('bob'));
    expect(second.rejected).toEqual([]);
    const own = (await crm.contacts()).find(({ id }) => id === users.user('bob').crm?.contactId);
    expect(own).toMatchObject({ values: { given_name: 'Bob' }, customFields: { 'App User Id': 'bob' } });
    expect(await crm.contacts()).toHaveLength(2);
  });

  it('get one contact when two environments sync them at the same moment', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ann@example.com' });
    const [one, two] = [consumerOf(crm, users), consumerOf(crm, users)];
    await crm.catalog.current();
    await Promise.all([one.receive(changeOf('ann')), two.receive(changeOf('bob'))]);
    expect([...one.retries, ...two.retries]).toHaveLength(1);
    expect((await crm.admin.stats()).duplicateContacts).toBe(0);
  });

  it('no longer conflict once the first has another email', async () => {
    const users = memoryUserTable(ANN, { ...BOB, email: 'ann@example.com' });
    const { receive, outcomes } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    await receive(changeOf('bob'));
    users.edit('ann', { email: 'ann@new.example' });
    await receive(changeOf('ann'));
    await receive(changeOf('bob'));
    expect(outcomes).toEqual(['synced', 'postponed', 'synced', 'synced']);
    expect(users.user('bob').crm).not.toHaveProperty('conflict');
    expect(users.user('bob').crm?.contactId).not.toBe(users.user('ann').crm?.contactId);
  });
});
