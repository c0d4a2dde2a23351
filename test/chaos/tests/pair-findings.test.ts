import { describe, expect, it } from 'vitest';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import type { ShownContact } from '../../demo/crm-account.ts';
import { countDoubled, isRetired, pairFindings } from '../pair-findings.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const ANN: User = {
  userId: 'ann',
  email: 'ann@example.com',
  phone: '+12125550101',
  crm: { contactId: 1 },
};
const BOB: User = {
  userId: 'bob',
  email: 'bob@example.com',
  phone: '+12125550102',
  crm: { contactId: 2 },
};
/** A contact that a person merged a user's contact into. */
const UNTRACEABLE = 77;
/** Has left and signed up again. */
const RECREATED: User = { userId: 'dee', email: 'dee@example.com', crm: { contactId: 4 } };
/** Has no contact yet. */
const CY: User = { userId: 'cy', email: 'cy@example.com' };

/** The contact of a user as it should be, with changes of some values by path. */
function contactOf(
  { userId, email, phone, crm }: User,
  changes: Record<string, string | undefined> = {},
  tags: string[] = ['App User'],
  id = crm?.contactId ?? 0,
): ShownContact {
  const values: Record<string, string | undefined> = {
    'email_addresses.EMAIL1': email,
    'phone_numbers.PHONE1': phone,
    'custom_fields.App User Id': userId,
    ...changes,
  };
  const present = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { id, values: new Map(present), tags: new Set(tags) };
}
/** A contact without values. */
const contact = (id: number, values: Record<string, string>, tags: string[] = []): ShownContact => ({
  id,
  values: new Map(Object.entries(values)),
  tags: new Set(tags),
});

const findings = (users: User[], contacts: ShownContact[], forgotten: string[] = []) =>
  pairFindings({
    users,
    contacts,
    forgotten: new Set(forgotten),
    untraceable: new Set([UNTRACEABLE]),
    recreated: new Set(['dee']),
    mapping,
    now: NOW,
  });

describe('contacts', () => {
  it('are doubled if a first email is that of another one, ignoring case', () => {
    const again = { ...BOB, email: 'ANN@example.com' };
    const anonymous = contactOf({ ...BOB, email: undefined });
    expect(countDoubled([contactOf(ANN), contactOf(BOB), anonymous, anonymous])).toBe(0);
    expect(countDoubled([contactOf(ANN), contactOf(again), contactOf(again)])).toBe(2);
  });

  it.each<[string[], boolean]>([
    [['Account Deleted', 'VIP'], true],
    [['Account Deleted', 'App User'], false],
    [['App User'], false],
    [['VIP'], false],
  ])('with the tags %j are those of deleted users, or not', (tags, expected) => {
    expect(isRetired(contactOf(ANN, {}, tags), mapping)).toBe(expected);
  });
});

describe('nothing is found', () => {
  it.each<[string, User[], ShownContact[]]>([
    ['with the own contact of each user', [ANN, BOB], [contactOf(ANN), contactOf(BOB)]],
    ['with a user who has no contact yet', [ANN, CY], [contactOf(ANN)]],
    [
      'with contacts of people who are not users',
      [ANN],
      [contactOf(ANN), contact(9, { 'email_addresses.EMAIL1': 'zoe@example.com' }, ['VIP'])],
    ],
    [
      'with the other email of a contact that was merged by hand',
      [ANN, BOB],
      [contactOf(ANN, { 'email_addresses.EMAIL2': 'bob@example.com' }), contactOf(BOB)],
    ],
    [
      'with a phone number that two users have',
      [ANN, { ...BOB, phone: '+12125550101' }],
      [contactOf(ANN), contactOf({ ...BOB, phone: '+12125550101' })],
    ],
    [
      'with the contact of a deleted user that is marked as deleted',
      [ANN],
      [contactOf(ANN), contactOf(BOB, {}, ['Account Deleted', 'VIP'])],
    ],
    [
      'with the contact of a deleted user who has come back, whose email another user has now',
      [ANN, { ...RECREATED, email: 'new@example.com', crm: { contactId: 7 } }],
      [
        contactOf(ANN),
        contactOf({ ...RECREATED, email: 'ann@example.com' }, {}, ['Account Deleted']),
        contactOf({ ...RECREATED, email: 'new@example.com', crm: { contactId: 7 } }),
      ],
    ],
    [
      'with an anonymous contact that is marked as deleted',
      [ANN],
      [contactOf(ANN), contact(2, {}, ['Account Deleted'])],
    ],
    [
      'with a contact that has tags by hand and names nobody',
      [ANN],
      [contactOf(ANN), contact(UNTRACEABLE, {}, ['Week 1'])],
    ],
    [
      'with the contact of a user who has no usable email any more',
      [{ ...ANN, email: 'nowhere', crm: {} }],
      [contactOf({ ...ANN, crm: { contactId: 1 } })],
    ],
  ])('%s', (_, users, contacts) => {
    expect(findings(users, contacts)).toEqual([]);
  });
});

