import { describe, expect, it } from 'vitest';
import { claimIndex } from '../../../shared/contacts/claim-index.ts';
import { claims } from '../../../shared/contacts/claims.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { failingFor } from '../../support/backfill-users.ts';
import {
  invocationOf,
  memoryClaimStore,
  memorySyncTable,
  memoryUserTable,
} from '../../support/crm-under-test.ts';

const rows = [
  { userId: 'ann', email: 'ann@example.com', crm: { contactId: 5 } },
  { userId: 'bob', email: 'bob@example.com', crm: { contactId: 6 } },
  { userId: 'eve', email: 'eve@example.com' },
];

/** A table that is scanned user by user. @param onPage is called for each page. */
function pagedUsers(onPage = (_cursor: string | null) => {}) {
  return {
    scan: async (cursor: string | null) => {
      onPage(cursor);
      const index = rows.findIndex(({ userId }) => userId === cursor) + 1;
      const user = rows[index] as User;
      const finished = index === rows.length - 1;
      return { users: [user], finished, next: finished ? null : user.userId };
    },
  };
}

function indexOf(
  users = pagedUsers(),
  table = memorySyncTable(),
  name = 'a',
  now = () => 1_000_000,
  recorded = mapping,
) {
  const store = memoryClaimStore();
  const invocation = () => invocationOf(name, 1, now());
  const index = claimIndex({ table, store, users, mapping: recorded, invocation, now });
  const { table: userTable } = memoryUserTable(...rows);
  return { index, table, ...claims({ store, users: userTable, mapping, invocation, now }) };
}

describe('the claims of users who had contacts before the stack', () => {
  it('are recorded by one scan', async () => {
    const { index, holderOf, claimEmail } = indexOf();
    expect(index.isComplete()).toBe(false);
    await index.refresh();
    expect(index.isComplete()).toBe(true);
    expect(await holderOf(5, 'eve')).toMatchObject({ kind: 'other', other: { userId: 'ann' } });
    expect(await claimEmail('bob@example.com', 'eve')).toMatchObject({ kind: 'contested' });
    expect(await claimEmail('eve@example.com', 'ann')).toEqual({ kind: 'new' });
  });

  it('are recorded once for all environments', async () => {
    const pages: (string | null)[] = [];
    const users = pagedUsers((cursor) => pages.push(cursor));
    const { index, table } = indexOf(users);
    await index.refresh();
    await index.refresh();
    const another = indexOf(users, table, 'b');
    await another.index.refresh();
    expect(another.index.isComplete()).toBe(true);
    expect(pages).toEqual([null, 'ann', 'bob']);
  });

  it('are recorded in parts, each a fifth of an invocation', async () => {
    let clock = 1_000_000;
    const pages: (string | null)[] = [];
    const users = pagedUsers((cursor) => {
      pages.push(cursor);
      clock += 5000;
    });
    const { index } = indexOf(users, memorySyncTable(), 'a', () => clock);
    await index.refresh();
    expect({ pages, complete: index.isComplete() }).toEqual({ pages: [null], complete: false });
    await index.refresh();
    await index.refresh();
    expect({ pages, complete: index.isComplete() }).toEqual({
      pages: [null, 'ann', 'bob'],
      complete: true,
    });
  });

  it('are recorded without the email of a user for whom the mapping throws', async () => {
    const { index, holderOf, isEmailTaken } = indexOf(
      undefined,
      undefined,
      'a',
      () => 1_000_000,
      failingFor('ann'),
    );
    await index.refresh();
    expect(index.isComplete()).toBe(true);
    expect(await holderOf(5, 'eve')).toMatchObject({ kind: 'other', other: { userId: 'ann' } });
    expect(await isEmailTaken('ann@example.com')).toBe(false);
    expect(await isEmailTaken('bob@example.com')).toBe(true);
  });

  it('are recorded by another environment at once if one fails', async () => {
    const table = memorySyncTable();
    const failing = pagedUsers(() => {
      throw new Error('throttled');
    });
    await expect(indexOf(failing, table).index.refresh()).rejects.toThrow('throttled');
    const another = indexOf(pagedUsers(), table, 'b');
    await another.index.refresh();
    expect(another.index.isComplete()).toBe(true);
  });

  it('are waited for while another environment records them', async () => {
    const table = memorySyncTable();
    await table.acquireLease('claims', invocationOf('a', 1, 1_000_000), 1_000_000);
    const { index } = indexOf(pagedUsers(), table, 'b');
    const refreshed = index.refresh();
    await table.writeClaimIndex({ cursor: null, complete: true });
    await refreshed;
    expect(index.isComplete()).toBe(true);
  });

  it('are not waited for if that takes long', async () => {
    const table = memorySyncTable();
    await table.acquireLease('claims', invocationOf('a', 1, 1_000_000), 1_000_000);
    const { index } = indexOf(pagedUsers(), table, 'b');
    await index.refresh();
    expect(index.isComplete()).toBe(false);
  });
});
