import { describe, expect, it } from 'vitest';
import { claims } from '../../../shared/contacts/claims.ts';
import {
  isContactOf,
  ownContact,
  ownerOf,
  readListed,
  readOrMissing,
  userIdIn,
} from '../../../shared/contacts/ownership.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { CATALOG, NOON } from '../../support/backfill-users.ts';
import { invocationOf, memoryClaimStore, memoryUserTable } from '../../support/crm-under-test.ts';

const FIELD = CATALOG.customFields['app user id'] ?? 0;
const contactOf = (id: number, userId?: string): Contact => ({
  id,
  custom_fields: userId === undefined ? [] : [{ id: FIELD, content: userId }],
});
const BOB: User = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 5 } };

/** Claims of contact 5 and others, one user after the other, and a CRM that knows some contacts. */
async function worldOf({
  users = [],
  claimed = [],
  contacts = [],
}: {
  users?: User[];
  claimed?: [number, string][];
  contacts?: Contact[];
}) {
  const { table } = memoryUserTable(...users.map((user) => ({ ...user })));
  const invocation = () => invocationOf('a', 1, NOON);
  const known = claims({ store: memoryClaimStore(), users: table, mapping, invocation, now: () => NOON });
  for (const [contactId, userId] of claimed) await known.claimContact(contactId, userId);
  const reads: number[] = [];
  const client = {
    async readContact(contactId: number) {
      reads.push(contactId);
      const found = contacts.find(({ id }) => id === contactId);
      if (!found) throw new NotFoundError('gone');
      return found;
    },
  };
  return { claims: known, client, mapping, reads };
}

describe('the user id in a contact', () => {
  const custom = (id: number, content?: unknown): Contact => ({
    id: 5,
    custom_fields: [{ id, content }] as never,
  });

  it.each<[string, Contact, string | undefined]>([
    ['is the content of its field', custom(FIELD, 'ann'), 'ann'],
    ['is a text also where it is a number', custom(FIELD, 7), '7'],
    ['is unknown where the field is empty', custom(FIELD, ''), undefined],
    ['is unknown where the field is null', custom(FIELD, null), undefined],
    ['is unknown where the field has no content', custom(FIELD), undefined],
    ['is not in another field', custom(FIELD + 1, 'ann'), undefined],
    ['is unknown without custom fields', { id: 5 }, undefined],
  ])('%s', (_, contact, expected) => {
    expect(userIdIn(contact, CATALOG, mapping)).toBe(expected);
  });

  it('is unknown if the mapping names no field for it, or the account has none', () => {
    const { userIdField: _, ...withoutField } = mapping;
    const contact = custom(undefined as never, 'ann');
    expect(userIdIn(contact, CATALOG, withoutField)).toBeUndefined();
    expect(userIdIn(contact, { ...CATALOG, customFields: {} }, mapping)).toBeUndefined();
  });
});

describe('the owner of a contact, asked for by a user', () => {
  type Row = [string, Parameters<typeof worldOf>[0], string | undefined, string];
  const ownerFor = async (contact: Contact, world: Parameters<typeof worldOf>[0], isGone: boolean) => {
    const dependencies = await worldOf(world);
    const { owner, named } = await ownerOf('ann', CATALOG, isGone, dependencies)(contact);
    return {
      owner: owner.kind === 'other' ? owner.user.userId : owner.kind,
      named,
      reads: dependencies.reads,
    };
  };
  const ofBob: Parameters<typeof worldOf>[0] = { users: [BOB], claimed: [[5, 'bob']] };
  const withoutContact: User = { userId: 'bob', email: 'bob@example.com' };

  it.each<Row>([
    ['nobody', {}, undefined, 'free'],
    ['the user by the claim', { claimed: [[5, 'ann']] }, undefined, 'own'],
    ['the user by the id in it', {}, 'ann', 'own'],
    ['the user by the id in it, after a deleted user', { claimed: [[5, 'deleted']] }, 'ann', 'own'],
    ['nobody after a deleted user', { claimed: [[5, 'deleted']] }, 'deleted', 'free'],
    ['another user by the claim', ofBob, undefined, 'bob'],
    ['another user by the claim, although it shows the user', ofBob, 'ann', 'bob'],
    [
      'another user by the claim, although it shows the user, who has no contact yet',
      { users: [BOB, { userId: 'ann' }], claimed: [[5, 'bob']] },
      'ann',
      'bob',
    ],
    ['another user by the claim, although it shows a deleted one', ofBob, 'deleted', 'bob'],
    ['another user by the id in it, who has no contact', { users: [withoutContact] }, 'bob', 'bob'],
    ['another user by the id in it, who has this contact', { users: [BOB] }, 'bob', 'bob'],
    [
      'another user by the id in it, whose contact is gone',
      { users: [{ ...BOB, crm: { contactId: 6 } }] },
      'bob',
      'bob',
    ],
    [
      'another user by the id in it over a claim of the user',
      { users: [withoutContact], claimed: [[5, 'ann']] },
      'bob',
      'bob',
    ],
    [
      'the user by the claim, where the user in it has another contact',
      { users: [{ ...BOB, crm: { contactId: 6 } }], claimed: [[5, 'ann']], contacts: [contactOf(6)] },
      'bob',
      'own',
    ],
  ])('is %s', async (_, world, shown, owner) => {
    expect(await ownerFor(contactOf(5, shown), world, false)).toMatchObject({ owner, named: shown });
  });

  it('is that user after the own contact is gone, if it shows the user: who merged the contacts has chosen', async () => {
    expect((await ownerFor(contactOf(5, 'ann'), ofBob, true)).owner).toBe('own');
    expect((await ownerFor(contactOf(5), ofBob, true)).owner).toBe('bob');
  });

  it('is read from the single contact where a list leaves out custom fields', async () => {
    const listed = { id: 5 };
    expect(await ownerFor(listed, { contacts: [contactOf(5, 'ann')] }, false)).toEqual({
      owner: 'own',
      named: 'ann',
      reads: [5],
    });
    expect((await ownerFor(contactOf(5, 'ann'), {}, false)).reads).toEqual([]);
  });
});