describe('a shared contact', () => {
  it.each<[string, User[], ShownContact[], string]>([
    [
      'is the contact of two users',
      [ANN, { ...CY, crm: { contactId: 1 } }],
      [contactOf(ANN)],
      'user ann is its user and is named by it; user cy is its user',
    ],
    [
      'names another user than the one who has it',
      [ANN, CY],
      [contactOf(ANN, { 'custom_fields.App User Id': 'cy' })],
      'user ann is its user; user cy is named by it',
    ],
    [
      'has the email of another user, ignoring case',
      [ANN, CY],
      [contactOf(ANN, { 'email_addresses.EMAIL1': 'CY@example.com' })],
      'user ann is its user and is named by it; user cy has its EMAIL1',
    ],
    [
      'has the phone number of another user',
      [ANN, BOB],
      [contactOf(ANN, { 'phone_numbers.PHONE1': '+12125550102' }), contactOf(BOB)],
      'user ann is its user and is named by it; user bob has its PHONE1',
    ],
    [
      'is nobody’s, and has the data of two users',
      [ANN, BOB],
      [
        contactOf(ANN),
        contactOf(BOB),
        contact(9, {
          'custom_fields.App User Id': 'ann',
          'email_addresses.EMAIL1': 'bob@example.com',
        }),
      ],
      'user ann is named by it; user bob has its EMAIL1',
    ],
  ])('%s', (_, users, contacts, text) => {
    const found = findings(users, contacts).filter(({ kind }) => kind === 'shared');
    expect(found.map((finding) => finding.text)).toEqual([text]);
  });
});

describe('an orphan', () => {
  it.each<[string, User[], ShownContact[], string[], string]>([
    [
      'is a second contact of a user',
      [ANN],
      [contactOf(ANN), contactOf(ANN, {}, [], 9)],
      [],
      'names user ann, who has another contact or none',
    ],
    [
      'is a contact that its user does not know of',
      [CY],
      [contactOf(CY, {}, ['App User'], 9)],
      [],
      'names user cy, who has another contact or none',
    ],
    [
      'is a contact of a living user that is marked as deleted, and that the user does not know of',
      [CY],
      [contactOf(CY, {}, ['Account Deleted'], 9)],
      [],
      'names user cy, who has another contact or none',
    ],
    [
      'is the contact of a deleted user that looks alive',
      [ANN],
      [contactOf(ANN), contactOf(BOB)],
      [],
      'names the deleted user bob and is not marked as deleted',
    ],
    [
      'is the contact of a deleted user that is marked as deleted and looks alive too',
      [],
      [contactOf(BOB, {}, ['App User', 'Account Deleted'])],
      [],
      'names the deleted user bob and is not marked as deleted',
    ],
    [
      'has managed tags and names nobody',
      [ANN],
      [contactOf(ANN), contact(9, {}, ['Week 1', 'VIP'])],
      [],
      'has the tags Week 1 and no user',
    ],
    [
      'has tags by hand and names a user who has another contact',
      [ANN],
      [contactOf(ANN), contactOf(ANN, {}, ['App User'], UNTRACEABLE)],
      [],
      'names user ann, who has another contact or none',
    ],
    [
      'is the contact of a forgotten user, even if it is marked as deleted',
      [ANN],
      [contactOf(ANN), contactOf(BOB, {}, ['Account Deleted'])],
      ['bob'],
      'names the forgotten user bob',
    ],
  ])('%s', (_, users, contacts, forgotten, text) => {
    expect(findings(users, contacts, forgotten)).toEqual([
      { kind: 'orphan', contactId: expect.any(Number), text },
    ]);
  });

  it('is not the contact of an earlier account that is marked as deleted', () => {
    const earlier = (tag: string) =>
      contactOf(RECREATED, { 'email_addresses.EMAIL1': 'old@example.com' }, [tag], 9);
    expect(findings([RECREATED], [contactOf(RECREATED), earlier('Account Deleted')])).toEqual([]);
    expect(findings([RECREATED], [contactOf(RECREATED), earlier('App User')])).toHaveLength(1);
  });

  it('is not the contact of a user who signed up again after being forgotten', () => {
    expect(findings([ANN], [contactOf(ANN)], ['ann'])).toEqual([]);
  });
});
