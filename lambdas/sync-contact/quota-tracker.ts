import type { Logger } from '@aws-lambda-powertools/logger';
import type { RequestGate } from '../../shared/infusionsoft/http/request-gate.ts';
import { type Ledger, ledgerAt, type Pause, record } from '../../shared/quota/ledger.ts';
import { type Budget, backfillPausedUntil, pauseOf } from '../../shared/quota/remaining-quota.ts';
import { updateVersioned, type Versioned, type VersionedStore } from '../../shared/quota/versioned-store.ts';

/** Which requests a batch may make. */
export interface Allowance {
  /** No requests at all until it ends. */
  pause: Pause | undefined;
  /** No requests for users of a backfill until then, in epoch milliseconds. */
  backfillPausedUntil: number | undefined;
}

/** Keeps one environment in step with the ledger of requests that all environments share. */
export interface QuotaTracker {
  /** Reads the ledger before a batch, and pauses or opens the gate. */
  refresh(): Promise<Allowance>;
  /** Records the requests of a batch by one conditional write, or none where there were no requests. */
  recordUsage(): Promise<void>;
}

export interface QuotaTrackerOptions {
  store: VersionedStore<Ledger>;
  gate: RequestGate;
  budget: Budget;
  logger: Pick<Logger, 'warn'>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Goes on without the ledger when DynamoDB fails, since the CRM counts requests too: the last ledger that was read is used, and usage that
 * could not be recorded is recorded with the next batch.
 */
export function quotaTracker({ store, gate, budget, logger, now }: QuotaTrackerOptions): QuotaTracker {
  let known: Versioned<Ledger> | undefined;
  return {
    async refresh() {
      try {
        known = await store.read();
      } catch (error) {
        logger.warn('Could not read the request ledger', { error: nameOf(error) });
      }
      const at = now();
      const ledger = ledgerAt(known?.value, at);
      const pause = pauseOf(ledger, budget, at);
      gate.set(pause);
      return { pause, backfillPausedUntil: backfillPausedUntil(ledger, budget) };
    },
    async recordUsage() {
      const usage = gate.take();
      if (usage.starts.length === 0 && !usage.pause) return;
      try {
        const { value } = await updateVersioned(store, (before) => record(before, usage, now()), known);
        if (usage.pause)
          logger.warn('Requests paused', { reason: usage.pause.reason, until: value.pause?.until });
      } catch (error) {
        gate.putBack(usage);
        logger.warn('Could not record requests, retrying with the next batch', { error: nameOf(error) });
      }
    },
  };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
