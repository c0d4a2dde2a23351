import { CloudError, OutOfTimeError } from '../sync/errors.ts';
import { currentLeases, NO_SLOTS, type SlotState, unleasedRate } from './rate-lease.ts';
import { MAX_SLOT_AHEAD_MS, NO_SLOT_MS } from './retry-policy.ts';
import { nextSlots, type SlotSchedule } from './slots.ts';
import { updateVersioned, type Versioned, type VersionedStore } from './versioned-store.ts';

/** Starts requests within a limit. */
export interface RateLimiter {
  /**
   * Resolves when one request may start.
   *
   * @param deadline epoch milliseconds; later slots are refused.
   * @throws OutOfTimeError if no slot is left before the deadline; CloudError if none could be reserved.
   */
  acquireSlot(deadline: number): Promise<void>;
}

export interface RateLimiterOptions {
  schedule: SlotSchedule;
  /** The latest slots of all environments, and the leases of commands. */
  store: VersionedStore<SlotState>;
  /** Epoch milliseconds. Clock differences between environments use up part of the window's slack. */
  now?: () => number;
  sleep?: (ms: number) => Promise<void>;
}

const SECOND_MS = 1000;
/** Part of the window's slack by which a request may start after its slot. The rest is for network jitter. */
const LATENESS_PART = 0.75;

interface SlotRequest {
  deadline: number;
  /** Called with a slot, or with undefined if it would be after the deadline. */
  resolve: (slot: number | undefined) => void;
  reject: (error: unknown) => void;
}

/**
 * A rate limiter that all environments share through one stored item, without the rates that commands have leased. Requests that arrive
 * during a write are served together by the next write, so a batch costs few writes.
 *
 * A missed slot is given up, and another is reserved: a request never starts later after its slot than the slack of the window. So the
 * requests of any second have slots in one window, and stay within the limit however long an environment is held up.
 */
export function rateLimiter({
  schedule,
  store,
  now = Date.now,
  sleep = sleepByTimer,
}: RateLimiterOptions): RateLimiter {
  const maxLatenessMs = (schedule.windowMs - SECOND_MS) * LATENESS_PART;
  let known: Versioned<SlotState> | undefined;
  let pending: SlotRequest[] = [];
  let isReserving = false;

  /** @returns a slot for each deadline; undefined if it would be later. Such a slot is not reserved. */
  const reserve = async (deadlines: readonly number[]): Promise<(number | undefined)[]> => {
    let reserved: (number | undefined)[] = [];
    const append = (stored: SlotState = NO_SLOTS): SlotState => {
      const at = now();
      const leases = currentLeases(stored.leases, at);
      const { requestsPerWindow } = schedule;
      const past = stored.slots.filter((slot) => slot < at + MAX_SLOT_AHEAD_MS).slice(-requestsPerWindow);
      const left = { ...schedule, requestsPerWindow: unleasedRate(leases, requestsPerWindow) };
      const next = nextSlots(left, past, deadlines.length, at);
      reserved = next.map((slot, index) => (slot <= (deadlines[index] ?? 0) ? slot : undefined));
      return { slots: [...past, ...reserved.filter((slot) => slot !== undefined)], at, leases };
    };
    known = await updateVersioned(store, append, known);
    return reserved;
  };

  const reservePending = async (): Promise<void> => {
    if (isReserving) return;
    isReserving = true;
    while (pending.length > 0) {
      const requests = pending;
      pending = [];
      try {
        const slots = await reserve(requests.map(({ deadline }) => deadline));
        for (const [index, { resolve }] of requests.entries()) resolve(slots[index]);
      } catch (error) {
        known = undefined;
        const failure = new CloudError('Could not reserve a request slot: DynamoDB write failed', {
          cause: error,
        });
        for (const { reject } of requests) reject(failure);
      }
    }
    isReserving = false;
  };

  const nextSlot = (deadline: number): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      pending.push({ deadline, resolve, reject });
      void reservePending();
    });

  return {
    async acquireSlot(deadline) {
      for (;;) {
        const slot = await nextSlot(deadline);
        if (slot === undefined)
          throw new OutOfTimeError('No request slot is left before the invocation ends', {
            afterMs: NO_SLOT_MS,
          });
        if (slot > now()) await sleep(slot - now());
        if (now() - slot <= maxLatenessMs) return;
      }
    },
  };
}

/** Looks `setTimeout` up at each call, since tests replace it. */
const sleepByTimer = (ms: number): Promise<void> => new Promise((due) => setTimeout(due, ms));
