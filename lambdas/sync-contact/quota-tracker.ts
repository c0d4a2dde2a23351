import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from '@aws-lambda-powertools/logger';
import { PausedError, pausedFor, type RequestGate } from '../../shared/infusionsoft/http/request-gate.ts';
import { type Ledger, ledgerAt, type Pause, record, reserve, type Usage } from '../../shared/quota/ledger.ts';
import type { RateLimiter } from '../../shared/quota/rate-limiter.ts';
import {
  type Budget,
  backfillPausedUntil,
  pauseOf,
  requestsLeft,
} from '../../shared/quota/remaining-quota.ts';
import { BACKFILL_HIDDEN_MS } from '../../shared/quota/retry-policy.ts';
import { updateVersioned, type Versioned, type VersionedStore } from '../../shared/quota/versioned-store.ts';
import { CloudError } from '../../shared/sync/errors.ts';

/** Which requests a batch may make. */
export interface Allowance {
  /** Until it ends, no requests at all. */
  pause: Pause | undefined;
  /** Until this time, no requests for backfills and polls, in epoch milliseconds. */
  backfillPausedUntil: number | undefined;
}

/** Keeps one environment in step with the ledger of requests that all environments share. */
export interface QuotaTracker {
  /** Reads the ledger before a batch, and pauses or opens the gate. */
  refresh(): Promise<Allowance>;
  /**
   * A rate limiter whose requests are counted in the ledger before they start, so that together the environments never make one more than
   * the limits of the day and the month. Its `acquireSlot` also throws a PausedError when the quota is spent, and a CloudError when the
   * ledger cannot be written.
   */
  limit(rateLimiter: RateLimiter): RateLimiter;
  /** Runs work of a backfill or poll. Its requests fail with a PausedError where the reserve for live changes begins. */
  asBackfill<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Records what the CRM reported during a batch, with one conditional write. Writes nothing if there were no requests. */
  recordUsage(): Promise<void>;
}

export interface QuotaTrackerOptions {
  store: VersionedStore<Ledger>;
  gate: RequestGate;
  budget: Budget;
  /**
   * Requests that are counted with one write. An environment keeps unused ones for its next batch. When it ends, they stay counted and
   * unused.
   */
  block: number;
  logger: Pick<Logger, 'warn'>;
  /** Epoch milliseconds. */
  now: () => number;
}

/** When DynamoDB fails, reports are recorded with the next batch. */
export function quotaTracker({ store, gate, budget, block, logger, now }: QuotaTrackerOptions): QuotaTracker {
  let known: Versioned<Ledger> | undefined;
  /** Requests that are counted and not made yet. They are valid until `countedUntil`: the end of the day in which they are counted. */
  let counted = 0;
  let countedUntil = 0;
  let counting: Promise<void> | undefined;
  const backfills = new AsyncLocalStorage<true>();

  const countedLeft = () => (now() < countedUntil ? counted : 0);
  /** Records a report, and counts requests in advance. @returns the ledger as stored. */
  const write = async (usage: Pick<Usage, 'observed' | 'pause'>): Promise<Ledger> => {
    const missing = block - countedLeft();
    let more = 0;
    known = await updateVersioned(
      store,
      (before) => {
        const at = now();
        const ledger = record(before, usage, budget.limits, at);
        more = Math.max(0, Math.min(missing, requestsLeft(ledger, budget, at)));
        return reserve(ledger, more);
      },
      known,
    );
    const { value } = known;
    counted = countedLeft() + more;
    countedUntil = Math.min(value.day.resetsAt, value.own.day.resetsAt);
    return value;
  };
  const count = async (): Promise<void> => {
    let ledger: Ledger;
    try {
      ledger = await write({});
    } catch (error) {
      throw new CloudError('Could not count a request: DynamoDB write failed', { cause: error });
    }
    const at = now();
    const pause = countedLeft() === 0 ? pauseOf(ledgerAt(ledger, at), budget, at) : undefined;
    if (!pause) return;
    gate.set(pause);
    throw pausedFor(pause, at);
  };
  /** The ledger includes the requests that were counted in advance. So checking the ledger is enough to leave the reserve alone. */
  const assertReserve = (): void => {
    const at = now();
    const until = known && backfillPausedUntil(ledgerAt(known.value, at), budget);
    if (until !== undefined) throw backfillPausedFor(until, at);
  };
  /** Takes one of the counted requests. @returns until when it may be made, in epoch milliseconds. */
  const take = async (): Promise<number> => {
    while (countedLeft() === 0) {
      counting ??= count().finally(() => {
        counting = undefined;
      });
      await counting;
    }
    if (backfills.getStore()) assertReserve();
    counted--;
    return countedUntil;
  };

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
    limit: (rateLimiter) => ({
      async acquireSlot(deadline) {
        let until: number;
        do {
          until = await take();
          try {
            await rateLimiter.acquireSlot(deadline);
          } catch (error) {
            // The request is not made.
            if (now() < until) counted++;
            throw error;
          }
        } while (now() >= until);
      },
    }),
    asBackfill: (work) => backfills.run(true, work),
    async recordUsage() {
      const { starts, observed, pause } = gate.take();
      if (starts.length === 0 && !pause) return;
      try {
        const ledger = await write({ observed, pause });
        if (pause) logger.warn('Requests paused', { reason: pause.reason, until: ledger.pause?.until });
      } catch (error) {
        gate.putBack({ starts, observed, pause });
        logger.warn('Could not record requests, retrying with the next batch', { error: nameOf(error) });
      }
    },
  };
}

/** The error of a backfill whose part of the quota is spent. @param until epoch milliseconds. */
export const backfillPausedFor = (until: number, now: number): PausedError =>
  new PausedError(
    'backfill',
    "The backfill's part of the quota is spent",
    Math.min(until - now, BACKFILL_HIDDEN_MS),
  );

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
