import { expect, it } from 'vitest';
import { assertNotLeased, isLeased, withLease } from '../../../shared/contacts/lease.ts';
import { INVOCATION_MS, LEASE_RETRY } from '../../../shared/quota/retry-policy.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const holder = { environment: 'a', number: 1, endsAt: NOW + INVOCATION_MS };
const state = withLease({}, holder);

it('a lease blocks other work of its invocation, and other environments', () => {
  expect(isLeased(state, holder, NOW)).toBe(true);
  expect(isLeased(state, { ...holder, environment: 'b', number: 2 }, NOW)).toBe(true);
});

it('a lease does not block the next invocation of its environment', () => {
  expect(isLeased(state, { ...holder, number: 2 }, NOW)).toBe(false);
});

it('a lease ends with its invocation', () => {
  const other = { ...holder, environment: 'b' };
  expect(isLeased(state, other, holder.endsAt - 1)).toBe(true);
  expect(isLeased(state, other, holder.endsAt)).toBe(false);
});

it('a lease postpones the work of others, and leaves the rest of the state as it is', () => {
  const leased = withLease({ contactId: 5 }, holder);
  expect(leased).toMatchObject({ contactId: 5 });
  const work = (at: number) => () => assertNotLeased(leased, { ...holder, environment: 'b' }, at);
  expect(work(NOW)).toThrow(expect.objectContaining({ name: 'RetryableError', afterMs: LEASE_RETRY.userMs }));
  expect(work(holder.endsAt)).not.toThrow();
});
