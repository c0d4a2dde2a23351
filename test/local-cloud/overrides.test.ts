import { expect, it } from 'vitest';
import { ExistingItems } from './overrides.ts';

const users = [{ id: { S: 'anna' } }];

it('returns the items of the table whose logical id has the prefix', () => {
  const items = new ExistingItems({ Users: users });
  expect(items.of('SyncTable1234')).toBeUndefined();
  expect(items.of('UsersTable1234')).toBe(users);
  items.requireAllUsed();
});

it('rejects a prefix that matches two tables', () => {
  const items = new ExistingItems({ Users: users });
  items.of('UsersTable');
  expect(() => items.of('UsersArchive')).toThrow('"Users" match both UsersTable and UsersArchive');
});

it('rejects two prefixes for one table', () => {
  const items = new ExistingItems({ Users: users, UsersTable: users });
  expect(() => items.of('UsersTable')).toThrow('UsersTable has existing items under Users and UsersTable');
});

it('rejects items of a table that does not exist', () => {
  const items = new ExistingItems({ Users: users, Orders: users });
  items.of('UsersTable');
  expect(() => items.requireAllUsed()).toThrow('no table whose logical id begins with Orders');
});
