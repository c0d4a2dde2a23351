import ky from 'ky';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userSync } from '../../../lambdas/sync-contact/user-sync.ts';
import type { AffectedUser } from '../../../shared/contacts/conflict.ts';
import { emailHash } from '../../../shared/contacts/resolve.ts';
import { changesBetween, type SyncUserOptions } from '../../../shared/contacts/sync-user.ts';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import {
  ContactFaultError,
  NotFoundError,
  UncertainError,
} from '../../../shared/infusionsoft/http/failures.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { hashAddress } from '../../../shared/sync/consent.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { readUser } from '../../../shared/user/read-user.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { invocationOf, memoryClaimStore, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

describe('a new user', () => {
  startCrmForEachTest();

  it('becomes a contact with tags, in two requests, and its id is stored', async () => {
    const users = memoryUserTable(ANN);
    const { receive, outcomes, changes } = consumerOf(crm, users);
    const cost = await crm.requestsOf(() => receive(changeOf('ann')));
    expect(cost).toEqual({ 'PUT /contacts': 1, 'POST /contacts/{id}/tags': 1 });
    expect({ outcomes, changes }).toEqual({ outcomes: ['synced'], changes: ['created', 'tagged'] });
    const [contact] = await crm.contacts();
    expect(contact).toMatchObject({
      values: { 'email_addresses.EMAIL1': 'ann@example.com', given_name: 'Ann' },
      customFields: { 'App User Id': 'ann', 'Program Week': '3' },
      tags: ANN_TAGS,
    });
    expect(users.user('ann').crm).toMatchObject({
      contactId: contact?.id,
      syncedAt: new Date(NOW).toISOString(),
    });
    expect(users.user('ann').crm?.tagIds).toHaveLength(4);
  });

  it('with a newsletter contact keeps it, with everything that was added by hand', async () => {
    await crm.preload({
      values: {
        'email_addresses.EMAIL1': 'ANN@example.com',
        given_name: 'A.',
        'phone_numbers.PHONE2': '+12125550100',
      },
      customFields: { 'Shoe Size': '41' },
      tags: ['VIP', 'Week 1'],
    });
    await crm.admin.declareOwnership();
    const users = memoryUserTable(ANN);
    const cost = await crm.requestsOf(() => consumerOf(crm, users).receive(changeOf('ann')));
    expect(await crm.contacts()).toMatchObject([
      {
        values: { given_name: 'Ann', 'phone_numbers.PHONE2': '+12125550100' },
        customFields: { 'Shoe Size': '41' },
        tags: [...ANN_TAGS, 'VIP'].sort(),
      },
    ]);
    expect(cost).toEqual({
      'PUT /contacts': 1,
      'DELETE /contacts/{id}/tags': 1,
      'POST /contacts/{id}/tags': 1,
    });
    expect((await crm.admin.stats()).foreignWrites).toEqual([]);
  });
});

