import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';

/** Where the ledger is kept: see `shared/store/sync-table.ts`. */
export interface LedgerStore {
  readLedger(): Promise<{ ledger: Ledger; version: number } | undefined>;
  writeLedger(ledger: Ledger, over: number | undefined): Promise<boolean>;
}

/** Tries before a change is given up: environments that write at the same moment come apart by chance. */
const TRIES = 8;
const MAX_REST_MS = 100;

/** Somebody else was quicker every time. */
export class LedgerBusyError extends Error {
  override name = 'LedgerBusyError';
}

/**
 * Changes the ledger by one conditional write; another, after a new read, for each time that somebody else was quicker.
 *
 * @param known what was read last: saves the first read.
 * @returns the ledger as stored.
 * @throws LedgerBusyError after eight tries.
 */
export async function updateLedger(
  store: LedgerStore,
  change: (ledger: Ledger | undefined) => Ledger,
  known?: { ledger: Ledger; version: number },
): Promise<Ledger> {
  let stored = known ?? (await store.readLedger());
  for (let tried = 0; tried < TRIES; tried++) {
    const changed = change(stored?.ledger);
    if (await store.writeLedger(changed, stored?.version)) return changed;
    await sleep(Math.random() * MAX_REST_MS);
    stored = await store.readLedger();
  }
  throw new LedgerBusyError('The ledger of requests could not be written: others were quicker every time');
}
