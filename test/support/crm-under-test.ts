import ky from 'ky';
import { catalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import { infusionsoftClient } from '../../shared/infusionsoft/client.ts';
import type { Invocation } from '../../shared/invocation.ts';
import { INVOCATION_MS } from '../../shared/quota/retry-policy.ts';
import type { Claim, ClaimStore, ExpectedClaim } from '../../shared/store/claim-store.ts';
import {
  type ErasureRecord,
  type ErasureRecordStore,
  strongest,
} from '../../shared/store/erasure-records.ts';
import type { PostponedStore, Postponement } from '../../shared/store/postponed-store.ts';
import type { Inspection, PendingRetirement, ProbeRecord, SyncTable } from '../../shared/store/sync-table.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import { readUser, userOf } from '../../shared/user/read-user.ts';
import type { User } from '../../shared/user/user.ts';
import { simulatorClient } from '../demo/simulator-client.ts';
import type { PreloadedContact } from '../simulator/admin-routes.ts';
import { createSimulator, DEFAULT_TOKEN, type SimulatorOptions } from '../simulator/simulator.ts';
import { simulatorApp } from '../simulator/simulator-app.ts';
import { startSimulator } from '../simulator/start-simulator.ts';
import { memoryStore } from './memory-store.ts';

/** An invocation that begins now. */
export const invocationOf = (environment: string, number = 1, now = Date.now()): Invocation => ({
  environment,
  number,
  endsAt: now + INVOCATION_MS,
});

/**
 * A simulated CRM that answers at once, with a client without a rate limit.
 *
 * @param options.isServer true: answers at its URL. False: requests are function calls instead of HTTP, which is faster.
 */
export async function startCrm(
  { isServer = false, ...options }: SimulatorOptions & { isServer?: boolean } = {},
  mapping: Mapping = defaultMapping,
) {
  const common = {
    latency: { medianMs: 0, p95Ms: 0 },
    limits: { second: 10_000, minute: 100_000 },
    ...options,
  };
  const { url, stop, fetch } = isServer
    ? { ...(await startSimulator(common)), fetch: globalThis.fetch }
    : withoutServer(common);
  const identified: typeof fetch = (input, init) => {
    const request = new Request(input, init);
    request.headers.set('x-keap-api-key', DEFAULT_TOKEN);
    return fetch(request);
  };
  const table = memorySyncTable();
  const client = infusionsoftClient({ url, fetch: identified });
  const environment = (name: string) =>
    catalogSource({ table, client, mapping, invocation: () => invocationOf(name) });
  const catalog = environment('test');
  const admin = simulatorClient(url, fetch);
  /** Counts the requests that some work makes, by route, without those of the catalog. */
  const requestsOf = async (work: () => Promise<unknown>): Promise<Record<string, number>> => {
    await catalog.current();
    const before = (await admin.stats()).requests;
    await work();
    const after = Object.entries((await admin.stats()).requests);
    const cost = after.map(([route, count]): [string, number] => [route, count - (before[route] ?? 0)]);
    return Object.fromEntries(cost.filter(([, count]) => count > 0));
  };
  return {
    url,
    stop,
    /** Makes a request with credentials. */
    fetch: identified,
    client,
    catalog,
    mapping,
    /** The catalog of another environment. */
    another: () => environment('another'),
    table,
    admin,
    requestsOf,
    contacts: () => admin.contacts(),
    preload: (...json: PreloadedContact[]) =>
      ky.post(`${url}/_simulator/contacts`, { json, fetch }).json<{ id: number }[]>(),
  };
}

/** The cause of a failed fetch whose connection broke. */
const CONNECTION_RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

function withoutServer(options: SimulatorOptions) {
  const app = simulatorApp(createSimulator(options));
  const fetchApp: typeof fetch = (input, init) =>
    new Promise((resolve, reject) => {
      const request = new Request(input, init);
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
      const destroy = () => reject(new TypeError('fetch failed', { cause: CONNECTION_RESET }));
      Promise.resolve(app.fetch(request, { outgoing: { destroy } })).then(resolve, reject);
    });
  return { url: 'http://crm.test', stop: async () => {}, fetch: fetchApp };
}

/** The sync table in memory, with the same rules. */
export function memorySyncTable(): SyncTable {
  let catalog: Awaited<ReturnType<SyncTable['readCatalog']>>;
  let inspection: Inspection | undefined;
  let probe: ProbeRecord | undefined;
  let claimIndex: Awaited<ReturnType<SyncTable['readClaimIndex']>>;
  const retirements = new Map<string, PendingRetirement>();
  const ids = new Map<string, number>();
  const ownCompanies = new Set<string>();
  const leases = new Map<string, Invocation>();
  return {
    readCatalog: async () => structuredClone(catalog),
    writeCatalog: async (written) => {
      catalog = structuredClone(written);
    },
    readInspection: async () => structuredClone(inspection),
    writeInspection: async (written) => {
      inspection = structuredClone(written);
    },
    readCompanyId: async (key) => ids.get(key),
    writeCompanyId: async (key, crmId) => void ids.set(key, crmId),
    hasOwnCompany: async (name) => ownCompanies.has(name.trim().toLowerCase()),
    writeOwnCompany: async (name) => void ownCompanies.add(name.trim().toLowerCase()),
    readProbe: async () => structuredClone(probe),
    writeProbe: async (written) => {
      probe = structuredClone(written);
    },
    deleteProbe: async () => {
      probe = undefined;
    },
    readClaimIndex: async () => structuredClone(claimIndex),
    writeClaimIndex: async (written) => {
      claimIndex = structuredClone(written);
    },
    readRetirement: async (userId) => structuredClone(retirements.get(userId)),
    writeRetirement: async (userId, pending) => void retirements.set(userId, structuredClone(pending)),
    deleteRetirement: async (userId) => void retirements.delete(userId),
    ledger: memoryStore(),
    progress: memoryStore(),
    refusals: memoryStore(),
    slots: memoryStore(),
    acquireLease: async (name, holder, now) => {
      const held = leases.get(name);
      const isLeftBehind = held?.environment === holder.environment && held.number !== holder.number;
      if (held && held.endsAt >= now && !isLeftBehind) return false;
      leases.set(name, holder);
      return true;
    },
    releaseLease: async (name, { environment, number }) => {
      const held = leases.get(name);
      if (held?.environment === environment && held.number === number) leases.delete(name);
    },
  };
}

/** The user table in memory, with the same rules. */
export function memoryUserTable(...items: (Record<string, unknown> & { userId: string })[]) {
  const rows = new Map<string, Record<string, unknown>>(items.map((item) => [item.userId, item]));
  let writes = 0;
  const table: UserTable = {
    read: async (userId) => {
      const item = rows.get(userId);
      return item && readUser(structuredClone(item));
    },
    readMany: async (userIds) =>
      withoutDuplicates(userIds).flatMap((userId) =>
        rows.has(userId) ? userOf(structuredClone(rows.get(userId) ?? {})) : [],
      ),
    writeCrm: async (userId, crm, over) => {
      const item = rows.get(userId);
      if (!item) return 'gone';
      const { revision } = (item['crm'] ?? {}) as { revision?: unknown };
      if ((typeof revision === 'number' ? revision : undefined) !== over) return 'conflict';
      const written = { ...crm, revision: (over ?? 0) + 1, attemptId: `write ${++writes}` };
      const { warnings } = readUser(structuredClone({ userId, crm: written }));
      if (warnings.length > 0)
        throw new Error(`This state cannot be read again: ${JSON.stringify({ warnings, written })}`);
      rows.set(userId, { ...item, crm: structuredClone(written) });
      return 'stored';
    },
    scan: async () => ({
      users: [...rows.values()].flatMap((item) => userOf(structuredClone(item))),
      finished: true,
      next: null,
    }),
  };
  const user = (userId: string): User => readUser(rows.get(userId) ?? {}).user;
  const edit = (userId: string, changes: Record<string, unknown>) =>
    rows.set(userId, { ...rows.get(userId), ...changes });
  return { table, rows, user, edit };
}

/** @throws as BatchGetItem does: "ValidationException: Provided list of item keys contains duplicates". */
function withoutDuplicates(keys: readonly string[]): readonly string[] {
  if (new Set(keys).size < keys.length)
    throw new RangeError('Provided list of item keys contains duplicates');
  return keys;
}

/** Claims in memory, with the same rules. */
export function memoryClaimStore(): ClaimStore {
  const items = new Map<string, Claim>();
  return {
    write: async (key, claim, over) => {
      const held = items.get(key);
      if (held && !(over && isExpected(held, over))) return { stored: false, found: structuredClone(held) };
      items.set(key, claim);
      return { stored: true };
    },
    read: async (key) => structuredClone(items.get(key)),
    readMany: async (keys) =>
      new Map(
        withoutDuplicates(keys).flatMap((key) =>
          items.has(key) ? [[key, structuredClone(items.get(key) as Claim)]] : [],
        ),
      ),
  };
}

const isExpected = (
  held: Claim,
  { userId, notRetiringAt = 0, claimedBefore = Number.POSITIVE_INFINITY, orRetired }: ExpectedClaim,
): boolean =>
  (held.userId === userId || (orRetired === true && held.claimedAt === undefined)) &&
  (held.retiringUntil === undefined || notRetiringAt === 0 || held.retiringUntil < notRetiringAt) &&
  (held.claimedAt ?? 0) < claimedBefore;

/** Erasure records in memory. */
export function memoryErasureRecordStore(): ErasureRecordStore {
  const erasureRecords = new Map<string, ErasureRecord>();
  return {
    read: async (userId) => erasureRecords.get(userId),
    write: async (erasureRecord) => {
      const { userId } = erasureRecord;
      erasureRecords.set(userId, strongest(erasureRecords.get(userId), erasureRecord));
    },
    list: async () => [...erasureRecords.values()],
  };
}

/** Postponed groups in memory. */
export function memoryPostponedStore(): PostponedStore {
  const items = new Map<string, Postponement>();
  return {
    record: async (group, postponement) => void items.set(group, postponement),
    clear: async (group) => void items.delete(group),
    read: async (groups) =>
      new Map(
        groups.flatMap((group) => (items.has(group) ? [[group, items.get(group) as Postponement]] : [])),
      ),
  };
}
