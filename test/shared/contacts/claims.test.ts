import { expect, it, vi } from 'vitest';
import { claims } from '../../../shared/contacts/claims.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { invocationOf, memoryClaimStore, memoryUserTable } from '../../support/crm-under-test.ts';

const BOB = { userId: 'bob', email: 'bob@example.com', crm: { contactId: 5 } };

function claimsOf(...rows: Parameters<typeof memoryUserTable>) {
  const store = memoryClaimStore();
  const write = vi.spyOn(store, 'write');
  const { table } = memoryUserTable(...rows);
  return {
    write,
    ...claims({ store, users: table, mapping, invocation: () => invocationOf('a'), now: () => 1_000_000 }),
  };
}

it('of a contact that nobody had is one write', async () => {
  const { contact, write } = claimsOf();
  expect(await contact(5, 'ann')).toBe(false);
  expect(write).toHaveBeenCalledTimes(1);
});

it('of a contact that somebody had is two', async () => {
  const { contact, write } = claimsOf();
  await contact(5, 'bob');
  write.mockClear();
  await contact(5, 'ann');
  expect(write).toHaveBeenCalledTimes(2);
});

it('of an email that another user has in the table is refused, and else goes to who asks for it', async () => {
  const { email } = claimsOf(BOB);
  await email('bob@example.com', 'bob');
  await expect(email('Bob@example.com', 'ann')).rejects.toMatchObject({ otherUserId: 'bob' });
  await email('former@example.com', 'bob');
  await expect(email('former@example.com', 'ann')).resolves.toBeUndefined();
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
