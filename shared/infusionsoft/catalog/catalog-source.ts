import { setTimeout as sleep } from 'node:timers/promises';
import type { Invocation } from '../../invocation.ts';
import { LEASE_RETRY } from '../../quota/retry-policy.ts';
import type { SyncTable } from '../../store/sync-table.ts';
import { RetryableError } from '../../sync/errors.ts';
import type { Mapping } from '../../user/define-mapping.ts';
import { type Requirements, requirementsOf } from '../../user/requirements.ts';
import type { InfusionsoftClient } from '../client.ts';
import { type Account, missingFrom } from './account.ts';
import { type Catalog, catalogOf, hashOf, knowsArrays } from './catalog.ts';
import { refreshCatalog } from './refresh-catalog.ts';

/** Where the consumer gets its catalog from. */
export interface CatalogSource {
  /** The catalog with every name of the mapping: from the environment, the sync's table, or the CRM, in that order. */
  current(): Promise<Catalog>;
  /** A catalog that was read from the CRM after `since` (epoch milliseconds): read anew if nobody else has. */
  newerThan(since: number): Promise<Catalog>;
  /** Runs what only one environment may do at a time, since it creates things in the account. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Takes what somebody has just read of the account for the catalog of all environments, if it was read for this mapping. */
  adopt(account: Account, needs: Requirements): Promise<void>;
}

export interface CatalogSourceOptions {
  table: SyncTable;
  client: InfusionsoftClient;
  mapping: Mapping;
  /** The running one: it holds the lease. */
  invocation: () => Invocation;
  /** Told of each catalog that was read from the CRM. */
  onRefresh?: (catalog: Catalog) => void;
  /** Notified of a contact that the experiment with arrays leaves in the account: see `learn-arrays.ts`. */
  onLeftover?: (problem: string, contactId?: number) => void;
  now?: () => number;
}

const LEASE = 'catalog';
/** How long an environment does not look in the sync's table again, in milliseconds: one read of an item a minute. */
const CACHED_MS = 60_000;

/**
 * The catalog, read once and created by a single writer: a lease in the sync's table makes the others wait for the
 * one that refreshes, since two would create each missing tag twice.
 *
 * @throws RetryableError when another environment holds the lease for too long, or the CRM fails.
 */
export function catalogSource(options: CatalogSourceOptions): CatalogSource {
  const { table, client, mapping, invocation, onRefresh, now = Date.now } = options;
  let cached: Catalog | undefined;
  let cachedUntil = 0;
  let pending: Promise<Catalog> | undefined;

  const needs = requirementsOf(mapping);
  const hash = hashOf(needs);

  const isUsable = (catalog: Catalog, since: number): boolean =>
    catalog.needs === hash && knowsArrays(catalog, now()) && Date.parse(catalog.refreshedAt) > since;

  const stored = async (since: number): Promise<Catalog | undefined> => {
    const catalog = await table.readCatalog();
    return catalog && isUsable(catalog, since) ? catalog : undefined;
  };

  /** Runs what only one may do at a time. `meanwhile` looks before each try whether somebody else has done it. */
  const exclusively = async <Result>(
    work: () => Promise<Result>,
    meanwhile: () => Promise<Result | undefined> = async () => undefined,
  ): Promise<Result> => {
    const giveUpAt = now() + LEASE_RETRY.catalogWaitMs;
    while (now() < giveUpAt) {
      const found = await meanwhile();
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
        // Another environment may have finished between the look and the lease.
        const justStored = await stored(since);
        if (justStored) return justStored;
        const previous = await table.readCatalog();
        const catalog = await refreshCatalog({
          client,
          needs,
          now: now(),
          previous,
          records: table,
          onLeftover: options.onLeftover ?? (() => {}),
        });
        await table.writeCatalog(catalog);
        onRefresh?.(catalog);
        return catalog;
      },
      () => stored(since),
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

  const adopt = async (account: Account, asked: Requirements): Promise<void> => {
    const previous = await table.readCatalog();
    const isWhole = hashOf(asked) === hash && missingFrom(account).length === 0;
    if (!isWhole || !previous || !knowsArrays(previous, now())) return;
    const catalog = { ...catalogOf(account, needs, now()), arrays: previous.arrays };
    await table.writeCatalog(catalog);
    cachedUntil = 0;
    onRefresh?.(catalog);
  };
  return { newerThan, current: () => newerThan(0), exclusively, adopt };
}
