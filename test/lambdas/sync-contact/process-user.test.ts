import { describe, expect, it } from 'vitest';
import { type ProcessUserDependencies, processUser } from '../../../lambdas/sync-contact/process-user.ts';
import type { SyncResult, SyncUserOptions } from '../../../shared/contacts/sync-user.ts';
import { INVOCATION_MS, LEASE_RETRY } from '../../../shared/quota/retry-policy.ts';
import type { PendingRetirement } from '../../../shared/store/sync-table.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { UserMessage } from '../../../shared/sync/message.ts';
import { InvalidUserError } from '../../../shared/user/read-user.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { ANN, ANN_TAGS } from '../../support/ann.ts';
import { consumerOf, NOW } from '../../support/consumer-under-test.ts';
import { changeOf, contactWithEmail, crm, startCrmForEachTest } from '../../support/crm-for-each-test.ts';
import { invocationOf, memoryUserTable } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

describe('two write-backs for one user', () => {
  startCrmForEachTest();

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
  startCrmForEachTest();

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

const at = (ms: number) => new Date(NOW + ms).toISOString();
const message = (more: Partial<UserMessage> = {}) => userMessage('ann', more);
const RETRYABLE = new RetryableError('down', { afterMs: 7 });

interface World {
  /** Ann's item; null if she is deleted. */
  item?: Record<string, unknown> | null;
  /** What the sync results in. */
  result?: Partial<SyncResult>;
  /** What happens while the sync runs. */
  during?: (users: ReturnType<typeof memoryUserTable>, options: SyncUserOptions) => unknown;
  retired?: { contactId: number; done: 'mark' }[];
  readError?: Error;
}

/** Processes messages about Ann, with a sync that only returns a result. */
async function processAnn(
  messages: [UserMessage, ...UserMessage[]],
  { item = ANN, result = {}, during = () => {}, retired = [], readError }: World = {},
) {
  const users = memoryUserTable(...(item ? [{ ...item, userId: 'ann' }] : []));
  const synced: { user: User; options: Omit<SyncUserOptions, 'save'> }[] = [];
  const retirements: [PendingRetirement | undefined, CrmState | undefined][] = [];
  const changes: string[] = [];
  const dependencies: ProcessUserDependencies = {
    users: readError ? { ...users.table, read: () => Promise.reject(readError) } : users.table,
    async syncUser(user, { save, ...options }) {
      synced.push({ user, options });
      await during(users, { save, ...options });
      const desired = { fields: {}, tags: [], warnings: [] };
      return { crm: { contactId: 1 }, unchanged: false, changes: [], desired, ...result };
    },
    async retireUser(_, retirement, living) {
      retirements.push([retirement, living]);
      return retired;
    },
    metrics: { countChange: (change) => void changes.push(change) },
    invocation: () => invocationOf('a', 1, NOW),
    now: () => NOW,
  };
  const outcome = await processUser(messages, dependencies).catch((error: unknown) => error);
  const crm = users.rows.has('ann') ? users.user('ann').crm : undefined;
  return { outcome, synced, retirements, changes, crm };
}

describe('a user who is synced', () => {
  it('has the result stored, and the changes counted', async () => {
    const warning = { field: 'phone', problem: 'left out' };
    const { outcome, crm, changes, retirements } = await processAnn([message()], {
      item: { ...ANN, firstName: 7, crm: { revision: 3 } },
      result: { changes: ['created', 'tagged'], desired: { fields: {}, tags: [], warnings: [warning] } },
    });
    expect(outcome).toMatchObject({ outcome: 'synced', contactId: 1 });
    expect(outcome).toMatchObject({ warnings: [{ field: 'firstName' }, warning] });
    expect(crm).toMatchObject({ contactId: 1, revision: 4 });
    expect(changes).toEqual(['created', 'tagged']);
    expect(retirements).toEqual([]);
  });

  it('is not written if nothing was done', async () => {
    const unchanged = { unchanged: true, crm: { contactId: 1, revision: 3 } };
    const item = { ...ANN, crm: unchanged.crm };
    expect(await processAnn([message()], { item, result: unchanged })).toMatchObject({
      outcome: { outcome: 'unchanged', contactId: 1 },
      crm: { revision: 3 },
    });
    // What the messages know that the item does not is stored.
    const resync = message({ cause: 'resync', contactId: 1 });
    expect((await processAnn([resync], { item, result: unchanged })).crm?.revision).toBe(4);
  });

  it('has checkpoints stored with a lease, each over the one before', async () => {
    const saved: CrmState[] = [];
    const leases: unknown[] = [];
    const { crm } = await processAnn([message()], {
      async during(users, { save }) {
        for (const contactId of [1, 2]) {
          saved.push(await save({ contactId }));
          leases.push(users.user('ann').crm?.lease);
        }
      },
    });
    expect(saved).toEqual([
      { contactId: 1, revision: 1 },
      { contactId: 2, revision: 2 },
    ]);
    const lease = { environment: 'a', invocation: 1, until: at(INVOCATION_MS) };
    expect(leases).toEqual([lease, lease]);
    expect(crm?.revision).toBe(3);
    expect(crm).not.toHaveProperty('lease');
  });

  it('is not synced while another invocation does it, nor before the requests of one have taken effect', async () => {
    const lease = { environment: 'b', invocation: 1, until: at(1) };
    const leased = await processAnn([message()], { item: { ...ANN, crm: { lease } } });
    expect(leased.outcome).toMatchObject({ afterMs: LEASE_RETRY.userMs });
    const early = await processAnn([message({ notBefore: at(9) }), message({ notBefore: at(5) }), message()]);
    expect(early.outcome).toMatchObject({ afterMs: 9 });
    expect([...leased.synced, ...early.synced]).toEqual([]);
    expect((await processAnn([message({ notBefore: at(0) })])).outcome).toMatchObject({ outcome: 'synced' });
  });

  it.each<[string, Partial<UserMessage>[], Partial<SyncUserOptions>]>([
    [
      'the last change of the app',
      [{ cause: 'created', changedAt: at(-9) }, { changedAt: at(-5) }, { changedAt: at(-7) }],
      { changedAt: NOW - 5 },
    ],
    ['when the user was created', [{ cause: 'created', changedAt: at(-9) }], { changedAt: NOW - 9 }],
    [
      'no change in a backfill, a repair or a deletion',
      [{ cause: 'backfill' }, { cause: 'resync' }, { cause: 'deleted' }],
      { changedAt: 0 },
    ],
    [
      'the tags for later, if all messages say so',
      [{ tagsLater: true }, { tagsLater: true }],
      { tagsLater: true },
    ],
    ['the tags at once, if one message does not say so', [{ tagsLater: true }, {}], { tagsLater: false }],
    ['a withdrawal that one message names', [{}, { withdrawn: true }], { isWithdrawn: true }],
    ['no withdrawal', [{}, { withdrawn: false }], { isWithdrawn: false }],
    ['an opt-in that one message names', [{}, { optedIn: true }], { isOptedIn: true }],
    ['no opt-in', [{}, {}], { isOptedIn: false }],
  ])('gets %s', async (_, messages, expected) => {
    const [first, ...others] = messages.map(message);
    const { synced } = await processAnn([first ?? message(), ...others]);
    expect(synced).toMatchObject([{ options: expected }]);
  });

  it('is rejected if the item is not a user; other failures to read it are thrown', async () => {
    const unreadable = await processAnn([message()], { readError: new InvalidUserError('no user id') });
    expect(unreadable.outcome).toBeInstanceOf(RejectedError);
    expect(unreadable.outcome).toMatchObject({ reason: 'not-a-user', message: 'no user id' });
    const down = new Error('no table');
    expect((await processAnn([message()], { readError: down })).outcome).toBe(down);
  });
});

describe('a user whose state the app removed or replaced', () => {
  const resync = (more: Partial<UserMessage> = {}) => message({ cause: 'resync', ...more });
  const consent = { step: 'withdrawn', address: 'x', isOwn: true } as const;

  it.each<[string, CrmState | undefined, UserMessage[], CrmState]>([
    ['the contact that it had', undefined, [resync({ contactId: 5 })], { contactId: 5, untrusted: true }],
    ['no contact, if none is known', { emailStatus: 'x' }, [resync()], { emailStatus: 'x' }],
    [
      'former contacts, each once, after the stored ones',
      { contactId: 1, formerContactIds: [2] },
      [resync({ contactId: 3, formerContactIds: [2, 4] }), resync({ contactId: 1 })],
      { contactId: 1, untrusted: true, formerContactIds: [2, 3, 4] },
    ],
    [
      'the first create without an answer',
      { contactId: 1 },
      [resync({ attemptedAt: at(-1) }), resync({ attemptedAt: at(-2) }), resync()],
      { contactId: 1, untrusted: true, attempt: { at: at(-2) } },
    ],
    ['no count of failures', { serverErrors: { count: 2, at: at(0) } }, [resync()], {}],
    [
      'its consent, but not whose opt-out it was',
      { consent },
      [resync()],
      { consent: { step: 'withdrawn', address: 'x' } },
    ],
    ['no withdrawal that another one has replaced', { consent }, [resync({ withdrawn: true }), resync()], {}],
    ['no withdrawal that was before an opt-in', { consent }, [resync({ optedIn: true }), resync()], {}],
    [
      'another step of the consent after a withdrawal',
      { consent: { step: 'given', address: 'x' } },
      [resync({ withdrawn: true })],
      { consent: { step: 'given', address: 'x' } },
    ],
  ])('is synced with %s', async (_, crm, [first = resync(), ...others], expected) => {
    const { synced } = await processAnn([first, ...others], { item: { ...ANN, crm } });
    expect(synced[0]?.user.crm).toEqual(expected);
  });

  it('is not synced with what other messages name', async () => {
    const { synced } = await processAnn([message({ contactId: 5, attemptedAt: at(-1) })]);
    expect(synced[0]?.user.crm).toBeUndefined();
  });
});

describe('a deleted user', () => {
  const deletion = (more: Partial<UserMessage> = {}) => message({ cause: 'deleted', ...more });

  it.each<[string, UserMessage[], PendingRetirement | undefined]>([
    ['nothing, if no message names a contact', [deletion()], undefined],
    [
      'the contacts that any message names, and the time of the last message',
      [
        message({ contactId: 1, formerContactIds: [2], changedAt: at(-2) }),
        message({ changedAt: at(-3) }),
        deletion({ contactId: 3, changedAt: at(-1) }),
      ],
      { contactIds: [1, 2, 3], deletedAt: at(-1) },
    ],
    [
      'the first create without an answer',
      [deletion({ attemptedAt: at(-1) }), deletion({ attemptedAt: at(-2) })],
      { contactIds: [], attemptedAt: at(-2), deletedAt: message().changedAt },
    ],
    [
      'a contact and a create without an answer',
      [deletion({ contactId: 1, attemptedAt: at(-1) })],
      { contactIds: [1], attemptedAt: at(-1), deletedAt: message().changedAt },
    ],
    [
      'a withdrawal that any message names',
      [deletion({ contactId: 1, withdrawn: true }), deletion()],
      { contactIds: [1], deletedAt: message().changedAt, withdrawn: true },
    ],
  ])('is retired with %s', async (_, [first = deletion(), ...others], retirement) => {
    const retired = [
      { contactId: 7, done: 'mark' as const },
      { contactId: 8, done: 'mark' as const },
      { contactId: 9, done: 'mark' as const },
    ];
    const { outcome, retirements, synced } = await processAnn([first, ...others], { item: null, retired });
    expect(outcome).toEqual({ outcome: 'retired', contactId: 9, warnings: [] });
    expect(retirements).toEqual([[retirement, undefined]]);
    expect(synced).toEqual([]);
  });

  it('without a contact has none in the outcome', async () => {
    const { outcome } = await processAnn([deletion()], { item: null });
    expect(outcome).toEqual({ outcome: 'retired', contactId: undefined, warnings: [] });
  });

  it('who has come back is retired with what deletions name, and synced', async () => {
    const crm = { contactId: 4 };
    const messages = [
      deletion({ contactId: 1, changedAt: at(-3) }),
      message({ contactId: 2, changedAt: at(-2), withdrawn: true }),
    ] as [UserMessage, UserMessage];
    const { retirements, synced, outcome } = await processAnn(messages, { item: { ...ANN, crm } });
    expect(retirements).toEqual([[{ contactIds: [1], deletedAt: at(-3) }, crm]]);
    expect(synced).toHaveLength(1);
    expect(outcome).toMatchObject({ outcome: 'synced' });
    expect((await processAnn([message({ contactId: 2 })])).retirements).toEqual([]);
  });

  it.each<[string, Partial<SyncResult>, PendingRetirement, number]>([
    [
      'with the contact',
      { crm: { contactId: 1, formerContactIds: [2] } },
      { contactIds: [1, 2], deletedAt: at(0) },
      1,
    ],
    [
      'with a create that got no answer',
      { crm: { attempt: { at: at(-1), email: 'x' } } },
      { contactIds: [], attemptedAt: at(-1), deletedAt: at(0) },
      9,
    ],
    [
      'with a withdrawal that is open',
      {
        crm: { contactId: 1, consent: { step: 'given', address: 'x' } },
        desired: { fields: {}, tags: [], warnings: [], consent: false },
      },
      { contactIds: [1], deletedAt: at(0), withdrawn: true },
      1,
    ],
  ])('during the sync is retired %s', async (_, result, retirement, contactId) => {
    const { outcome, retirements, changes, crm } = await processAnn([message()], {
      result: { changes: ['updated'], ...result },
      during: (users) => users.rows.delete('ann'),
      retired: [{ contactId: 9, done: 'mark' }],
    });
    expect(outcome).toEqual({ outcome: 'retired', contactId, warnings: [] });
    expect(retirements).toEqual([[retirement, undefined]]);
    expect(changes).toEqual(['updated']);
    expect(crm).toBeUndefined();
  });

  it('during the sync who never had a contact has none in the outcome', async () => {
    const during: World['during'] = (users) => users.rows.delete('ann');
    const { outcome } = await processAnn([message()], { result: { crm: {} }, during });
    expect(outcome).toEqual({ outcome: 'retired', contactId: undefined, warnings: [] });
  });

  it('whose checkpoint cannot be stored is retired, too', async () => {
    const { outcome } = await processAnn([message()], {
      result: {},
      async during(users, { save }) {
        users.rows.delete('ann');
        await save({ contactId: 1 }).catch(() => {});
      },
    });
    expect(outcome).toMatchObject({ outcome: 'retired' });
  });
});

describe('a user whose state another writer changes during the sync', () => {
  const theirs: CrmState = { contactId: 2, formerContactIds: [3], revision: 5, tagIds: [7] };
  const write: World['during'] = (users) => users.edit('ann', { crm: theirs });

  it('is synced again at once, and nothing in the state is certain but all its contacts', async () => {
    const attempt = { at: at(-1), email: 'x' };
    const { outcome, crm } = await processAnn([message()], {
      result: { crm: { contactId: 1, formerContactIds: [3, 4], attempt } },
      during: write,
    });
    expect(outcome).toBeInstanceOf(RetryableError);
    expect(outcome).toMatchObject({ afterMs: 0 });
    expect(crm).toMatchObject({
      contactId: 2,
      untrusted: true,
      formerContactIds: [3, 1, 4],
      attempt,
      tagIds: [7],
      revision: 6,
    });
  });

  it('keeps the attempt of the other writer, and has no contact if neither knows one', async () => {
    const attempt = { at: at(-9), email: 'y' };
    const { crm } = await processAnn([message()], {
      result: { crm: { attempt: { at: at(-1), email: 'x' } } },
      during: (users) => users.edit('ann', { crm: { attempt, revision: 5 } }),
    });
    expect(crm).toEqual({ attempt, revision: 6, attemptId: expect.any(String) });
  });

  it('has no former contact and no attempt if nobody knows one', async () => {
    const during: World['during'] = (users) => users.edit('ann', { crm: { contactId: 1, revision: 5 } });
    const { crm } = await processAnn([message()], { during });
    expect(crm).toEqual({ contactId: 1, untrusted: true, revision: 6, attemptId: expect.any(String) });
  });

  it('is not written if the user was deleted, too', async () => {
    const { outcome, crm } = await processAnn([message()], {
      during(users) {
        write(users, undefined as never);
        const { writeCrm } = users.table;
        users.table.writeCrm = async (...all) => {
          const written = await writeCrm(...all);
          users.rows.delete('ann');
          return written;
        };
      },
    });
    expect(outcome).toMatchObject({ name: 'RetryableError', afterMs: 0 });
    expect(crm).toBeUndefined();
  });

  it('waits as long as a failure of the sync says: a request without an answer may still take effect', async () => {
    expect((await processAnn([message()], { result: { failure: RETRYABLE }, during: write })).outcome).toBe(
      RETRYABLE,
    );
    const failure = new RejectedError('refused-by-crm', 'refused');
    expect((await processAnn([message()], { result: { failure }, during: write })).outcome).toMatchObject({
      afterMs: 0,
    });
  });
});

describe('a user whose checkpoint could not be stored', () => {
  /** The failure to save it, as the sync returns it. */
  async function processCutOff(change: (users: ReturnType<typeof memoryUserTable>) => unknown) {
    const result: Partial<SyncResult> = {};
    return processAnn([message()], {
      result,
      async during(users, { save }) {
        change(users);
        result.failure = await save({ contactId: 1 }).catch((error: unknown) => error);
      },
    });
  }

  it('is retired if the user was deleted', async () => {
    const { outcome } = await processCutOff((users) => users.rows.delete('ann'));
    expect(outcome).toMatchObject({ outcome: 'retired', contactId: 1 });
  });

  it('is synced again at once if another writer was faster', async () => {
    const { outcome, crm } = await processCutOff((users) => users.edit('ann', { crm: { revision: 5 } }));
    expect(outcome).toBeInstanceOf(RetryableError);
    expect(outcome).toMatchObject({ afterMs: 0 });
    expect(crm).toMatchObject({ contactId: 1, untrusted: true, revision: 6 });
  });
});

describe('a user who is rejected', () => {
  const rejectedAt = (ms: number, more: object = {}): NonNullable<CrmState['rejection']> => ({
    reason: 'contact-of-another-user',
    otherUserId: 'bob',
    errorId: 'first',
    at: at(ms),
    ...more,
  });
  const failure = new RejectedError('contact-of-another-user', 'conflict', {
    otherUserId: 'bob',
    errorId: 'second',
  });
  const backfill = message({ cause: 'backfill' });

  /** @param before the rejection on the item. */
  const reject = (messages: [UserMessage, ...UserMessage[]], before?: CrmState['rejection']) =>
    processAnn(messages, {
      item: { ...ANN, crm: { rejection: before } },
      result: { failure, crm: { contactId: 1, rejection: rejectedAt(0, { errorId: 'second' }) } },
    });

  it.each<[string, [UserMessage, ...UserMessage[]], CrmState['rejection'], string]>([
    ['for the first time has a new id', [message()], undefined, 'second'],
    ['for another reason has a new id', [message()], rejectedAt(0, { reason: 'refused-by-crm' }), 'second'],
    ['because of another user has a new id', [message()], rejectedAt(0, { otherUserId: 'eve' }), 'second'],
    ['for a later change has a new id', [message()], rejectedAt(-1), 'second'],
    [
      'for a later change among others has a new id',
      [message({ changedAt: at(-1) }), message()],
      rejectedAt(-1),
      'second',
    ],
    ['for a change that was in the queue then has the same id', [message()], rejectedAt(0), 'first'],
    ['in a backfill and for a later change has a new id', [backfill, message()], rejectedAt(-1), 'second'],
    ['in a backfill that was in the queue then has the same id', [backfill], rejectedAt(0), 'first'],
    [
      'in a backfill that was in the queue then, and in a later one, has the same id',
      [message({ cause: 'backfill', changedAt: at(-1) }), backfill],
      rejectedAt(-1),
      'first',
    ],
    [
      'in a later backfill and for a change that was in the queue then has the same id',
      [message({ changedAt: at(-1) }), backfill],
      rejectedAt(-1),
      'first',
    ],
  ])('%s', async (_, messages, before, errorId) => {
    const { outcome, crm } = await reject(messages, before);
    expect(outcome).toBeInstanceOf(RejectedError);
    expect(outcome).toMatchObject({ errorId, otherUserId: 'bob' });
    expect(crm?.rejection?.errorId).toBe(errorId);
  });

  it('again in a later backfill is no failure: the rejection has its dead letter', async () => {
    const { outcome, crm } = await reject([backfill, backfill], rejectedAt(-1));
    expect(outcome).toEqual({ outcome: 'stillRejected', contactId: 1, warnings: [] });
    expect(crm?.rejection?.errorId).toBe('first');
  });

  it('has no rejection added that the sync did not record', async () => {
    const { crm } = await processAnn([message()], {
      item: { ...ANN, crm: { rejection: rejectedAt(0) } },
      result: { failure, crm: { contactId: 1 } },
    });
    expect(crm).not.toHaveProperty('rejection');
  });

  it('or postponed has what was done stored', async () => {
    const { outcome, crm } = await processAnn([message()], { result: { failure: RETRYABLE } });
    expect(outcome).toBe(RETRYABLE);
    expect(crm).toMatchObject({ contactId: 1 });
  });
});
