import { expect, it } from 'vitest';
import { ExistingItems } from './existing-items.ts';

const users = [{ id: { S: 'anna' } }];

it('gives items to the one table whose logical id begins as told', () => {
  const items = new ExistingItems({ Users: users });
  expect(items.of('SyncTable1234')).toBeUndefined();
  expect(items.of('UsersTable1234')).toBe(users);
  items.requireAllUsed();
});

it('refuses items that could be of two tables', () => {
  const items = new ExistingItems({ Users: users });
  items.of('UsersTable');
  expect(() => items.of('UsersArchive')).toThrow('"Users" could be of UsersTable and of UsersArchive');
});

it('refuses two sets of items for one table', () => {
  const items = new ExistingItems({ Users: users, UsersTable: users });
  expect(() => items.of('UsersTable')).toThrow('UsersTable has existing items as Users and as UsersTable');
});

it('does not overlook items that are of no table', () => {
  const items = new ExistingItems({ Users: users, Orders: users });
  items.of('UsersTable');
  expect(() => items.requireAllUsed()).toThrow('no table whose logical id begins with Orders');
});
