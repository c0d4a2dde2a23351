import { expect, it } from 'vitest';
import { isLeased, withLease } from '../../../shared/contacts/lease.ts';
import { INVOCATION_MS } from '../../../shared/invocation.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const holder = { environment: 'a', number: 1, endsAt: NOW + INVOCATION_MS };
const state = withLease({}, holder);

it.each([
  ['the same invocation', holder, true],
  ['the next invocation of the same environment', { ...holder, number: 2 }, false],
  ['another environment', { ...holder, environment: 'b', number: 2 }, true],
])('a lease blocks %s: %s', (_, invocation, expected) => {
  expect(isLeased(state, invocation, NOW)).toBe(expected);
});

it('a lease ends with its invocation', () => {
  const other = { ...holder, environment: 'b' };
  expect(isLeased(state, other, holder.endsAt - 1)).toBe(true);
  expect(isLeased(state, other, holder.endsAt)).toBe(false);
});
