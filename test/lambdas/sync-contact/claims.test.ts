import { expect, it, vi } from 'vitest';
import { claims } from '../../../lambdas/sync-contact/claims.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { memoryClaimStore, memoryUserTable } from './crm.ts';

const BOB = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 5 } };

function claimsOf(...rows: Parameters<typeof memoryUserTable>) {
  const store = memoryClaimStore();
  const [read, write] = [vi.spyOn(store, 'read'), vi.spyOn(store, 'write')];
  const { table } = memoryUserTable(...rows);
  return { read, write, ...claims({ store, users: table, mapping, now: () => 1_000_000 }) };
}

it('of a contact that nobody had is one write and no read', async () => {
  const { contact, read, write } = claimsOf();
  expect(await contact(5, 'ann')).toBe(false);
  expect(write).toHaveBeenCalledTimes(1);
  expect(read).not.toHaveBeenCalled();
});

it('of a contact that is the user’s already tells of no other', async () => {
  const { contact } = claimsOf();
  await contact(5, 'ann');
  expect(await contact(5, 'ann')).toBe(false);
});

it('of a contact that another left tells of it, again and again', async () => {
  const { contact } = claimsOf();
  await contact(5, 'ann');
  expect(await contact(5, 'bob')).toBe(true);
  expect(await contact(5, 'bob')).toBe(true);
});

it('of a contact that is another user’s is refused', async () => {
  const { contact } = claimsOf(BOB);
  await contact(5, 'bob');
  await expect(contact(5, 'ann')).rejects.toMatchObject({
    reason: 'contact-of-another-user',
    otherUserId: 'bob',
  });
});