it('a contact that the CRM lists and does not know has no owner yet', async () => {
  const { client } = await worldOf({});
  await expect(readListed(client, 5)).rejects.toMatchObject({ afterMs: GONE_AFTER_MS });
  const owner = ownerOf('ann', CATALOG, false, await worldOf({}))({ id: 5 });
  await expect(owner).rejects.toBeInstanceOf(RetryableError);
});

describe('a contact that shows a user', () => {
  it.each<[string, CrmState | undefined, Contact[], boolean, number[]]>([
    ['is that of a user without any', undefined, [contactOf(5)], true, []],
    ['is that of the user who has it', { contactId: 5 }, [contactOf(5)], true, []],
    ['is not that of a user with another one', { contactId: 6 }, [contactOf(6)], false, [6]],
    ['is that of a user whose other one is gone', { contactId: 6 }, [contactOf(5)], true, [6]],
  ])('%s', async (_, crm, contacts, expected, expectedReads) => {
    const { client, reads } = await worldOf({ contacts });
    expect(await isContactOf({ userId: 'bob', crm }, 5, client)).toBe(expected);
    expect(reads).toEqual(expectedReads);
  });
});

it('a contact that could not be read is not missing', async () => {
  const readContact = async () => {
    throw new Error('down');
  };
  await expect(readOrMissing({ readContact }, 5)).rejects.toThrow('down');
});

describe('the contact of an item', () => {
  const item: CrmState = { contactId: 5, formerContactIds: [6, 7, 8] };
  const own = (contactId: number, isClaimed = true) => ({ own: { contactId, isClaimed } });

  it.each<[string, CrmState, [number, string][], boolean, object]>([
    ['none', {}, [[5, 'ann']], false, {}],
    ['none, whatever the user had before', { formerContactIds: [6] }, [[6, 'ann']], true, {}],
    [
      'the stored one, if the claim confirms it',
      item,
      [
        [5, 'ann'],
        [7, 'ann'],
      ],
      false,
      own(5),
    ],
    ['the stored one, if there is no claim', item, [[7, 'ann']], false, own(5, false)],
    [
      'a former one that the claim confirms, after a retired one',
      item,
      [
        [5, 'deleted'],
        [7, 'ann'],
        [8, 'ann'],
      ],
      false,
      own(7),
    ],
    [
      'a former one that the claim confirms, after one that is gone',
      item,
      [
        [5, 'ann'],
        [7, 'ann'],
      ],
      true,
      own(7),
    ],
    ['none after one that is gone', { contactId: 5 }, [[5, 'ann']], true, {}],
    [
      'no former one that is gone, too',
      { ...item, missingSince: { 7: new Date(NOON - GONE_AFTER_MS).toISOString() } },
      [[7, 'ann']],
      true,
      {},
    ],
    [
      'a former one that may come back',
      { ...item, missingSince: { 7: new Date(NOON - GONE_AFTER_MS + 1).toISOString() } },
      [[7, 'ann']],
      true,
      own(7),
    ],
    ['none without a claim on a former one', item, [[5, 'deleted']], false, {}],
    ['none after one that is gone and another user has', item, [[5, 'bob']], true, {}],
  ])('is %s', async (_, crm, claimed, isGone, expected) => {
    const world = await worldOf({ users: [BOB], claimed });
    expect(await ownContact('ann', crm, isGone, { claims: world.claims, now: () => NOON })).toEqual(expected);
  });

  it('is lost to the user who has it', async () => {
    const world = await worldOf({
      users: [BOB],
      claimed: [
        [5, 'bob'],
        [7, 'ann'],
      ],
    });
    expect(await ownContact('ann', item, false, { claims: world.claims, now: () => NOON })).toMatchObject({
      lostTo: { userId: 'bob' },
    });
  });
});
