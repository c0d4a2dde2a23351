import { catalogSource } from '../../../shared/infusionsoft/catalog-source.ts';
import { infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import type { StoredLedger, SyncTable } from '../../../shared/store/sync-table.ts';
import type { UserTable } from '../../../shared/store/user-table.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { readUser } from '../../../shared/user/read-user.ts';
import type { User } from '../../../shared/user/user.ts';
import { simulatorClient } from '../../demo/simulator-client.ts';
import { DEFAULT_TOKEN, type SimulatorOptions } from '../../simulator/simulator.ts';
import { startSimulator } from '../../simulator/start-simulator.ts';

/** A CRM that answers at once, with a client that does not pace. */
export async function startCrm(options: SimulatorOptions = {}) {
  const { url, stop } = await startSimulator({
    latency: { medianMs: 0, p95Ms: 0 },
    limits: { second: 10_000, minute: 100_000 },
    ...options,
  });
  const identified: typeof fetch = (input, init) => {
    const request = new Request(input, init);
    request.headers.set('x-keap-api-key', DEFAULT_TOKEN);
    return fetch(request);
  };
  const table = memorySyncTable();
  const client = infusionsoftClient({ url, fetch: identified });
  const catalog = catalogSource({
    table,
    client,
    mapping,
    owner: 'test',
    deadline: () => Date.now() + 60_000,
  });
  return { url, stop, client, catalog, table, admin: simulatorClient(url) };
}

/** The sync's table in memory, with the same rules. */
export function memorySyncTable(): SyncTable {
  let catalog: Awaited<ReturnType<SyncTable['readCatalog']>>;
  let stored: StoredLedger | undefined;
  const leases = new Map<string, { owner: string; until: number }>();
  return {
    readCatalog: async () => structuredClone(catalog),
    writeCatalog: async (written) => {
      catalog = structuredClone(written);
    },
    readLedger: async () => structuredClone(stored),
    writeLedger: async (ledger, over) => {
      if (stored?.version !== over) return false;
      stored = { ledger: structuredClone(ledger), version: (over ?? 0) + 1 };
      return true;
    },
    acquireLease: async (name, owner, { now, until }) => {
      const lease = leases.get(name);
      if (lease && lease.until >= now) return false;
      leases.set(name, { owner, until });
      return true;
    },
    releaseLease: async (name, owner) => {
      if (leases.get(name)?.owner === owner) leases.delete(name);
    },
  };
}

/** The user table in memory, with the same rules. */
export function memoryUserTable(...items: (Record<string, unknown> & { userId: string })[]) {
  const rows = new Map<string, Record<string, unknown>>(items.map((item) => [item.userId, item]));
  const table: UserTable = {
    read: async (userId) => {
      const item = rows.get(userId);
      return item && readUser(structuredClone(item));
    },
    writeCrm: async (userId, crm) => {
      const item = rows.get(userId);
      if (!item) return false;
      rows.set(userId, { ...item, crm: structuredClone(crm) });
      return true;
    },
  };
  const user = (userId: string): User => readUser(rows.get(userId) ?? {}).user;
  const edit = (userId: string, changes: Record<string, unknown>) =>
    rows.set(userId, { ...rows.get(userId), ...changes });
  return { table, rows, user, edit };
}
