import { describe, expect, it, vi } from 'vitest';
import { optOutContact } from '../../../shared/contacts/opt-out-contact.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../../../shared/quota/retry-policy.ts';
import { mapping } from '../../../shared/user/mapping.ts';

const DELETED_AT = Date.parse('2026-06-15T12:00:00Z');
const emails = [
  { field: 'EMAIL2', email: 'bob@example.com' },
  { field: 'EMAIL1', email: 'ann@example.com' },
];

async function optOut(
  contact: Partial<Contact>,
  cause: 'withdrawn' | 'erased',
  { isTaken = false, failure, now = DELETED_AT }: { isTaken?: boolean; failure?: Error; now?: number } = {},
) {
  const setOptIn = vi.fn(async () => {
    if (failure) throw failure;
    return false;
  });
  const claims = { isEmailTaken: async () => isTaken };
  await optOutContact({ id: 7, email_addresses: emails, ...contact }, cause, DELETED_AT, {
    client: { setOptIn },
    claims,
    mapping,
    now: () => now,
  });
  return setOptIn.mock.calls;
}

describe('the first address of a deleted user’s contact', () => {
  const WITHDRAWN = [['ann@example.com', false, 'Withdrew the consent to marketing in the app']];
  const ERASED = [['ann@example.com', false, 'The person was erased']];

  it.each([
    ['withdrawn', { email_opted_in: true }, WITHDRAWN],
    ['withdrawn', { email_opted_in: false }, WITHDRAWN],
    ['erased', { email_opted_in: true }, ERASED],
    ['erased', {}, ERASED],
    ['erased', { email_opted_in: null }, ERASED],
    ['erased', { email_opted_in: false }, []],
    ['erased', { email_addresses: null }, []],
    ['erased', { email_addresses: [{ field: 'EMAIL2', email: 'bob@example.com' }] }, []],
  ] as const)('%s, of a contact with %j', async (cause, contact, calls) => {
    expect(await optOut(contact as Partial<Contact>, cause)).toEqual(calls);
  });

  it('is left alone while a living user has it', async () => {
    expect(await optOut({}, 'erased', { isTaken: true })).toEqual([]);
    expect(await optOut({}, 'withdrawn', { isTaken: true })).toEqual([]);
  });

  it('that the CRM does not know is tried again for a minute, and is no missing contact', async () => {
    const failure = new NotFoundError('not found');
    await expect(optOut({}, 'withdrawn', { failure })).rejects.toMatchObject({
      name: 'RetryableError',
      afterMs: GONE_AFTER_MS,
    });
    const now = DELETED_AT + GONE_AFTER_MS;
    expect(await optOut({}, 'withdrawn', { failure, now })).toHaveLength(1);
  });

  it('that cannot be opted out for another reason is a failure', async () => {
    const failure = new Error('down');
    await expect(optOut({}, 'withdrawn', { failure, now: DELETED_AT + GONE_AFTER_MS })).rejects.toBe(failure);
  });
});
