import { setTimeout as sleep } from 'node:timers/promises';
import type { Invocation } from '../../invocation.ts';
import { LEASE_RETRY } from '../../quota/retry-policy.ts';
import { RetryableError } from '../../sync/errors.ts';
import type { Mapping } from '../../user/define-mapping.ts';
import { type Requirements, requirementsOf } from '../../user/requirements.ts';
import type { InfusionsoftClient } from '../client.ts';
import { type Account, missingFrom } from './account.ts';
import { areArrayModesKnown, type Catalog, catalogOf, hashRequirements, withProblems } from './catalog.ts';
import { readProvinces, validProvinces } from './provinces.ts';
import { type RefreshCatalogOptions, refreshCatalog } from './refresh-catalog.ts';

/** Provides the catalog to the consumer. */
export interface CatalogSource {
  /**
   * A catalog with all names of the mapping but those that the account refuses to create: from memory, from the sync's table or from the
   * CRM, in this order.
   */
  current(): Promise<Catalog>;
  /** The same, but not from memory: it has every name that another environment may have written with until now. */
  latest(): Promise<Catalog>;
  /** A catalog that was read from the CRM after `since` (epoch milliseconds). */
  newerThan(since: number): Promise<Catalog>;
  /**
   * A catalog with the provinces of some countries (ISO 3166-1, three letters). Costs a request for each country whose list was not read
   * for a month.
   */
  withProvinces(countries: readonly string[]): Promise<Catalog>;
  /** Runs work that creates things in the account, in one environment at a time. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
  /**
   * Makes an account that was just read the catalog of all environments, if it was read for this mapping.
   *
   * @returns the account, with a problem for everything that it refused to create at the last refresh.
   */
  adopt(account: Account, requirements: Requirements): Promise<Account>;
}

/** What the catalog needs of the sync's table. */
type CatalogTable = RefreshCatalogOptions['records'] & {
  readCatalog(): Promise<Catalog | undefined>;
  writeCatalog(catalog: Catalog): Promise<void>;
  acquireLease(name: string, holder: Invocation, now: number): Promise<boolean>;
  releaseLease(name: string, holder: Invocation): Promise<void>;
};

export interface CatalogSourceOptions {
  table: CatalogTable;
  client: InfusionsoftClient;
  mapping: Mapping;
  /** The current invocation, which owns the lease. */
  invocation: () => Invocation;
  /** Called with each catalog that was read from the CRM. */
  onRefresh?: (catalog: Catalog) => void;
  /** Called for a probe contact that stays in the account: see `detect-array-modes.ts`. */
  onLeftover?: (problem: string, contactId?: number) => void;
  now?: () => number;
}

const LEASE = 'catalog';
/** How long a catalog in memory is used without a read of the sync's table, in milliseconds. */
export const CACHED_MS = 60_000;

/**
 * A catalog that one environment reads and creates for all. It takes a lease in the sync's table, and the others wait for its result: two
 * at once would create each missing tag twice.
 *
 * @throws RetryableError if another environment has the lease for too long, and as the client does.
 */
export function catalogSource(options: CatalogSourceOptions): CatalogSource {
  const { table, client, mapping, invocation, onRefresh, now = Date.now } = options;
  let cached: Catalog | undefined;
  let cachedUntil = 0;
  let pending: Promise<Catalog> | undefined;

  const requirements = requirementsOf(mapping);
  const hash = hashRequirements(requirements);

  const isUsable = (catalog: Catalog, since: number): boolean =>
    catalog.requirementsHash === hash &&
    areArrayModesKnown(catalog, now()) &&
    Date.parse(catalog.refreshedAt) > since;

  const readStored = async (since: number): Promise<Catalog | undefined> => {
    const catalog = await table.readCatalog();
    return catalog && isUsable(catalog, since) ? catalog : undefined;
  };

  /** Runs work under the lease. Before each attempt to get it, `findResult` checks whether another environment has done the work. */
  const exclusively = async <Result>(
    work: () => Promise<Result>,
    findResult: () => Promise<Result | undefined> = async () => undefined,
  ): Promise<Result> => {
    const giveUpAt = now() + LEASE_RETRY.catalogWaitMs;
    while (now() < giveUpAt) {
      const found = await findResult();
      if (found !== undefined) return found;
      const holder = invocation();
      if (await table.acquireLease(LEASE, holder, now())) {
        try {
          return await work();
        } finally {
          await table.releaseLease(LEASE, holder);
        }
      }
      await sleep(LEASE_RETRY.catalogPollMs);
    }
    throw new RetryableError('Another environment is still reading the catalog', {
      afterMs: LEASE_RETRY.catalogMs,
    });
  };

  const refresh = (since: number): Promise<Catalog> =>
    exclusively(
      async () => {
        // Another environment may have finished between the read and the lease.
        const justStored = await readStored(since);
        if (justStored) return justStored;
        const previous = await table.readCatalog();
        const catalog = await refreshCatalog({
          client,
          requirements,
          now: now(),
          previous,
          records: table,
          onLeftover: options.onLeftover ?? (() => {}),
        });
        await table.writeCatalog(catalog);
        onRefresh?.(catalog);
        return catalog;
      },
      () => readStored(since),
    );

  const newerThan = async (since: number): Promise<Catalog> => {
    if (cached && now() < cachedUntil && isUsable(cached, since)) return cached;
    pending ??= refresh(since).finally(() => {
      pending = undefined;
    });
    cached = await pending;
    cachedUntil = now() + CACHED_MS;
    return cached;
  };

  const current = () => newerThan(0);

  const latest = () => {
    cachedUntil = 0;
    return current();
  };

  const withProvinces = async (countries: readonly string[]): Promise<Catalog> => {
    const catalog = await current();
    const isComplete = ({ provinces = {} }: Catalog) => countries.every((country) => provinces[country]);
    if (isComplete(catalog)) return catalog;
    cached = await exclusively(
      async () => {
        const stored = (await readStored(0)) ?? catalog;
        const provinces = { ...stored.provinces };
        for (const country of countries) provinces[country] ??= await readProvinces(client, country, now());
        const complete = { ...stored, provinces };
        await table.writeCatalog(complete);
        return complete;
      },
      async () => {
        const stored = await readStored(0);
        return stored && isComplete(stored) ? stored : undefined;
      },
    );
    return cached;
  };

  const adopt = async (found: Account, accountRequirements: Requirements): Promise<Account> => {
    const previous = await table.readCatalog();
    const accountHash = hashRequirements(accountRequirements);
    const account = previous?.requirementsHash === accountHash ? withProblems(found, previous) : found;
    const isComplete = accountHash === hash && missingFrom(account).length === 0;
    if (!isComplete || !previous || !areArrayModesKnown(previous, now())) return account;
    const catalog = {
      ...catalogOf(account, requirements, now()),
      arrays: previous.arrays,
      provinces: validProvinces(previous, now()),
    };
    await table.writeCatalog(catalog);
    cachedUntil = 0;
    onRefresh?.(catalog);
    return account;
  };
  return { newerThan, current, latest, withProvinces, exclusively, adopt };
}
