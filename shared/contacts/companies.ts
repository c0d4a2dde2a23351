import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { UncertainError } from '../infusionsoft/http/failures.ts';
import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY, UNCERTAIN_WRITE_MS } from '../quota/retry-policy.ts';
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
   * @throws RetryableError while another invocation looks up the same company, and up to `UNCERTAIN_WRITE_MS` after the end of one that may
   *   have created it; and as the client does.
   */
  idOf(name: string, refused?: number): Promise<number>;
}

/** Where the ids of companies are stored, and leased while they are looked up. */
export type CompanyTable = Pick<
  SyncTable,
  'readCompanyId' | 'writeCompanyId' | 'writeOwnCompany' | 'acquireLease' | 'releaseLease'
>;

export interface CompaniesOptions {
  client: Pick<InfusionsoftClient, 'findCompanies' | 'createCompany'>;
  table: CompanyTable;
  /** The running invocation: it holds the leases. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Each name is looked up under a lease: two environments at once would create two companies. So would a creation without an answer and a
 * search that does not show its company yet, so the lease outlasts the invocation, unless it is released.
 */
export function companies({ client, table, invocation, now }: CompaniesOptions): Companies {
  const ids = new Map<string, number>();
  const pending = new Map<string, Promise<number>>();

  const findOrCreate = async (name: string, refused: number | undefined): Promise<number> => {
    const key = SYNC_TABLE_ITEMS.company.key(name);
    const readStored = async () => {
      const stored = await table.readCompanyId(key);
      return stored === refused ? undefined : stored;
    };
    const stored = await readStored();
    if (stored !== undefined) return stored;
    const { environment, number, endsAt } = invocation();
    // The next invocation of an environment can take over its lease. This one is of the invocation alone.
    const holder = { environment: `${environment}/${number}`, number, endsAt: endsAt + UNCERTAIN_WRITE_MS };
    if (!(await table.acquireLease(key, holder, now())))
      throw new RetryableError('Another invocation looks up the same company, or may have created it', {
        afterMs: LEASE_RETRY.companyMs,
      });
    let isUncertain = false;
    const create = async () => {
      // Stored before the request, whose answer may be lost: a poll makes no event of a company that the sync created.
      await table.writeOwnCompany(name, now());
      return client.createCompany(name).catch((error: unknown) => {
        isUncertain = error instanceof UncertainError;
        throw error;
      });
    };
    try {
      // Another invocation may have found it since, and a search may not show it yet.
      const foundSince = await readStored();
      if (foundSince !== undefined) return foundSince;
      const [found] = (await client.findCompanies(name)).sort((a, b) => a.id - b.id);
      const { id } = found ?? (await create());
      await table.writeCompanyId(key, id);
      return id;
    } finally {
      if (!isUncertain) await table.releaseLease(key, holder);
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
