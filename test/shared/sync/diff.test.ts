import fc from 'fast-check';
import { expect, it } from 'vitest';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { type Diff, diff } from '../../../shared/sync/diff.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { userArbitrary } from '../user/user-arbitrary.ts';
import { diffOfStates } from './diff-of-states.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const sorted = ({ fields, ...tags }: Diff) => ({ ...tags, fields: [...fields].sort() });

/** A user, and the same with some attributes of another: as a change leaves it. */
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

it('what differs between two users is what differs between their desired states', () => {
  fc.assert(
    fc.property(change, ([before, after]) => {
      const states = diffOfStates(desiredState(mapping, before, NOW), desiredState(mapping, after, NOW));
      expect(sorted(diff(mapping, before, after, NOW))).toEqual(sorted(states));
    }),
    { numRuns: 500 },
  );
});

it('a phone number that another country reads differently is a difference, though nobody has touched it', () => {
  const ann: User = { userId: 'ann', email: 'ann@example.com', phone: '030 123456', locale: 'de-DE' };
  const { fields } = diff(mapping, ann, { ...ann, locale: 'en-US' }, NOW);
  expect(fields).toContain('PHONE1');
});
