import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkNames, checkUser } from '../../../../infra/cli/check-mapping/mapping-problems.ts';
import { arbitraryUser } from '../../../../infra/cli/check-mapping/user-arbitrary.ts';
import { choice, type Mapping, type TagGroup, tagGroup } from '../../../../shared/user/define-mapping.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import { readUser } from '../../../../shared/user/read-user.ts';
import { richMapping } from '../../../support/rich-mapping.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const DAY_MS = 86_400_000;
const users = fc.sample(arbitraryUser(NOW), { numRuns: 300, seed: 1 });
const problemsOf = (of: Mapping) => [
  ...new Set([...checkNames(of), ...users.flatMap((user) => checkUser(of, user, NOW))]),
];
const text = { type: 'Text', value: () => undefined } as const;
const fail = (): never => {
  throw new TypeError('no value');
};

describe('a mapping', () => {
  it.each([
    ['of the app', mapping],
    ['with every kind of field', richMapping],
  ])('%s has no problems', (_, of) => {
    expect(problemsOf(of)).toEqual([]);
  });

  it.each<[string, Partial<Mapping>, RegExp]>([
    ['a user id field that does not exist', { userIdField: 'No Such Field' }, /No Such Field.*customFields/],
    [
      'no email',
      { contact: { given_name: () => 'Ann' } as unknown as Mapping['contact'] },
      /contact has no EMAIL1/,
    ],
    [
      'a field that contacts do not have',
      { contact: { ...mapping.contact, givenName: () => 'Ann' } as Mapping['contact'] },
      /contact has "givenName", which is not a field of a contact/,
    ],
    [
      'a type that custom fields do not have',
      { customFields: { Plan: { type: 'Wholenumber', value: () => 1 } as never } },
      /"Plan" has the unknown type "Wholenumber". Types: .*WholeNumber/,
    ],
    [
      'a field that throws',
      {
        contact: {
          ...mapping.contact,
          given_name: (user) => (user as { firstName: string }).firstName.trim(),
        },
      },
      /The field given_name throws \(TypeError\) for some users/,
    ],
    [
      'a choice that throws',
      { contact: { ...mapping.contact, lead_source: { names: ['A'], pick: fail } } },
      /The field lead_source throws/,
    ],
    [
      'a custom field that throws',
      { customFields: { Plan: { type: 'Text', value: fail } } },
      /The custom field "Plan" throws/,
    ],
    [
      'a tag group that throws',
      { tagGroups: [{ tags: { A: '' }, pick: fail }] },
      /The group of the tag "A" throws/,
    ],
    [
      'a consent that throws',
      { marketingConsent: { given: fail, optInReason: 'x', withdrawalReason: 'x' } },
      /marketingConsent throws/,
    ],
    [
      'a tag group that throws on a later day',
      { tagGroups: [{ tags: { A: '' }, pick: (_, now) => (now > NOW + 3 * DAY_MS ? fail() : undefined) }] },
      /The group of the tag "A" throws/,
    ],
    ['an isActive that throws', { isActive: fail }, /isActive throws/],
    ['a user id field of another type', { userIdField: 'Program Week' }, /Program Week.*Text/],
    [
      'a consent without a reason',
      { marketingConsent: { given: () => true, optInReason: 'Asked', withdrawalReason: ' ' } },
      /marketingConsent has no withdrawalReason/,
    ],
    [
      'two tags with one name',
      { tagGroups: [...mapping.tagGroups, tagGroup({ tags: { ACTIVE: 'twice' }, pick: () => undefined })] },
      /These tags have the same name.*: "Active", "ACTIVE"/,
    ],
    [
      'a tag like that of deleted users',
      { tagGroups: [tagGroup({ tags: { 'account deleted': '' }, pick: () => undefined })] },
      /"account deleted", "Account Deleted"/,
    ],
    [
      'a field that is mapped twice',
      { customFields: { Plan: text, 'plan ': text } },
      /custom fields have the same name.*"Plan", "plan "/,
    ],
    ['a name over the limit', { customFields: { ['x'.repeat(256)]: text } }, /has 256 characters: 1 to 255/],
    [
      'a drop-down without options',
      { customFields: { Plan: { type: 'Dropdown', options: [], value: () => undefined } } },
      /"Plan" has no options/,
    ],
    [
      'an option with a comma in a list',
      { customFields: { Plan: { type: 'ListBox', options: ['a, b'], value: () => undefined } } },
      /"a, b" of "Plan" contains a comma/,
    ],
    [
      'a tag that its group does not list',
      { tagGroups: [{ tags: { A: '' }, pick: () => 'B' } satisfies TagGroup] },
      /a tag group returns "B", which it does not list/,
    ],
    [
      'a name that its choice does not list',
      { contact: { ...mapping.contact, contact_type: { names: ['A'], pick: () => 'B' } } },
      /contact_type returns "B", which it does not list/,
    ],
    [
      'a time rule that the refresh would miss',
      {
        tagGroups: [
          tagGroup({
            tags: { Anniversary: 'A year with the app' },
            pick: ({ appDownloadDate }, now) =>
              appDownloadDate && now - Date.parse(appDownloadDate) > 365 * DAY_MS ? 'Anniversary' : undefined,
          }),
        ],
      },
      /Time alone changes "no tag" to "Anniversary", but isActive returns false/,
    ],
  ])('with %s is reported', (_, wrong, expected) => {
    expect(problemsOf({ ...mapping, ...wrong }).join('\n')).toMatch(expected);
  });

  it('whose choices are declared by `choice` cannot pick another: it does not compile', () => {
    // @ts-expect-error B is not in the list
    choice({ names: ['A'], pick: () => 'B' });
  });
});

it('generated users match the schema and cover its attributes', () => {
  for (const user of users) expect(readUser({ ...user }).warnings).toEqual([]);
  const attributes = new Set(users.flatMap((user) => Object.keys(user)));
  expect([...attributes]).toEqual(
    expect.arrayContaining(['email', 'subscription', 'progress', 'lastActiveAt']),
  );
});