describe('a user with a contact', () => {
  startCrmForEachTest();

  async function syncedUser(item: Record<string, unknown> = ANN) {
    let clock = NOW;
    const users = memoryUserTable({ ...item, userId: 'ann' });
    const consuming = consumerOf(crm, users, { now: () => clock });
    await consuming.receive(changeOf('ann'));
    /** Syncs the user, whose contact the CRM does not know, twice: at once, and when the contact counts as gone. */
    const receiveTwice = async () => {
      expect(await consuming.receive(changeOf('ann'))).toHaveLength(1);
      clock += GONE_AFTER_MS;
      return consuming.receive(changeOf('ann'));
    };
    return { users, ...consuming, receiveTwice };
  }

  it('who is in sync costs no request', async () => {
    const { receive, outcomes } = await syncedUser();
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({});
    expect(outcomes).toEqual(['synced', 'unchanged']);
  });

  it('costs one request for any number of changed fields', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { firstName: 'Anna', phone: '+12125550123' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({
      'PATCH /contacts/{id}': 1,
    });
    expect(await crm.contacts()).toMatchObject([
      { values: { given_name: 'Anna', 'phone_numbers.PHONE1': '+12125550123' } },
    ]);
  });

  it('whose email changes costs two more requests: to find another contact with it, and to read the user id', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { email: 'anna@example.com' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({
      'GET /contacts': 1,
      'PATCH /contacts/{id}': 1,
      'GET /contacts/{id}': 1,
    });
    expect(await crm.contacts()).toMatchObject([
      { values: { 'email_addresses.EMAIL1': 'anna@example.com' } },
    ]);
  });

  it('whose values are removed loses them in the CRM too', async () => {
    const { users, receive } = await syncedUser({ ...ANN, phone: '+12125550123', lastName: 'Lee' });
    users.edit('ann', { phone: undefined, lastName: '', progress: undefined });
    await receive(changeOf('ann'));
    const [contact] = await crm.contacts();
    expect(Object.keys(contact?.values ?? {}).sort()).toEqual(['email_addresses.EMAIL1', 'given_name']);
    expect(contact?.customFields).toEqual({ 'App User Id': 'ann', 'Subscription Status': 'trial' });
  });

  it('changes tags with one request to remove and one to add', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { subscription: { status: 'active' }, lastActiveAt: '2026-05-01' });
    expect(await crm.requestsOf(() => receive(changeOf('ann')))).toEqual({
      'PATCH /contacts/{id}': 1,
      'DELETE /contacts/{id}/tags': 1,
      'POST /contacts/{id}/tags': 1,
    });
    expect((await crm.contacts())[0]?.tags).toEqual([
      'App User',
      'Inactive 30 days',
      'Subscription: Active',
      'Week 3',
    ]);
  });

  it('with ten messages in a batch is synced once', async () => {
    const { users, receive } = await syncedUser();
    users.edit('ann', { firstName: 'Anna' });
    const ten = Array.from({ length: 10 }, () => record(userMessage('ann')));
    expect(await crm.requestsOf(() => receive(...ten))).toEqual({ 'PATCH /contacts/{id}': 1 });
  });

  it('whose crm map was removed keeps the contact, and all its values are written again', async () => {
    const { users, receive } = await syncedUser();
    const before = users.user('ann').crm;
    users.edit('ann', { crm: undefined });
    const resync = record(userMessage('ann', { cause: 'resync', contactId: before?.contactId }));
    expect(await crm.requestsOf(() => receive(resync))).toEqual({
      'GET /contacts': 1,
      'PATCH /contacts/{id}': 1,
    });
    expect(users.user('ann').crm).toEqual({ ...before, attemptId: expect.any(String) });
  });

  it('whose contact was deleted in the CRM gets a new one with all tags', async () => {
    const { users, receiveTwice } = await syncedUser();
    const gone = users.user('ann').crm?.contactId;
    await crm.fetch(`${crm.url}/_simulator/contacts/${gone}`, { method: 'DELETE' });
    users.edit('ann', { firstName: 'Anna' });
    expect(await receiveTwice()).toEqual([]);
    expect(await crm.contacts()).toMatchObject([{ values: { given_name: 'Anna' }, tags: ANN_TAGS }]);
    expect(users.user('ann').crm?.contactId).not.toBe(gone);
  });

  it('whose contact was deleted in the CRM gets a new one also when only a tag changes', async () => {
    const { users, receiveTwice } = await syncedUser();
    await crm.fetch(`${crm.url}/_simulator/contacts/${users.user('ann').crm?.contactId}`, {
      method: 'DELETE',
    });
    users.edit('ann', { lastActiveAt: '2026-05-01' });
    expect(await receiveTwice()).toEqual([]);
    expect((await crm.contacts())[0]?.tags).toContain('Inactive 30 days');
  });

  it('whose next tag was deleted in the CRM has the tag created again', async () => {
    const { users, receive } = await syncedUser();
    await crm.fetch(`${crm.url}/_simulator/tags/Week%204`, { method: 'DELETE' });
    users.edit('ann', { progress: { ...ANN.progress, week: 4 } });
    expect(await receive(changeOf('ann'))).toEqual([]);
    expect((await crm.contacts())[0]?.tags).toContain('Week 4');
  });
});

