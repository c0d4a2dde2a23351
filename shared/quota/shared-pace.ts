import { INVOCATION_MS } from '../invocation.ts';
import { CloudError, Retryable } from '../sync/errors.ts';
import { nextStarts, SPACING_MS, type Timetable } from './timetable.ts';
import { updateVersioned, type Versioned, type VersionedStore } from './versioned.ts';

/** Lets requests start when it is their turn. */
export interface SharedPace {
  /**
   * Waits for the turn of one request.
   *
   * @param deadline a turn after this moment is none, in epoch milliseconds.
   * @throws Retryable when there is no turn before the deadline, or the turns cannot be told.
   */
  turn(deadline: number): Promise<void>;
  /** Told of a request that was refused for being past the limit of the second. */
  refused(): void;
}

export interface SharedPaceOptions {
  timetable: Timetable;
  /** The last starts, of all environments together, in epoch milliseconds, oldest first. */
  store: VersionedStore<number[]>;
  /** Epoch milliseconds. Environments need the same time: what their clocks differ by is taken from the window's slack. */
  now?: () => number;
}

/** Starts that are further ahead than an invocation can last were taken by a clock that was wrong. A second is left for clocks that differ. */
const MAX_AHEAD_MS = INVOCATION_MS + 1000;
/** Part of the window's slack that a start may be late by, whatever else starts: the rest is the network's. */
const LATE_PART = 0.75;
/** How soon to ask again when there was no turn, in milliseconds. */
const NO_TURN_MS = 2000;
/** What a timer may be late by in any case, in milliseconds. */
const LEAST_LATE_MS = 5;
const SECOND_MS = 1000;
/**
 * When so many of the requests of so many milliseconds are refused, and so large a part of them, it is more than a network's jitter
 * makes (`docs/performance.md`): then the gateway counts in another way than by the second. Some let requests through one after another,
 * and nobody has said how this one does it. Where it does count by the second, bursts that are made smaller are refused more often.
 */
const MANY_REFUSALS = 5;
const REFUSED_PART = 0.2;
const REFUSALS_MS = 10_000;

interface Turn {
  /** When it is, in epoch milliseconds. */
  start: number;
  /** The last starts of all environments when it was taken, itself and those that were taken with it included. */
  among: readonly number[];
}

interface Asking {
  /** A start after this moment is none, in epoch milliseconds. */
  deadline: number;
  resolve: (turn: Turn | undefined) => void;
  reject: (error: unknown) => void;
}

/**
 * The pace that all environments keep together: each request takes the next start of one timetable. What asks while others are being
 * taken is taken with the next write, so a batch costs a few writes of one item. An environment that is refused often lets fewer of its
 * requests start at one moment, until they start one after another.
 */
export function sharedPace({ timetable, store, now = Date.now }: SharedPaceOptions): SharedPace {
  const { requestsPerWindow, windowMs } = timetable;
  const lateMs = Math.max(LEAST_LATE_MS, (windowMs - SECOND_MS) * LATE_PART);
  let known: Versioned<number[]> | undefined;
  let { burst } = timetable;
  let refusals: number[] = [];
  let started: number[] = [];
  let asking: Asking[] = [];
  let isTaking = false;
  /** Taken, and neither made use of nor given up yet. */
  const waiting = new Set<Turn>();

  /**
   * Whether a start that was missed still fits: the second from now on holds all of this environment's that were missed, and whatever
   * others may start in it, and is not too full. An environment comes late by itself, since each has a processor of its own.
   */
  const hasRoom = ({ among }: Turn, at: number): boolean => {
    const following = nextStarts({ ...timetable, burst }, among, requestsPerWindow, at);
    const until = at + Math.max(SECOND_MS, windowMs - lateMs);
    const ahead = [...among, ...following].filter((start) => start >= at && start <= until);
    const missed = [...waiting].filter(({ start }) => start < at);
    return missed.length + ahead.length <= requestsPerWindow;
  };

  /** @returns a turn for each; undefined where it would be after the deadline: such a start is left to others. */
  const take = async (deadlines: readonly number[]): Promise<(Turn | undefined)[]> => {
    let taken: (number | undefined)[] = [];
    const change = (stored: readonly number[] = []): number[] => {
      const past = stored.filter((start) => start < now() + MAX_AHEAD_MS).slice(-requestsPerWindow);
      const next = nextStarts({ ...timetable, burst }, past, deadlines.length, now());
      taken = next.map((start, index) => (start <= (deadlines[index] ?? 0) ? start : undefined));
      return [...past, ...taken.filter((start) => start !== undefined)];
    };
    known = await updateVersioned(store, change, known);
    const among = known.value;
    const turns = taken.map((start) => (start === undefined ? undefined : { start, among }));
    for (const turn of turns) if (turn) waiting.add(turn);
    return turns;
  };

  const takeAll = async (): Promise<void> => {
    if (isTaking) return;
    isTaking = true;
    while (asking.length > 0) {
      const together = asking;
      asking = [];
      try {
        const turns = await take(together.map(({ deadline }) => deadline));
        for (const [index, { resolve }] of together.entries()) resolve(turns[index]);
      } catch (error) {
        known = undefined;
        const failure = new CloudError('Could not reserve a request slot: the DynamoDB write failed', {
          cause: error,
        });
        for (const { reject } of together) reject(failure);
      }
    }
    isTaking = false;
  };

  const lately = (times: readonly number[]): number[] => times.filter((at) => at > now() - REFUSALS_MS);

  const nextTurn = (deadline: number): Promise<Turn | undefined> =>
    new Promise((resolve, reject) => {
      asking.push({ deadline, resolve, reject });
      void takeAll();
    });

  return {
    async turn(deadline) {
      for (;;) {
        const turn = await nextTurn(deadline);
        if (turn === undefined)
          throw new Retryable('The invocation ends before it is the turn of another request', {
            afterMs: NO_TURN_MS,
          });
        if (turn.start > now()) await wait(turn.start - now());
        // Those that come late all at once are sent one after another, and each is as late as it is by then.
        while (now() - turn.start > LEAST_LATE_MS && now() - (started.at(-1) ?? 0) < SPACING_MS)
          await wait(SPACING_MS);
        const at = now();
        const isMissed = at - turn.start > lateMs && !hasRoom(turn, at);
        waiting.delete(turn);
        if (isMissed) continue;
        started = [...lately(started), at];
        return;
      }
    },
    refused() {
      refusals = [...lately(refusals), now()];
      if (refusals.length < Math.max(MANY_REFUSALS, REFUSED_PART * lately(started).length)) return;
      burst = Math.ceil(burst / 2);
      refusals = [];
    },
  };
}

/** By the timer that a test can turn. */
const wait = (ms: number): Promise<void> => new Promise((due) => setTimeout(due, ms));
