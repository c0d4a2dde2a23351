import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type DesiredState, desiredState } from '../../../shared/sync/desired-state.ts';
import { type Diff, diff, isEmpty } from '../../../shared/sync/diff.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { userArbitrary } from '../../support/user-arbitrary.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const sorted = ({ fields, ...tags }: Diff) => ({ ...tags, fields: [...fields].sort() });

/** The difference of two desired states, computed in full: the reference for the diff of users. */
function diffOfStates(before: DesiredState, after: DesiredState): Diff {
  const keys = new Set([...Object.keys(before.fields), ...Object.keys(after.fields)]) as Set<
    keyof DesiredState['fields']
  >;
  const isOtherConsent = after.consent !== undefined && after.consent !== before.consent;
  return {
    fields: [
      ...[...keys].filter((key) => before.fields[key] !== after.fields[key]),
      ...(isOtherConsent ? ['marketingConsent'] : []),
    ],
    tagsAdded: after.tags.filter((tag) => !before.tags.includes(tag)),
    tagsRemoved: before.tags.filter((tag) => !after.tags.includes(tag)),
  };
}

/** A user, and the same user with some attributes of another one. */
const change = fc
  .tuple(userArbitrary(), userArbitrary(), fc.array(fc.nat(20)))
  .map(([before, other, positions]): [User, User] => {
    const names = [...new Set([...Object.keys(before), ...Object.keys(other)])] as (keyof User)[];
    const after: Record<string, unknown> = { ...before };
    for (const position of positions) {
      const name = names[position % names.length] ?? 'userId';
      after[name] = other[name];
    }
    return [before, after as User];
  });

it('finds the same differences as a comparison of the full desired states', () => {
  fc.assert(
    fc.property(change, ([before, after]) => {
      const states = diffOfStates(desiredState(mapping, before, NOW), desiredState(mapping, after, NOW));
      expect(sorted(diff(mapping, before, after, NOW))).toEqual(sorted(states));
    }),
    { numRuns: 500 },
  );
});

it('finds an unchanged phone number that another locale reads differently', () => {
  const ann: User = { userId: 'ann', email: 'ann@example.com', phone: '030 123456', locale: 'de-DE' };
  const { fields } = diff(mapping, ann, { ...ann, locale: 'en-US' }, NOW);
  expect(fields).toContain('PHONE1');
});

it('is empty exactly when the desired states are equal', () => {
  fc.assert(
    fc.property(userArbitrary(), userArbitrary(), (a, b) => {
      const [before, after] = [desiredState(mapping, a, NOW), desiredState(mapping, b, NOW)];
      const same =
        JSON.stringify([Object.entries(before.fields).sort(), before.tags]) ===
          JSON.stringify([Object.entries(after.fields).sort(), after.tags]) &&
        // An unset value is no difference.
        (after.consent === undefined || after.consent === before.consent);
      expect(isEmpty(diff(mapping, a, b, NOW))).toBe(same);
      expect(isEmpty(diff(mapping, a, a, NOW))).toBe(true);
    }),
  );
});

it('has names of fields and tags, never values', () => {
  const before: User = { userId: 'u1', email: 'a@example.com', subscription: { status: 'trial' } };
  const after: User = { userId: 'u1', email: 'b@example.com', subscription: { status: 'active' } };
  expect(diff(mapping, before, after, NOW)).toEqual({
    fields: ['EMAIL1', 'custom_fields.Subscription Status'],
    tagsAdded: ['Subscription: Active'],
    tagsRemoved: ['Subscription: Trial'],
  });
});

it('has no consent if the mapping has none', () => {
  const { marketingConsent: _, ...others } = mapping;
  const ann: User = { userId: 'ann', email: 'ann@example.com' };
  expect(diff(others, ann, { ...ann, email: 'ann@home.example' }, NOW).fields).toEqual(['EMAIL1']);
});

it.each([
  [[], [], [], true],
  [['EMAIL1'], [], [], false],
  [[], ['A'], [], false],
  [[], [], ['A'], false],
  [['EMAIL1'], ['A'], [], false],
  [['EMAIL1'], [], ['A'], false],
  [[], ['A'], ['B'], false],
])(
  'of fields %j, added tags %j and removed tags %j is empty: %s',
  (fields, tagsAdded, tagsRemoved, empty) => {
    expect(isEmpty({ fields, tagsAdded, tagsRemoved })).toBe(empty);
  },
);
