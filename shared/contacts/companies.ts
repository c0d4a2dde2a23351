import { createHash } from 'node:crypto';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY } from '../quota/retry-policy.ts';
import type { SyncTable } from '../store/sync-table.ts';
import { RetryableError } from '../sync/errors.ts';

/** Companies of the CRM by name. */
export interface Companies {
  /**
   * Id of the company with a name, whatever the case of its letters: known from the environment, the sync's table, or the CRM, where it
   * is created if there is none.
   * @throws RetryableError while another environment looks for the same, and as the client does.
   */
  idOf(name: string): Promise<number>;
}

export interface CompaniesOptions {
  client: InfusionsoftClient;
  table: SyncTable;
  /** The running one: it holds the leases. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/** A hash, so that the sync's table holds no name: a company can be a person. */
const keyOf = (name: string): string =>
  `company#${createHash('sha256').update(name.trim().toLowerCase()).digest('base64url')}`;

/** One writer for each name, since two at once would make two companies. */
export function companies({ client, table, invocation, now }: CompaniesOptions): Companies {
  const known = new Map<string, Promise<number>>();

  const look = async (name: string): Promise<number> => {
    const key = keyOf(name);
    const stored = await table.readId(key);
    if (stored !== undefined) return stored;
    const holder = invocation();
    if (!(await table.acquireLease(key, holder, now())))
      throw new RetryableError('Another environment is looking for the same company', {
        afterMs: LEASE_RETRY.companyMs,
      });
    try {
      const found = (await client.findCompanies(name)).sort((a, b) => a.id - b.id)[0];
      const { id } = found ?? (await client.createCompany(name));
      await table.writeId(key, id);
      return id;
    } finally {
      await table.releaseLease(key, holder);
    }
  };

  return {
    async idOf(name) {
      const key = keyOf(name);
      const pending = known.get(key) ?? look(name);
      known.set(key, pending);
      try {
        return await pending;
      } catch (error) {
        known.delete(key);
        throw error;
      }
    },
  };
}
