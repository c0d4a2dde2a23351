import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY } from '../quota/retry-policy.ts';
import type { SyncTable } from '../store/sync-table.ts';
import { SYNC_TABLE_ITEMS } from '../store/sync-table-items.ts';
import { RetryableError } from '../sync/errors.ts';

/** Companies of the CRM by name. */
export interface Companies {
  /**
   * Finds the company with a name, ignoring case: in memory, in the sync table, or in the CRM, where it is created if there is none.
   *
   * @param refused an id of this company that the CRM did not accept, because the company may be gone: it is looked up again. The result is
   *   the same id if the CRM still has the company, so that something else was refused.
   * @throws RetryableError while another environment looks up the same company, and as the client does.
   */
  idOf(name: string, refused?: number): Promise<number>;
}

/** Where the ids of companies are stored, and leased while they are looked up. */
export type CompanyTable = Pick<
  SyncTable,
  'readId' | 'writeId' | 'writeOwnCompany' | 'acquireLease' | 'releaseLease'
>;

export interface CompaniesOptions {
  client: Pick<InfusionsoftClient, 'findCompanies' | 'createCompany'>;
  table: CompanyTable;
  /** The running invocation: it holds the leases. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Each name is looked up under a lease: two environments at once would create two companies. */
export function companies({ client, table, invocation, now }: CompaniesOptions): Companies {
  const ids = new Map<string, number>();
  const pending = new Map<string, Promise<number>>();

  const findOrCreate = async (name: string, refused: number | undefined): Promise<number> => {
    const key = SYNC_TABLE_ITEMS.company.key(name);
    const stored = await table.readId(key);
    if (stored !== undefined && stored !== refused) return stored;
    const holder = invocation();
    if (!(await table.acquireLease(key, holder, now())))
      throw new RetryableError('Another environment is looking up the same company', {
        afterMs: LEASE_RETRY.companyMs,
      });
    try {
      const found = (await client.findCompanies(name)).sort((a, b) => a.id - b.id)[0];
      // Stored before the request, whose answer may be lost: a poll makes no event of a company that the sync created.
      if (!found) await table.writeOwnCompany(name, now());
      const { id } = found ?? (await client.createCompany(name));
      await table.writeId(key, id);
      return id;
    } finally {
      await table.releaseLease(key, holder);
    }
  };

  return {
    async idOf(name, refused) {
      const key = SYNC_TABLE_ITEMS.company.key(name);
      const known = ids.get(key);
      if (known !== undefined && known !== refused) return known;
      const lookup = pending.get(key) ?? findOrCreate(name, refused).finally(() => pending.delete(key));
      pending.set(key, lookup);
      const id = await lookup;
      ids.set(key, id);
      return id;
    },
  };
}