describe('an email that changes', () => {
  startCrmForEachTest();

  it('to that of another contact moves the user there, without a duplicate', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(changeOf('ann'));
    const old = users.user('ann').crm?.contactId;
    const [newsletter] = await crm.preload({
      values: { 'email_addresses.EMAIL1': 'ann@work.example', 'phone_numbers.PHONE2': '+12125550100' },
      tags: ['VIP'],
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    users.edit('ann', { email: 'ann@work.example' });
    await receive(changeOf('ann'));
    expect(users.user('ann').crm?.contactId).toBe(newsletter?.id);
    expect(await contactWithEmail('ann@work.example')).toMatchObject({
      values: { given_name: 'Ann', 'phone_numbers.PHONE2': '+12125550100' },
      tags: [...ANN_TAGS, 'VIP'].sort(),
    });
    expect((await crm.contacts()).find(({ id }) => id === old)?.tags).toEqual([]);
    expect((await crm.admin.stats()).duplicateContacts).toBe(0);
  });
});

describe('a contact that was merged away', () => {
  startCrmForEachTest();

  /** Merges Ann's contact into one that belongs to no user, changes Ann, and syncs until the contact counts as gone. */
  async function mergeAway(changes: Partial<User>, values: 'into' | 'from') {
    const users = memoryUserTable(ANN);
    let clock = NOW;
    const { receive } = consumerOf(crm, users, { now: () => clock });
    await receive(changeOf('ann'));
    const [survivor] = await crm.preload({ values: { 'email_addresses.EMAIL1': 'ann@old.example' } });
    const from = users.user('ann').crm?.contactId;
    await ky.post(`${crm.url}/_simulator/merge`, {
      json: { from, into: survivor?.id, values },
      fetch: crm.fetch,
    });
    users.edit('ann', changes);
    await receive(changeOf('ann'));
    clock += GONE_AFTER_MS;
    await receive(changeOf('ann'));
    return { users, survivor };
  }

  it('is replaced by the contact that it was merged into, which gets the tags', async () => {
    const { users, survivor } = await mergeAway({ firstName: 'Anna' }, 'into');
    expect(users.user('ann').crm?.contactId).toBe(survivor?.id);
    expect((await crm.contacts()).map(({ tags }) => tags)).toEqual([ANN_TAGS]);
  });

  it.each([
    ['is found by the email that it had, if it shows the user', 'from', true],
    ['is not found by the email that it had, if it does not show the user', 'into', false],
  ] as const)('%s', async (_, values, isFound) => {
    await crm.admin.set('search', { mode: 'exact', delayMs: 0 });
    const { users, survivor } = await mergeAway({ email: 'ann@new.example' }, values);
    expect(users.user('ann').crm?.contactId === survivor?.id).toBe(isFound);
    expect(users.user('ann').crm?.emails).toEqual(['ann@new.example']);
    expect((await contactWithEmail('ann@new.example'))?.tags).toEqual(ANN_TAGS);
  });
});

describe('the changes of a sync', () => {
  const before: CrmState = { contactId: 1, tagIds: [7, 8], fingerprint: { given_name: 'x' }, revision: 3 };

  it.each<[string, CrmState, CrmState, string[]]>([
    ['a new contact with tags', {}, before, ['created', 'tagged']],
    ['a new contact without tags', {}, { contactId: 1, fingerprint: {}, tagIds: [] }, ['created']],
    ['another contact', before, { ...before, contactId: 2 }, ['created']],
    ['a field', before, { ...before, fingerprint: { given_name: 'y' } }, ['updated']],
    ['a tag', before, { ...before, tagIds: [7, 9] }, ['tagged']],
    ['the order of the tags', before, { ...before, tagIds: [8, 7], revision: 4 }, []],
    ['nothing', before, before, []],
    ['a contact that another user has', before, { fingerprint: { given_name: '?' } }, []],
  ])('%s', (_, from, to, expected) => {
    expect(changesBetween(from, to)).toEqual(expected);
  });
});

describe('the result of a sync', () => {
  let memory: Awaited<ReturnType<typeof startCrm>>;
  beforeEach(async () => {
    memory = await startCrm({}, mapping);
  });
  afterEach(() => memory.stop());

  const USER = readUser(ANN).user;
  const BOB: User = { userId: 'bob', email: 'bob@example.com' };
  const at = (ms: number) => new Date(NOW + ms).toISOString();
  const contactOf = async (email: string) =>
    (await memory.preload({ values: { 'email_addresses.EMAIL1': email } }))[0]?.id ?? 0;

  type SyncOptions = Partial<SyncUserOptions>;
  interface World {
    state?: CrmState;
    user?: Partial<User>;
    others?: User[];
    claimed?: [contactId: number, userId: string][];
    client?: Partial<InfusionsoftClient>;
    options?: SyncOptions;
    emailClaimedBy?: string;
    now?: number;
  }
  async function sync({
    state = {},
    user = {},
    others = [],
    claimed = [],
    client = {},
    options = {},
    emailClaimedBy,
    now = NOW,
  }: World = {}) {
    const ann = { ...USER, ...user, crm: state };
    const notified: AffectedUser[] = [];
    const { table } = memoryUserTable({ ...ann }, ...others.map((other) => ({ ...other })));
    const synced = userSync({
      client: { ...memory.client, ...client },
      users: table,
      claimStore: memoryClaimStore(),
      table: memory.table,
      catalog: memory.catalog,
      mapping,
      deletionPolicy: 'mark',
      areClaimsComplete: () => true,
      lastWriteAt: async () => NOW,
      notify: async (users) => void notified.push(...users),
      countRefusals: async () => {},
      invocation: () => invocationOf('a', 1, now),
      now: () => now,
    });
    for (const [contactId, userId] of claimed) await synced.claims.claimContact(contactId, userId);
    if (emailClaimedBy) await synced.claims.claimEmail(ANN.email, emailClaimedBy);
    const save = async (crm: CrmState) => ({ ...crm, revision: 1 });
    const work = { save, tagsLater: false, changedAt: NOW, ...options };
    return { ...(await synced.syncUser(ann, work)), notified, claims: synced.claims };
  }
  const NOT_FOUND = new NotFoundError('gone');
  const failing = (error: Error) => async () => Promise.reject(error);
  const REFUSED = new RejectedError('refused-by-crm', 'no');
  const EARLIER = { at: at(-1), email: emailHash(ANN.email) };

  it('of a user who is in sync is unchanged, also without a failure', async () => {
    const { crm: state } = await sync();
    expect(state.syncedAt).toBe(at(0));
    const again = await sync({ state, now: NOW + 1 });
    expect(again).toMatchObject({ unchanged: true, changes: [], crm: { syncedAt: at(0) } });
    expect(again).not.toHaveProperty('failure');
  });

  it('of a sync that succeeds has no trace of failures before', async () => {
    const state: CrmState = {
      rejection: { reason: 'no-usable-email', errorId: 'e', at: at(-1) },
      conflict: { otherUserId: 'bob', states: 'x', since: at(-1) },
      missingSince: { 5: at(-1) },
      serverErrors: { count: 1, at: at(-1) },
    };
    const { crm: after } = await sync({ state });
    for (const key of Object.keys(state)) expect(after).not.toHaveProperty(key);
  });

  it('of a failure has what was done before it, and no time of a sync', async () => {
    const down = new RetryableError('down');
    const { crm: after, failure, unchanged, changes } = await sync({ client: { applyTags: failing(down) } });
    expect({ failure, unchanged, changes }).toEqual({
      failure: down,
      unchanged: false,
      changes: ['created'],
    });
    expect(after).toMatchObject({ contactId: expect.any(Number) });
    expect(after).not.toHaveProperty('syncedAt');
    expect(after).not.toHaveProperty('rejection');
  });

  it('of a rejection has the reason', async () => {
    const { crm: after, failure } = await sync({ user: { email: 'nobody' } });
    expect(failure).toBeInstanceOf(RejectedError);
    expect(after.rejection).toEqual({
      reason: 'no-usable-email',
      errorId: (failure as RejectedError).errorId,
      at: at(0),
      otherUserId: undefined,
    });
    const detailed = new RejectedError('fails-in-crm', 'fails', { detail: 'inactive' });
    const { crm: other } = await sync({ client: { upsertContact: failing(detailed) } });
    expect(other.rejection).toMatchObject({ reason: 'fails-in-crm', detail: 'inactive' });
  });

  it('of failures of the CRM for one contact counts them', async () => {
    const fault = new ContactFaultError('failed', 'Ann is wrong', 1);
    const { crm: after, failure } = await sync({ client: { upsertContact: failing(fault) } });
    expect(after.serverErrors).toEqual({ count: 1, at: at(0) });
    expect(failure).toBeInstanceOf(ContactFaultError);
    expect((failure as Error).message).not.toContain('Ann');
  });

  it('has each warning once, although two attempts report it', async () => {
    await memory.admin.set('strictness', { unnamedRefusals: true });
    const { crm: state } = await sync({ user: { timeZone: 'Asia/Tokyo' } });
    const user = { timeZone: 'Pacific/Auckland', firstName: 'Anna', progress: undefined } as Partial<User>;
    const { desired, failure, crm: after } = await sync({ state, user });
    expect(after.fingerprint).not.toHaveProperty('time_zone');
    expect(failure).toBeUndefined();
    expect(desired.warnings.map(({ field }) => field)).toContain('time_zone');
    const keys = desired.warnings.map(({ field, problem }) => `${field} ${problem}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('of a contact that vanishes at once, or of a new one, is a failure that may pass', async () => {
    const { failure, crm: after } = await sync({ client: { upsertContact: failing(NOT_FOUND) } });
    expect(failure).toBeInstanceOf(RetryableError);
    expect(failure).toMatchObject({ cause: NOT_FOUND });
    expect(after).not.toHaveProperty('missingSince');
    const state = { contactId: 5, missingSince: { 5: at(-GONE_AFTER_MS) } };
    const twice = await sync({
      state,
      client: { upsertContact: failing(NOT_FOUND), updateContact: failing(NOT_FOUND) },
    });
    expect(twice.failure).toMatchObject({ name: 'RetryableError', cause: NOT_FOUND });
    expect(twice.crm.missingSince).toEqual({ 5: at(-GONE_AFTER_MS) });
  });

  it.each<[string, Error, object]>([
    ['it does not know either', NOT_FOUND, { 6: at(0) }],
    ['whose write it refuses', new RejectedError('refused-by-crm', 'no'), {}],
  ])(
    'of a contact that is gone, and a former one that the CRM %s, has what is missed',
    async (_, error, more) => {
      const missingSince = { 5: at(-GONE_AFTER_MS) };
      const state = { contactId: 5, formerContactIds: [6], missingSince };
      const { crm: after } = await sync({
        state,
        claimed: [[6, 'ann']],
        client: {
          updateContact: async (contactId) => Promise.reject(contactId === 5 ? NOT_FOUND : error),
        },
      });
      expect(after).toMatchObject({ contactId: 6, missingSince: { ...missingSince, ...more } });
      expect(Object.keys(after.missingSince ?? {})).toHaveLength(1 + Object.keys(more).length);
    },
  );

  it.each<[string, Error, CrmState, object]>([
    ['is not looked for later', REFUSED, {}, {}],
    ['keeps an earlier attempt', REFUSED, { attempt: EARLIER }, { attempt: { at: EARLIER.at } }],
    ['without an answer is looked for later', new UncertainError('?'), {}, { attempt: { at: at(0) } }],
  ])('of a create that the CRM refuses %s', async (_, error, state, expected) => {
    const { crm: after } = await sync({ state, client: { upsertContact: failing(error) } });
    expect({ attempt: after.attempt }).toMatchObject({ attempt: undefined, ...expected });
  });

  it('of a second contact that the CRM refuses does not count as the one that a user gets', async () => {
    const values = { 'email_addresses.EMAIL1': 'bob@example.com', 'email_addresses.EMAIL2': ANN.email };
    const [{ id = 0 } = {}] = await memory.preload({ values });
    const { crm: after } = await sync({
      state: { rejection: { reason: 'refused-by-crm', errorId: 'x', at: at(0) } },
      others: [{ ...BOB, crm: { contactId: id } }],
      claimed: [[id, 'bob']],
      client: { createContact: failing(REFUSED) },
    });
    expect(after).toMatchObject({ rejection: { reason: 'refused-by-crm' } });
    expect(after).not.toHaveProperty('separated');
  });

  it('of a contact that the CRM does not know has since when', async () => {
    const { failure, crm: after } = await sync({
      state: { contactId: 5 },
      client: { updateContact: failing(NOT_FOUND) },
    });
    expect(failure).toMatchObject({ name: 'RetryableError', afterMs: GONE_AFTER_MS });
    expect(after.missingSince).toEqual({ 5: at(0) });
  });

  it.each<[string, number, boolean]>([
    ['keeps the stored contact', 6, true],
    ['has no contact if the other has that, too', 5, false],
  ])('of a conflict about the email %s', async (_, ofBob, isKept) => {
    const bob: User = { ...BOB, email: ANN.email, crm: { contactId: ofBob } };
    const world: World = {
      state: { contactId: 5, untrusted: true },
      others: [bob],
      claimed: [[ofBob, 'bob']],
    };
    const { crm: after, failure } = await sync({ ...world, emailClaimedBy: 'bob' });
    expect(failure).toBeInstanceOf(RetryableError);
    expect(after.contactId).toBe(isKept ? 5 : undefined);
    expect(after.conflict).toMatchObject({ otherUserId: 'bob', since: at(0) });
  });

  it('of a conflict has the other user synced once, and waits again after a change', async () => {
    const world: World = { others: [{ ...BOB, email: ANN.email }], emailClaimedBy: 'bob' };
    const first = await sync(world);
    expect(first.notified).toEqual([{ userId: 'bob', cause: 'changed' }]);
    const again = await sync({ ...world, state: first.crm, now: NOW + 9 });
    expect(again.notified).toEqual([]);
    expect(again.crm.conflict?.since).toBe(at(0));
    const changed = await sync({ ...world, state: first.crm, now: NOW + 9, user: { firstName: 'Anna' } });
    expect(changed.crm.conflict?.since).toBe(at(9));
  });

  it('of a conflict about a contact has the other user written again', async () => {
    const id = await contactOf(ANN.email);
    const others = [{ ...BOB, crm: { contactId: id } }];
    const state: CrmState = { formerContactIds: [id + 100] };
    const outdated = await sync({ state, others, claimed: [[id, 'bob']] });
    expect(outdated.notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
    const written = await sync({ others, claimed: [[id, 'bob']] });
    expect(written.notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
    expect(written.crm).not.toHaveProperty('attempt');
    const conflict = written.crm.conflict;
    const again = await sync({
      others,
      claimed: [[id, 'bob']],
      state: { attempt: { at: at(0), email: emailHash(ANN.email) }, ...(conflict && { conflict }) },
    });
    expect(again.notified).toEqual([{ userId: 'bob', cause: 'resync' }]);
  });

  it('has a warning for a value that the CRM refuses', async () => {
    const { desired } = await sync({ user: { timeZone: 'Pacific/Auckland' } });
    expect(desired.warnings).toMatchObject([{ field: 'time_zone', reason: 'refused-value' }]);
  });

  describe('of a user whom the CRM cannot have', () => {
    const noEmail = { email: undefined } as unknown as Partial<User>;

    it('keeps the contact, unless another user has it by now', async () => {
      const state = { contactId: 5 };
      expect((await sync({ state, user: noEmail, claimed: [[5, 'ann']] })).crm).toMatchObject({
        contactId: 5,
      });
      const others = [{ ...BOB, crm: { contactId: 5 } }];
      const lost = await sync({ state, user: noEmail, others, claimed: [[5, 'bob']] });
      expect(lost.crm).not.toHaveProperty('contactId');
      expect(lost.failure).toBeUndefined();
      expect((await sync({ user: noEmail })).unchanged).toBe(true);
    });

    it('claims a contact without a claim, which only a message may have named', async () => {
      const { claims } = await sync({ state: { contactId: 5 }, user: noEmail });
      expect(await claims.holderOf(5, 'ann')).toMatchObject({ kind: 'own' });
    });

    it('leaves former contacts, as long as it has another', async () => {
      const [first, second, own] = [
        await contactOf('a@example.com'),
        await contactOf('b@example.com'),
        await contactOf('c@example.com'),
      ];
      const claimed: [number, string][] = [
        [first, 'ann'],
        [second, 'ann'],
        [own, 'ann'],
      ];
      const state: CrmState = {
        contactId: own,
        formerContactIds: [first, second],
        emails: ['a@example.com', 'c@example.com'],
      };
      const { crm: after } = await sync({ state, user: noEmail, claimed });
      expect(after).not.toHaveProperty('formerContactIds');
      expect(after.emails).toEqual(['c@example.com']);
      const removeTags: InfusionsoftClient['removeTags'] = async (contactId, ids) => {
        if (contactId === second) throw NOT_FOUND;
        return memory.client.removeTags(contactId, ids);
      };
      const half = await sync({ state, user: noEmail, claimed, client: { removeTags } });
      expect(half.crm).toMatchObject({
        formerContactIds: [second],
        missingSince: { [second]: at(0) },
        emails: state.emails,
      });
      const without = { formerContactIds: [first] };
      expect((await sync({ state: without, user: noEmail, claimed })).crm).toMatchObject(without);
    });
  });

  describe('of a consent that only the messages know of', () => {
    const [isWithdrawn, isOptedIn] = [{ isWithdrawn: true }, { isOptedIn: true }];
    const both = { ...isWithdrawn, ...isOptedIn };
    const saying = (marketingOptIn?: boolean, more: object = {}) =>
      ({ marketingOptIn, ...more }) as Partial<User>;
    const OLD = 'old@example.com';
    const FROM_BOTH: [string, boolean][] = [
      [OLD, false],
      [ANN.email, false],
    ];

    it.each<[string, SyncOptions, Partial<User>, [email: string, optedIn: boolean][]]>([
      ['a withdrawal is done', isWithdrawn, saying(false), [[ANN.email, false]]],
      ['nothing is done without one', {}, saying(false), []],
      ['a withdrawal is no longer one if the app says nothing', isWithdrawn, saying(), []],
      ['a withdrawal without an email is nothing', isWithdrawn, saying(false, { email: undefined }), []],
      ['an opt-in is withdrawn', isOptedIn, saying(false), [[ANN.email, false]]],
      ['an opt-in is made again', isOptedIn, saying(true), [[ANN.email, true]]],
      ['an opt-in and a withdrawal are withdrawn', both, saying(), [[ANN.email, false]]],
      [
        'an opt-in and a withdrawal are a consent, if the app says so',
        both,
        saying(true),
        [[ANN.email, true]],
      ],
    ])('%s', async (_, options, user, expected) => {
      const { failure, calls } = await syncConsent({ options, user });
      expect(calls).toEqual(expected);
      expect(failure).toBeUndefined();
    });

    it.each<[string, SyncOptions, Partial<User>, [email: string, optedIn: boolean][]]>([
      ['is withdrawn', isOptedIn, saying(false), FROM_BOTH],
      ['is withdrawn after a withdrawal, too', both, saying(false), FROM_BOTH],
      ['becomes one of the new email', isOptedIn, saying(true), [[ANN.email, true]]],
    ])('an opt-in of the email that the contact shows %s', async (_, options, user, expected) => {
      const contactId = await contactOf(OLD);
      const { calls } = await syncConsent({
        options,
        user,
        state: { contactId },
        claimed: [[contactId, 'ann']],
      });
      expect(calls).toEqual(expected);
    });

    it('an opt-in is to be withdrawn from the own email, if the CRM does not know the contact', async () => {
      const { crm: after } = await syncConsent({
        options: isOptedIn,
        user: saying(false),
        state: { contactId: 999_999 },
      });
      expect(after.consent).toEqual({ step: 'due', address: hashAddress(ANN.email) });
    });

    it('a contact is not read for it without an opt-in', async () => {
      const contactId = await contactOf(OLD);
      const readContact = failing(new Error('read'));
      const world: World = { options: isWithdrawn, user: saying(false), state: { contactId } };
      const { calls } = await syncConsent({
        ...world,
        claimed: [[contactId, 'ann']],
        client: { readContact },
      });
      expect(calls[0]).toEqual([ANN.email, false]);
    });

    async function syncConsent(world: World) {
      const calls: [email: string, optedIn: boolean][] = [];
      const setOptIn: InfusionsoftClient['setOptIn'] = async (email, optedIn) => {
        calls.push([email, optedIn]);
        return optedIn;
      };
      return { ...(await sync({ ...world, client: { setOptIn, ...world.client } })), calls };
    }
  });
});
