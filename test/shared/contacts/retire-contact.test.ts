import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Claims, claims } from '../../../shared/contacts/claims.ts';
import type { AffectedUser } from '../../../shared/contacts/conflict.ts';
import { prove } from '../../../shared/contacts/erase-contact.ts';
import {
  type DeletionPolicy,
  leaveContact,
  type Retirement,
  retireContact,
} from '../../../shared/contacts/retire-contact.ts';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { ForbiddenError, NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { GONE_AFTER_MS, INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import type { ErasureRecord } from '../../../shared/store/erasure-records.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { CATALOG, failingFor, NOON } from '../../support/backfill-users.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { invocationOf, memoryClaimStore, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

describe('a deleted user', () => {
  let crm: Awaited<ReturnType<typeof startCrm>>;
  beforeEach(async () => {
    crm = await startCrm();
  });
  afterEach(() => crm.stop());

  async function deleteAnn(deletionPolicy: DeletionPolicy) {
    await crm.preload({ values: { 'email_addresses.EMAIL1': 'ann@example.com' }, tags: ['VIP'] });
    const users = memoryUserTable(ANN);
    const { receive, outcomes } = consumerOf(crm, users, { deletionPolicy });
    await receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    const cost = await crm.requestsOf(() =>
      receive(record(userMessage('ann', { cause: 'deleted', contactId }))),
    );
    expect(outcomes.at(-1)).toBe('retired');
    return { cost, tags: (await crm.contacts()).map(({ tags }) => tags) };
  }

  it.each([
    ['mark', [['Account Deleted', 'VIP']], 2],
    ['untag', [['VIP']], 1],
    ['leave', [[...ANN_TAGS, 'VIP'].sort()], 0],
    // It reads the contact first: after a merge, the contact may be another user's.
    ['delete', [], 2],
  ] as const)('has the contact retired by the policy %s', async (policy, tags, requests) => {
    const result = await deleteAnn(policy);
    expect(result.tags).toEqual(tags);
    expect(Object.values(result.cost).reduce((sum, count) => sum + count, 0)).toBe(requests);
  });

  it('who never had a contact costs no request', async () => {
    const { receive, outcomes } = consumerOf(crm, memoryUserTable());
    expect(await crm.requestsOf(() => receive(record(userMessage('ann', { cause: 'deleted' }))))).toEqual({});
    expect(outcomes).toEqual(['retired']);
  });

  it('whose contact is gone is no error, once the CRM says so for a minute', async () => {
    let clock = NOW;
    const { receive, outcomes, retries } = consumerOf(crm, memoryUserTable(), { now: () => clock });
    const deletion = record(userMessage('ann', { cause: 'deleted', contactId: 999 }));
    expect(await receive(deletion)).toEqual([deletion.messageId]);
    expect(retries).toMatchObject([{ error: { afterMs: GONE_AFTER_MS } }]);
    clock += GONE_AFTER_MS;
    expect(await receive(deletion)).toEqual([]);
    expect(outcomes).toEqual(['postponed', 'retired']);
  });

  it('whose contact the CRM does not know for a moment has it retired afterwards', async () => {
    let isKnown = true;
    let clock = NOW;
    const removeTags: InfusionsoftClient['removeTags'] = async (...all) => {
      if (!isKnown) throw new NotFoundError('not found');
      return crm.client.removeTags(...all);
    };
    const users = memoryUserTable(ANN);
    const client = { ...crm.client, removeTags };
    const { receive } = consumerOf(crm, users, { client, now: () => clock });
    await receive(record(userMessage('ann')));
    const deletion = record(
      userMessage('ann', { cause: 'deleted', contactId: users.user('ann').crm?.contactId }),
    );
    users.rows.delete('ann');
    isKnown = false;
    await receive(deletion);
    isKnown = true;
    clock += GONE_AFTER_MS;
    await receive(deletion);
    expect((await crm.contacts()).map(({ tags }) => tags)).toEqual([['Account Deleted']]);
  });

  it('who is deleted during the first sync leaves a contact that is marked as deleted', async () => {
    const users = memoryUserTable(ANN);
    const applyTags: InfusionsoftClient['applyTags'] = async (...args) => {
      users.rows.delete('ann');
      return crm.client.applyTags(...args);
    };
    const { receive, outcomes } = consumerOf(crm, users, { client: { ...crm.client, applyTags } });
    await receive(record(userMessage('ann')));
    expect(outcomes).toEqual(['retired']);
    expect((await crm.contacts())[0]?.tags).toEqual(['Account Deleted']);
    expect(users.rows.size).toBe(0);
  });

  it('is synced like any user after signing up again before the message was read', async () => {
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(record(userMessage('ann')));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.edit('ann', { crm: undefined });
    await receive(
      record(userMessage('ann', { cause: 'deleted', contactId })),
      record(userMessage('ann', { cause: 'created' })),
    );
    expect((await crm.contacts()).map(({ tags }) => tags)).toEqual([ANN_TAGS]);
  });
});

const FIELD = CATALOG.customFields['app user id'] ?? 0;
const DELETED_TAG = CATALOG.tags[defaultMapping.deletedTag.name.toLowerCase()] ?? 0;
const MANAGED = Object.values(CATALOG.tags);
const EMAIL = 'ann@example.com';
/** Contact 5, which may show a user id. */
const shownFive = (userId?: string, more: Partial<Contact> = {}): Contact => ({
  id: 5,
  email_addresses: [{ field: 'EMAIL1', email: EMAIL }],
  custom_fields: userId === undefined ? [] : [{ id: FIELD, content: userId }],
  ...more,
});
const BOB: User = { userId: 'bob', email: 'bob@example.com' };
const RESYNC_BOB = { userId: 'bob', cause: 'resync' };

/** A CRM that notes its requests, and claims on contact 5. */
async function worldOf({
  contacts = [shownFive('ann')],
  users = [],
  claimed = [],
  claimedAt = NOON - 1000,
  optInFailure,
  mapping = defaultMapping,
}: {
  contacts?: Contact[];
  users?: User[];
  /** Users who have claimed it, one after the other. */
  claimed?: string[];
  /** Epoch milliseconds. */
  claimedAt?: number;
  optInFailure?: Error;
  mapping?: Mapping;
}) {
  const requests: unknown[][] = [];
  const client = {
    async readContact(contactId: number, properties?: readonly string[]) {
      requests.push(properties ? ['read', contactId, properties] : ['read', contactId]);
      const found = contacts.find(({ id }) => id === contactId);
      if (!found) throw new NotFoundError('gone');
      return found;
    },
    listOptionalProperties: async () => ['notes'],
    removeTags: async (...all: unknown[]) => void requests.push(['remove', ...all]),
    async applyTags(contactId: number, tagIds: readonly number[]) {
      requests.push(['apply', contactId, tagIds]);
      return new Map(tagIds.map((id) => [id, 'SUCCESS' as const]));
    },
    async updateContact(contactId: number, body: { email_addresses?: unknown }) {
      requests.push(['update', contactId, body.email_addresses]);
      return shownFive();
    },
    deleteContact: async (contactId: number) => void requests.push(['delete', contactId]),
    async setOptIn(email: string, optedIn: boolean, reason: string) {
      requests.push(['opt-in', email, optedIn, reason]);
      if (optInFailure) throw optInFailure;
      return optedIn;
    },
  };
  const { table } = memoryUserTable(...users.map((user) => ({ ...user })));
  let clock = claimedAt;
  const now = () => clock;
  const invocation = () => invocationOf('a', 1, clock);
  const known = claims({ store: memoryClaimStore(), users: table, mapping, invocation, now });
  for (const userId of claimed) await known.claimContact(5, userId);
  clock = NOON;
  const catalogSource = { current: async () => CATALOG, newerThan: async () => CATALOG };
  return { requests, client, claims: known, catalogSource, mapping, now };
}

/** Retires contact 5 of the deleted user Ann. */
async function retireFive(
  retirement: Partial<Retirement> = {},
  {
    claimed = ['ann'],
    onNotified,
    ...world
  }: Parameters<typeof worldOf>[0] & { onNotified?: (known: Claims) => Promise<void> } = {},
) {
  const dependencies = await worldOf({ claimed, ...world });
  const notified: AffectedUser[] = [];
  const written: ErasureRecord[] = [];
  const deletedAt = NOON - 60_000;
  const done = await retireContact(
    { contactId: 5, userId: 'ann', deletedAt, claimedBefore: NOON + 1, policy: 'mark', ...retirement },
    {
      ...dependencies,
      client: dependencies.client as never,
      erasureRecords: { write: async (record) => void written.push(record) },
      notify: async (users) => {
        notified.push(...users);
        await onNotified?.(dependencies.claims);
      },
    },
  );
  return { done, notified, written, ...dependencies };
}
const untagged = ['remove', 5, MANAGED.filter((id) => id !== DELETED_TAG)];
const tagged = ['apply', 5, [DELETED_TAG]];
const doneAt = new Date(NOON).toISOString();

describe('the contact of a deleted user', () => {
  const read = ['read', 5];
  const optOut = (reason: string) => ['opt-in', EMAIL, false, reason];
  const ERASED = optOut('The person was erased');
  const WITHDRAWN = optOut('Withdrew the consent to marketing in the app');
  const anonymised = ['update', 5, [{ field: 'EMAIL1', email: 'forgotten-5@example.invalid' }]];

  it.each<[DeletionPolicy, unknown[][], unknown[][]]>([
    ['mark', [untagged, tagged], [read, WITHDRAWN, untagged, tagged]],
    ['untag', [['remove', 5, MANAGED.filter((id) => id !== DELETED_TAG)]], [read, WITHDRAWN, untagged]],
    ['leave', [], [read, WITHDRAWN]],
    ['delete', [read, ERASED, ['delete', 5]], [read, WITHDRAWN, ['delete', 5]]],
    [
      'anonymise',
      [['read', 5, ['notes']], ERASED, anonymised, untagged, tagged],
      [['read', 5, ['notes']], WITHDRAWN, anonymised, untagged, tagged],
    ],
  ])(
    'is retired by the policy %s, also after a withdrawal, with no other requests',
    async (policy, requests, withdrawn) => {
      const result = await retireFive({ policy });
      expect(result).toMatchObject({ done: policy, requests, notified: [] });
      expect((await retireFive({ policy, withdrawn: true })).requests).toEqual(withdrawn);
    },
  );

  it('leaves a record of what was done, and of the request that it answers', async () => {
    const record = { userId: 'ann', contactId: 5, done: 'mark', doneAt };
    expect((await retireFive()).written).toEqual([record]);
    expect((await retireFive({ requestId: 'r1' })).written).toEqual([{ ...record, requestId: 'r1' }]);
    const [anonymised] = (await retireFive({ policy: 'anonymise' })).written;
    expect(anonymised?.unread).toContain('social_accounts.Snapchat');
    expect((await retireFive({ policy: 'delete' })).written).toEqual([{ ...record, done: 'delete' }]);
  });

  it.each(['mark', 'anonymise', 'delete'] as const)(
    'that is gone is recorded without a request (%s)',
    async (policy) => {
      const { done, requests, written } = await retireFive({ policy, withdrawn: true, isGone: true });
      expect({ done, requests }).toEqual({ done: policy, requests: [] });
      expect(written).toEqual([{ userId: 'ann', contactId: 5, done: policy, doneAt }]);
    },
  );

  it.each<[DeletionPolicy, Error, boolean]>([
    ['delete', new RejectedError('refused-by-crm', 'The CRM refuses it'), true],
    ['anonymise', new RejectedError('refused-by-crm', 'The CRM refuses it'), true],
    ['delete', new ForbiddenError('The CRM refuses it'), true],
    ['delete', new RetryableError('The CRM refuses it'), false],
    ['mark', new RejectedError('refused-by-crm', 'The CRM refuses it'), false],
  ])(
    'with the policy %s is changed before a refused opt-out fails: %s, %s',
    async (policy, failure, isChanged) => {
      const world = await worldOf({ claimed: ['ann'], optInFailure: failure });
      const retirement = { contactId: 5, userId: 'ann', deletedAt: NOON, claimedBefore: NOON + 1, policy };
      const written: ErasureRecord[] = [];
      const retired = retireContact(
        { ...retirement, withdrawn: true },
        {
          ...world,
          client: world.client as never,
          erasureRecords: { write: async (record) => void written.push(record) },
          notify: async () => {},
        },
      );
      await expect(retired).rejects.toBe(failure);
      expect(world.requests.at(-1)?.[0] !== 'opt-in').toBe(isChanged);
      expect(written).toEqual([]);
    },
  );

  it('is kept if another user has it by now, and that user is written again', async () => {
    const users = [{ ...BOB, crm: { contactId: 5 } }];
    const result = await retireFive({}, { users, claimed: ['ann', 'bob'] });
    expect(result).toMatchObject({
      done: 'kept',
      requests: [],
      notified: [RESYNC_BOB],
    });
    expect(result.written).toEqual([{ userId: 'ann', contactId: 5, done: 'kept', doneAt }]);
    const anonymised = await retireFive({ policy: 'anonymise' }, { users, claimed: ['ann', 'bob'] });
    expect(anonymised.written).toEqual([{ userId: 'ann', contactId: 5, done: 'kept', doneAt }]);
  });

  const creating = { ...BOB, crm: { attempt: { at: doneAt, email: 'x' } } };
  it('is kept if another user is creating a contact and has claimed it, and that user gets to know it', async () => {
    const result = await retireFive({}, { users: [creating], claimed: ['ann', 'bob'] });
    expect(result).toMatchObject({ done: 'kept', requests: [], notified: [{ ...RESYNC_BOB, contactId: 5 }] });
  });

  it('that is gone is named to nobody', async () => {
    const world = { users: [{ ...BOB, crm: { contactId: 6 } }], claimed: ['bob'] };
    expect(await retireFive({ isGone: true }, world)).toMatchObject({ done: 'kept', notified: [] });
  });

  describe('and an erasure request', () => {
    const requested = { policy: 'delete', requestId: 'r' } as const;
    const withCrm = (crm: CrmState, user: User = BOB, claimedAt?: number) => ({
      users: [{ ...user, crm: { contactId: 5, ...crm } }],
      claimed: ['bob'],
      ...(claimedAt !== undefined && { claimedAt }),
    });
    const rejectedAt = (at: number) => ({
      rejection: { reason: 'refused-by-crm', errorId: 'e', at: new Date(at).toISOString() },
    });
    const [EARLIER, WITHOUT_EMAIL] = [NOON - INVOCATION_MS, { userId: 'bob' }];

    it.each([
      ['will be written', withCrm({}, BOB, EARLIER)],
      ['was rejected before that, and will be written', withCrm(rejectedAt(EARLIER - 1), BOB, EARLIER)],
      ['was rejected at once, and may still be written', withCrm(rejectedAt(NOON))],
    ])('waits while the contact shows the person and a user who has claimed it %s', async (_, world) => {
      await expect(retireFive(requested, world)).rejects.toBeInstanceOf(RetryableError);
    });

    it.each([
      ['was rejected', withCrm(rejectedAt(NOON), BOB, EARLIER)],
      ['was rejected when it was claimed', withCrm(rejectedAt(EARLIER), BOB, EARLIER)],
      ['has no email', withCrm({}, WITHOUT_EMAIL, EARLIER)],
      ['is one for whom the mapping throws', { ...withCrm({}, BOB, EARLIER), mapping: failingFor('bob') }],
    ])('erases a contact that shows the person, if the user who has claimed it %s', async (_, world) => {
      const { done, notified, requests } = await retireFive(requested, world);
      expect(done).toBe('delete');
      expect(requests.at(-1)).toEqual(['delete', 5]);
      // The second message comes after the claim has gone, so that the user gets another contact.
      expect(notified).toEqual([RESYNC_BOB, RESYNC_BOB]);
    });

    it('waits if the user claims the contact again at that moment', async () => {
      const claimAgain = async (known: Claims) => void (await known.claimContact(5, 'bob'));
      const world = { ...withCrm(rejectedAt(NOON), BOB, EARLIER), onNotified: claimAgain };
      await expect(retireFive(requested, world)).rejects.toMatchObject({ afterMs: GONE_AFTER_MS });
    });

    it.each(['bob', undefined])('keeps a contact of another user that shows %s', async (shown) => {
      const written = { ...withCrm({}, BOB, EARLIER), contacts: [shownFive(shown)] };
      expect(await retireFive(requested, written)).toMatchObject({ done: 'kept', notified: [RESYNC_BOB] });
    });
  });

  describe('and whose last claim is that of a user whose item does not confirm it', () => {
    const living = [{ ...BOB, crm: { contactId: 6 } }];
    it.each<[string, Partial<Retirement>, string | undefined, User[], 'delete' | 'kept']>([
      ['is retired if it shows the deleted user', {}, 'ann', living, 'delete'],
      ['is erased if it shows the deleted user', { requestId: 'r' }, 'ann', living, 'delete'],
      ['is retired if the other was deleted, too', {}, undefined, [], 'delete'],
      ['is kept if the other is there, who takes it or leaves it', {}, undefined, living, 'kept'],
      ['is not erased by a request about the deleted user alone', { requestId: 'r' }, undefined, [], 'kept'],
    ])('%s', async (_, retirement, shown, users, done) => {
      const world = {
        users,
        claimed: ['bob'],
        claimedAt: NOON - INVOCATION_MS,
        contacts: [shownFive(shown)],
      };
      const result = await retireFive({ policy: 'delete', ...retirement }, world);
      const isLeftToBob = done === 'kept' && users.length > 0;
      const notified = isLeftToBob ? [{ userId: 'bob', cause: 'resync', contactId: 5 }] : [];
      expect(result).toMatchObject({ done, notified });
    });
  });

  it('is kept if the same user has claimed it again', async () => {
    expect(await retireFive({ claimedBefore: NOON - 1000 })).toMatchObject({
      done: 'kept',
      requests: [],
      notified: [],
    });
  });
});

describe('the contact of a deleted user that shows a living one', () => {
  const contacts = [shownFive('bob')];

  it.each([
    ['delete', BOB],
    ['anonymise', BOB],
    ['delete', { ...BOB, crm: { contactId: 5 } }],
  ] as const)('is given to that user, and not touched, by the policy %s', async (policy, user) => {
    const result = await retireFive({ policy }, { contacts, users: [user] });
    expect(result.done).toBe('kept');
    expect(result.requests).toHaveLength(1);
    expect(result.notified).toEqual([{ userId: 'bob', cause: 'resync', contactId: 5 }]);
    expect(await result.claims.holderOf(5, 'bob')).toEqual({ kind: 'own', isInherited: true });
    expect(result.written).toEqual([{ userId: 'ann', contactId: 5, done: 'kept', doneAt }]);
  });

  it('is retired where nobody loses a value', async () => {
    const result = await retireFive({ withdrawn: true }, { contacts, users: [BOB] });
    expect(result).toMatchObject({ done: 'mark', notified: [] });
  });

  it.each<[string, Parameters<typeof worldOf>[0]]>([
    ['that user was deleted', { contacts }],
    [
      'that user has another contact',
      { contacts: [...contacts, { id: 6 }], users: [{ ...BOB, crm: { contactId: 6 } }] },
    ],
    ['it is the user who has come back', { users: [{ userId: 'ann', email: EMAIL }] }],
    ['it shows nobody', { contacts: [shownFive()], users: [BOB] }],
  ])('is retired if %s', async (_, world) => {
    expect(await retireFive({ policy: 'delete' }, world)).toMatchObject({ done: 'delete', notified: [] });
  });
});

describe('a contact that a living user leaves', () => {
  async function leave(
    deletionPolicy: DeletionPolicy,
    catalog = CATALOG,
    claimed = ['ann'],
    users: User[] = [],
  ) {
    // A claim of the same moment counts.
    const world = await worldOf({ claimed, claimedAt: NOON, users });
    const updates: unknown[] = [];
    const notified: AffectedUser[] = [];
    const updateContact = async (contactId: number, body: unknown) => {
      updates.push([contactId, body]);
      return shownFive();
    };
    await leaveContact(5, 'ann', catalog, {
      ...world,
      client: { ...world.client, updateContact } as never,
      companies: { idOf: async () => 1 },
      notify: async (affected) => void notified.push(...affected),
      deletionPolicy,
    });
    return { requests: world.requests, updates, notified };
  }
  const removed = ['remove', 5, MANAGED];

  it('loses the managed tags and custom fields', async () => {
    const { requests, updates } = await leave('mark');
    expect(requests[0]).toEqual(removed);
    const ids = Object.values(CATALOG.customFields);
    const custom_fields = expect.arrayContaining(ids.map((id) => ({ id, content: '' })));
    expect(updates).toEqual([[5, { custom_fields }]]);
  });

  it("keeps everything with the policy leave, or if it is no longer the user's", async () => {
    const nothing = { requests: [], updates: [], notified: [] };
    expect(await leave('leave')).toEqual(nothing);
    expect(await leave('mark', CATALOG, ['ann', 'bob'])).toEqual(nothing);
  });

  it.each<[string, CrmState]>([
    ['moved to it', { contactId: 6 }],
    ['created one', { attempt: { at: doneAt, email: 'x' } }],
  ])('is left to a user whose sync was cut off when it %s', async (_, crm) => {
    expect(await leave('mark', CATALOG, ['ann', 'bob'], [{ ...BOB, crm }])).toEqual({
      requests: [],
      updates: [],
      notified: [{ userId: 'bob', cause: 'resync', contactId: 5 }],
    });
  });

  it('is kept by a user whose item names it', async () => {
    const kept = await leave('mark', CATALOG, ['ann', 'bob'], [{ ...BOB, crm: { contactId: 5 } }]);
    expect(kept).toEqual({ requests: [], updates: [], notified: [] });
  });

  it('loses only the tags where the account has no custom field', async () => {
    const unusable = Object.keys(defaultMapping.customFields).map((label) => `custom_fields.${label}`);
    expect(await leave('mark', { ...CATALOG, unusable })).toEqual({
      requests: [removed],
      updates: [],
      notified: [],
    });
  });
});

describe('a contact that a request names', () => {
  it.each<[string, Parameters<typeof worldOf>[0], string, number]>([
    ['is proven by a claim of the user', { claimed: ['ann'] }, 'proven', 0],
    ['is decided by any claim', { claimed: ['bob'] }, 'proven', 0],
    ['is proven by the user id in it', {}, 'proven', 1],
    ['is not proven by another user id in it', { contacts: [shownFive('bob')] }, 'not-proven', 1],
    ['is not proven without a user id in it', { contacts: [shownFive()] }, 'not-proven', 1],
    ['is missing if the CRM does not know it', { contacts: [] }, 'missing', 1],
  ])('%s', async (_, world, expected, reads) => {
    const dependencies = await worldOf(world);
    expect(await prove(5, 'ann', dependencies)).toBe(expected);
    expect(dependencies.requests).toHaveLength(reads);
  });
});
