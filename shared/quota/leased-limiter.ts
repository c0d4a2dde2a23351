import { CloudError, RetryableError } from '../sync/errors.ts';
import { leasedRate, mostLeased, NO_SLOTS, type RateLease, type SlotState } from './rate-lease.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { MAX_SLOT_AHEAD_MS, RATE_LEASE } from './retry-policy.ts';
import { updateVersioned, type VersionedStore } from './versioned-store.ts';

export interface LeasedLimiterOptions {
  store: VersionedStore<SlotState>;
  /** A unique id of this lease, as short as possible: it is written with each slot. */
  id: string;
  /** Requests in a window that are asked for. Fewer are granted if others have leases. */
  rate: number;
  /** Requests in a window that all programs of the sync may start, and the length of the window in milliseconds. */
  requestsPerWindow: number;
  windowMs: number;
  /** Time that has passed, in milliseconds. It may stand still while the machine sleeps. */
  elapsed?: () => number;
  /** Epoch milliseconds. Only differences are used. */
  now?: () => number;
  sleep?: (ms: number) => Promise<void>;
}

/** A rate limiter that does not take request slots, but has a rate of its own. */
export interface LeasedLimiter extends RateLimiter {
  /** Requests in a window that were granted; 0 before the first request. */
  rate(): number;
  /** Gives the rate back. A later request takes a lease again. */
  release(): Promise<void>;
}

/** Other commands have leased all of the rate that commands may take. */
export class NoRateLeftError extends RetryableError {
  override name = 'NoRateLeftError';
}

interface Held {
  rate: number;
  renewal: number;
  /** When the last renewal was begun, by both clocks: one stands still while the machine sleeps, the other may be set. */
  elapsed: number;
  now: number;
}

/**
 * A rate limiter for a person's command, by a lease that is taken with the first request and renewed while there are requests. Requests are
 * evenly spaced. It has no deadline: the person waits.
 *
 * @throws CloudError if the lease cannot be stored; NoRateLeftError if other commands keep all of the rate.
 */
export function leasedLimiter(options: LeasedLimiterOptions): LeasedLimiter {
  const { store, id, rate: wanted, requestsPerWindow, windowMs } = options;
  const { elapsed = () => performance.now(), now = Date.now, sleep = sleepByTimer } = options;
  const most = mostLeased(requestsPerWindow);
  /** When each lease of another was first seen with its current renewal. */
  let seen = new Map<string, number>();
  let held: Held | undefined;
  let renewals = 0;
  let nextAt = Number.NEGATIVE_INFINITY;
  let queue: Promise<unknown> = Promise.resolve();

  const isFresh = (): boolean =>
    held !== undefined &&
    elapsed() - held.elapsed < RATE_LEASE.renewAfterMs &&
    Math.abs(now() - held.now) < RATE_LEASE.renewAfterMs;

  /** Leases of others, without those that nobody has renewed while this command watched for as long as they last. */
  const othersIn = ({ leases }: SlotState): RateLease[] => {
    const others = leases.filter((lease) => lease.id !== id);
    const keyOf = (lease: RateLease) => `${lease.id} ${lease.renewal}`;
    seen = new Map(others.map((lease) => [keyOf(lease), seen.get(keyOf(lease)) ?? elapsed()]));
    return others.filter((lease) => elapsed() - (seen.get(keyOf(lease)) ?? 0) <= lease.ms);
  };

  const update = async (change: (state: SlotState) => SlotState): Promise<void> => {
    try {
      await updateVersioned<SlotState>(store, (state = NO_SLOTS) => change(state));
    } catch (error) {
      throw new CloudError('Could not store the lease of a request rate: DynamoDB write failed', {
        cause: error,
      });
    }
  };
  const leaseOf = ({ rate, renewal }: Held, ms: number): RateLease => ({
    id,
    rate,
    ms,
    renewal,
    until: null,
  });

  /** Renews the lease, or takes one. @returns how long to wait before the first request; undefined if nothing is left. */
  const write = async (): Promise<number | undefined> => {
    const begun = { elapsed: elapsed(), now: now() };
    let next: Held | undefined;
    let waitMs = 0;
    await update((state) => {
      const others = othersIn(state);
      const own = state.leases.find((lease) => lease.id === id);
      const rate = own && held ? held.rate : Math.min(wanted, most - leasedRate(others));
      next = rate < 1 ? undefined : { ...begun, rate, renewal: ++renewals };
      // Environments may have reserved slots at the full rate, so the first request waits until a window after the last of them.
      const aheadMs = Math.min(Math.max(0, (state.slots.at(-1) ?? 0) - state.at), MAX_SLOT_AHEAD_MS);
      waitMs = own && held ? 0 : aheadMs + windowMs;
      return { ...state, leases: next ? [...others, leaseOf(next, RATE_LEASE.ms)] : others };
    });
    held = next;
    return next && waitMs;
  };

  const hold = async (): Promise<void> => {
    for (let waited = 0; waited <= 2 * RATE_LEASE.ms; waited += RATE_LEASE.lookAgainMs) {
      const waitMs = await write();
      if (waitMs !== undefined) {
        nextAt = Math.max(nextAt, elapsed() + waitMs);
        return;
      }
      await sleep(RATE_LEASE.lookAgainMs);
    }
    throw new NoRateLeftError(
      'Other commands use all requests that commands may make. Try again when they are done',
    );
  };

  const acquire = async (): Promise<void> => {
    for (;;) {
      if (!isFresh()) await hold();
      const waitMs = nextAt - elapsed();
      if (waitMs > 0) await sleep(Math.ceil(waitMs));
      // The machine may have slept.
      if (!held || !isFresh() || elapsed() < nextAt) continue;
      nextAt = elapsed() + windowMs / held.rate;
      return;
    }
  };

  return {
    rate: () => held?.rate ?? 0,
    acquireSlot() {
      const acquired = queue.then(acquire);
      queue = acquired.catch(() => undefined);
      return acquired;
    },
    async release() {
      await queue;
      if (!held) return;
      const last = { ...held, renewal: ++renewals };
      held = undefined;
      // The last request counts for one more window.
      await update((state) => ({
        ...state,
        leases: state.leases.map((lease) => (lease.id === id ? leaseOf(last, windowMs) : lease)),
      }));
    },
  };
}

/** Looks `setTimeout` up at each call, since tests replace it. */
const sleepByTimer = (ms: number): Promise<void> => new Promise((due) => setTimeout(due, ms));
