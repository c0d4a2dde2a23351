import { describe, expect, it, vi } from 'vitest';
import type { Retirement } from '../../../shared/contacts/retire-contact.ts';
import {
  type RetireUserDependencies,
  retireOrConfirmGone,
  retireUser,
} from '../../../shared/contacts/retire-user.ts';
import { ContactFaultError, NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { CONTACT_FAULT, GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import type { ErasureRecord } from '../../../shared/store/erasure-records.ts';
import type { PendingRetirement } from '../../../shared/store/sync-table.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState } from '../../../shared/user/user.ts';
import { CATALOG, NOON } from '../../support/backfill-users.ts';
import { memorySyncTable } from '../../support/crm-under-test.ts';

const FIELD = CATALOG.customFields['app user id'] ?? 0;
const MINUTE = 60_000;
const at = (ms: number) => new Date(NOON + ms).toISOString();
const DELETED_AT = at(-10 * MINUTE);
const retirement = (contactIds: number[], more: Partial<PendingRetirement> = {}): PendingRetirement => ({
  contactIds,
  deletedAt: DELETED_AT,
  ...more,
});

interface World {
  /** What an earlier delivery has stored. */
  stored?: PendingRetirement;
  /** The erasure record of the user. */
  record?: Partial<ErasureRecord>;
  /** Contacts that the CRM shows as updated of late. */
  updated?: Contact[];
  living?: CrmState;
  retire?: RetireUserDependencies['retire'];
}

/** Retires Ann's contacts: with the policy `mark`, or `delete` for who asks for erasure. */
async function retireAnn(
  message: PendingRetirement | undefined,
  { stored, record, updated = [], living, retire = async ({ policy }) => policy }: World = {},
) {
  const table = memorySyncTable();
  if (stored) await table.writeRetirement('ann', stored);
  const write = vi.spyOn(table, 'writeRetirement');
  const retirements: Retirement[] = [];
  /** What was stored when each contact was retired. */
  const storedThen: (PendingRetirement | undefined)[] = [];
  const searchedSince: number[] = [];
  const result = await retireUser('ann', message, living, {
    table,
    client: {
      async findContactsUpdatedSince(since) {
        searchedSince.push(since);
        return updated;
      },
      readContact: async () => Promise.reject(new NotFoundError('gone')),
    },
    catalogSource: { current: async () => CATALOG },
    erasureRecords: {
      read: async (userId) => record && { userId, done: 'mark', doneAt: at(-20 * MINUTE), ...record },
    },
    mapping,
    policy: 'mark',
    forgetPolicy: 'delete',
    async retire(retirement) {
      retirements.push(retirement);
      storedThen.push(await table.readRetirement('ann'));
      return retire(retirement);
    },
    now: () => NOON,
  }).catch((error: unknown) => error);
  const ids = retirements.map(({ contactId }) => contactId);
  const left = await table.readRetirement('ann');
  return { result, retirements, ids, storedThen, searchedSince, left, writes: write.mock.calls.length };
}

describe('the contacts of a deleted user', () => {
  it('are retired, each once, with everything that is known about the deletion', async () => {
    const { result, retirements, left } = await retireAnn(retirement([5, 6, 5], { withdrawn: true }));
    const common = {
      userId: 'ann',
      deletedAt: NOON - 10 * MINUTE,
      claimedBefore: NOON + 1,
      withdrawn: true,
      policy: 'mark',
    };
    expect(retirements).toEqual([
      { ...common, contactId: 5 },
      { ...common, contactId: 6 },
    ]);
    expect(result).toEqual([
      { contactId: 5, done: 'mark' },
      { contactId: 6, done: 'mark' },
    ]);
    expect(left).toBeUndefined();
  });

  it('are none if neither this delivery nor an earlier one knows any', async () => {
    expect(await retireAnn(undefined)).toMatchObject({ result: [], ids: [] });
  });

  it('are stored before the first is retired, and stay stored if that fails', async () => {
    const down = new RetryableError('down');
    const message = retirement([5]);
    const retire = async () => Promise.reject(down);
    expect(await retireAnn(message, { retire })).toMatchObject({
      result: down,
      storedThen: [message],
      left: message,
    });
  });

  it('are those of an earlier delivery, too, which needs no write', async () => {
    expect(await retireAnn(undefined, { stored: retirement([5]) })).toMatchObject({
      writes: 0,
      ids: [5],
      left: undefined,
    });
  });

  it.each<[string, Partial<PendingRetirement>, Partial<PendingRetirement>, Partial<PendingRetirement>]>([
    ['the time of the newer deletion', {}, { deletedAt: at(0) }, { deletedAt: at(0) }],
    [
      'the first create without an answer',
      { attemptedAt: at(-9 * MINUTE) },
      { attemptedAt: at(-5 * MINUTE) },
      { attemptedAt: at(-9 * MINUTE) },
    ],
    [
      'the first create without an answer, in any order',
      { attemptedAt: at(-5 * MINUTE) },
      { attemptedAt: at(-9 * MINUTE) },
      { attemptedAt: at(-9 * MINUTE) },
    ],
    [
      'a create that only the earlier one names',
      { attemptedAt: at(-9 * MINUTE) },
      {},
      { attemptedAt: at(-9 * MINUTE) },
    ],
    ['a withdrawal that only the earlier one names', { withdrawn: true }, {}, { withdrawn: true }],
    ['a withdrawal that only the later one names', {}, { withdrawn: true }, { withdrawn: true }],
    ['since when a contact is missing', { missingSince: { 5: at(0) } }, {}, { missingSince: { 5: at(0) } }],
    [
      'how often the CRM failed',
      { serverErrors: { count: 2, at: at(0) } },
      {},
      { serverErrors: { count: 2, at: at(0) } },
    ],
  ])('are merged with those of an earlier delivery, and so is %s', async (_, earlier, later, expected) => {
    const { storedThen } = await retireAnn(retirement([6, 7], later), {
      stored: retirement([5, 6], earlier),
    });
    expect(storedThen[0]).toEqual({ ...retirement([5, 6, 7]), ...expected });
  });
});

describe('a contact that was created without an answer', () => {
  const created: Contact = { id: 9, custom_fields: [{ id: FIELD, content: 'ann' }] };
  const attempted = retirement([5], { attemptedAt: at(-5 * MINUTE) });

  it('is found by the user id, stored, since it may not be found again, and retired, too', async () => {
    const { ids, storedThen, searchedSince } = await retireAnn(attempted, {
      updated: [created, { id: 5, custom_fields: [{ id: FIELD, content: 'ann' }] }],
    });
    expect(ids).toEqual([5, 9]);
    expect(new Set(storedThen[0]?.contactIds)).toEqual(new Set([5, 9]));
    expect(searchedSince).toEqual([NOON - 6 * MINUTE]);
  });

  it('is searched only after such a create', async () => {
    expect(await retireAnn(retirement([5]), { updated: [created] })).toMatchObject({
      ids: [5],
      searchedSince: [],
    });
  });

  it('changes nothing that is stored if none is found', async () => {
    expect((await retireAnn(undefined, { stored: attempted })).storedThen).toEqual([attempted]);
  });
});

describe('the contacts of a user who was deleted and has come back', () => {
  it("are kept if they are the user's again", async () => {
    const living: CrmState = { contactId: 5, formerContactIds: [6] };
    expect((await retireAnn(retirement([5, 6, 7]), { living })).ids).toEqual([7]);
    expect((await retireAnn(retirement([5]), { living: {} })).ids).toEqual([5]);
  });

  it('are kept if they were claimed a minute after the deletion, or later: times in a stream are rounded', async () => {
    const { retirements } = await retireAnn(retirement([5]), { living: {} });
    expect(retirements).toMatchObject([{ claimedBefore: NOON - 9 * MINUTE }]);
  });
});

describe('the contact of a deleted user with an erasure record', () => {
  it.each<[string, Partial<ErasureRecord>, boolean]>([
    ['for the same deletion is not retired again', { contactId: 5, doneAt: at(-9 * MINUTE) }, false],
    ['that may be of an earlier deletion is retired', { contactId: 5, doneAt: at(-9 * MINUTE - 1) }, true],
    ['of the time that the stream names is retired', { contactId: 5, doneAt: DELETED_AT }, true],
    ['for another contact is retired', { contactId: 6, doneAt: at(0) }, true],
    ['that says that less was done is retired', { contactId: 5, doneAt: at(0), done: 'kept' }, true],
  ])('%s', async (_, record, isRetired) => {
    const { ids, result } = await retireAnn(retirement([5]), { record });
    expect(ids).toEqual(isRetired ? [5] : []);
    expect(result).toEqual([{ contactId: 5, done: 'mark' }]);
  });

  const asked = { contactId: 6, requestId: 'r1' };
  it.each<[string, Partial<ErasureRecord>, boolean]>([
    ['is erased if a request was answered since the deletion', { ...asked, answeredAt: DELETED_AT }, true],
    [
      'is erased if the answer was that no contact is known',
      { ...asked, done: 'no-contact', answeredAt: at(0) },
      true,
    ],
    [
      'is not erased for a request before the deletion',
      { ...asked, answeredAt: at(-10 * MINUTE - 1) },
      false,
    ],
    ['is not erased without a request', { contactId: 6 }, false],
    ['is not erased if the user was in the app', { ...asked, done: 'not-deleted', answeredAt: at(0) }, false],
    [
      'is not erased if the user was in the app at the last request',
      { ...asked, answer: 'not-deleted', answeredAt: at(0) },
      false,
    ],
  ])('%s', async (_, record, isErased) => {
    const { retirements } = await retireAnn(retirement([5]), { record });
    const [{ policy, requestId } = {}] = retirements;
    expect({ policy, requestId }).toEqual(
      isErased ? { policy: 'delete', requestId: 'r1' } : { policy: 'mark' },
    );
  });
});

describe('a contact of a deleted user', () => {
  const RETIREMENT: Retirement = {
    contactId: 5,
    userId: 'ann',
    deletedAt: Date.parse(DELETED_AT),
    claimedBefore: NOON + 1,
    policy: 'mark',
  };
  const NOT_FOUND = new NotFoundError('gone');
  const FAULT = new ContactFaultError('failed', 'raw', MINUTE);

  async function retireFive(stored: PendingRetirement | undefined, error: Error | undefined) {
    const table = memorySyncTable();
    if (stored) await table.writeRetirement('ann', stored);
    const asked: Retirement[] = [];
    const result = await retireOrConfirmGone(RETIREMENT, {
      table,
      async retire(retirement) {
        asked.push(retirement);
        if (error && !retirement.isGone) throw error;
        return retirement.policy;
      },
      lastWriteAt: async () => NOON - 1,
      now: () => NOON,
    }).catch((failure: unknown) => failure);
    return { result, asked, left: await table.readRetirement('ann') };
  }

  it('is retired, and nothing is stored', async () => {
    expect(await retireFive(undefined, undefined)).toEqual({
      result: 'mark',
      asked: [RETIREMENT],
      left: undefined,
    });
  });

  it('that cannot be retired for another reason is not stored either', async () => {
    const down = new RetryableError('down');
    expect(await retireFive(undefined, down)).toMatchObject({ result: down, left: undefined });
  });

  it('that the CRM does not know is waited for, and the time is stored', async () => {
    const missing = retirement([5], { missingSince: { 5: at(0) } });
    expect(await retireFive(undefined, NOT_FOUND)).toMatchObject({
      result: { afterMs: GONE_AFTER_MS },
      left: missing,
    });
    const stored = retirement([5, 6], { missingSince: { 6: at(-MINUTE) } });
    expect((await retireFive(stored, NOT_FOUND)).left).toEqual({
      ...stored,
      missingSince: { 5: at(0), 6: at(-MINUTE) },
    });
  });

  it('that the CRM has not known for a minute counts as gone', async () => {
    const stored = retirement([5], { missingSince: { 5: at(-GONE_AFTER_MS) } });
    expect(await retireFive(stored, NOT_FOUND)).toEqual({
      result: 'mark',
      asked: [RETIREMENT, { ...RETIREMENT, isGone: true }],
      left: stored,
    });
  });

  it('for which the CRM fails is counted, and rejected in the end', async () => {
    const first = await retireFive(undefined, FAULT);
    expect(first.result).toBeInstanceOf(ContactFaultError);
    expect(first.left).toEqual(retirement([5], { serverErrors: { count: 1, at: at(0) } }));
    const { deliveries, apartMs } = CONTACT_FAULT;
    const before = retirement([5, 6], { serverErrors: { count: deliveries - 1, at: at(-apartMs) } });
    const last = await retireFive(before, FAULT);
    expect(last.result).toBeInstanceOf(RejectedError);
    expect(last.left).toEqual({ ...before, serverErrors: { count: deliveries, at: at(0) } });
  });
});
