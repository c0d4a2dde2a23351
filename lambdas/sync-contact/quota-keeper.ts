import type { Logger } from '@aws-lambda-powertools/logger';
import type { RequestGate } from '../../shared/infusionsoft/http/request-gate.ts';
import { type Ledger, ledgerAt, type Pause, record } from '../../shared/quota/ledger.ts';
import { type Budget, backfillPausedUntil, pauseOf } from '../../shared/quota/remaining-quota.ts';
import { updateVersioned, type Versioned, type VersionedStore } from '../../shared/quota/versioned-store.ts';

/** What a batch may do. */
export interface Allowance {
  /** Nobody may make requests until it is over. */
  pause: Pause | undefined;
  /** Until when users of a backfill wait, in epoch milliseconds. */
  backfillPausedUntil: number | undefined;
}

/** Keeps one environment's side of the quota: it looks at the ledger before a batch and records the batch's requests after it. */
export interface QuotaKeeper {
  open(): Promise<Allowance>;
  /** One conditional write, and none where no request was made. What cannot be written is recorded with the next batch. */
  close(): Promise<void>;
}

export interface QuotaKeeperOptions {
  store: VersionedStore<Ledger>;
  gate: RequestGate;
  budget: Budget;
  logger: Logger;
  /** Epoch milliseconds. */
  now: () => number;
}

/** The quota is kept at the CRM too: a ledger that cannot be reached is a warning, and no reason to stop. */
export function quotaKeeper({ store, gate, budget, logger, now }: QuotaKeeperOptions): QuotaKeeper {
  let known: Versioned<Ledger> | undefined;
  return {
    async open() {
      try {
        known = await store.read();
      } catch (error) {
        logger.warn('The ledger of requests cannot be read', { error: nameOf(error) });
      }
      const at = now();
      const ledger = ledgerAt(known?.value, at);
      const pause = pauseOf(ledger, budget, at);
      gate.set(pause);
      return { pause, backfillPausedUntil: backfillPausedUntil(ledger, budget) };
    },
    async close() {
      const usage = gate.take();
      if (usage.starts.length === 0 && !usage.pause) return;
      try {
        const { value } = await updateVersioned(store, (before) => record(before, usage, now()), known);
        if (usage.pause) logger.warn('Paused', { reason: usage.pause.reason, until: value.pause?.until });
      } catch (error) {
        gate.putBack(usage);
        logger.warn('The requests of this batch are recorded with the next', { error: nameOf(error) });
      }
    },
  };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
