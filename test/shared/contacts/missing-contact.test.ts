import { expect, it } from 'vitest';
import { isGone, mayComeBack, withMissing } from '../../../shared/contacts/missing-contact.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const cause = new Error('404');

it('a contact may come back for a minute after it was first missed, whatever other contacts are missed', () => {
  const missing = withMissing(withMissing(undefined, 7, NOON), 8, NOON + 30_000);
  expect(withMissing(missing, 7, NOON + 45_000)).toEqual(missing);
  const remaining = (contactId: number, now: number) => mayComeBack(missing, contactId, now, cause)?.afterMs;
  expect(remaining(7, NOON + 45_000)).toBe(GONE_AFTER_MS - 45_000);
  expect(remaining(7, NOON + GONE_AFTER_MS)).toBeUndefined();
  expect(remaining(8, NOON + GONE_AFTER_MS)).toBe(30_000);
  expect(remaining(9, NOON)).toBe(GONE_AFTER_MS);
  expect(mayComeBack(undefined, 7, NOON, cause)).toMatchObject({ cause, afterMs: GONE_AFTER_MS });
});

it('a contact is gone once it has been missed for a minute', () => {
  const missing = withMissing(undefined, 7, NOON);
  expect(isGone(missing, 7, NOON + GONE_AFTER_MS - 1)).toBe(false);
  expect(isGone(missing, 7, NOON + GONE_AFTER_MS)).toBe(true);
  expect(isGone(missing, 8, NOON + GONE_AFTER_MS)).toBe(false);
});
