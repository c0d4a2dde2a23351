import type { Observation, Pause, Usage } from '../../quota/ledger.ts';
import { SPIKE_BACKOFF } from '../../quota/retry-policy.ts';
import { RetryableError } from '../../sync/errors.ts';
import { type ExceededLimit, observationOf, resetOf } from './limit-headers.ts';

/** What an environment knows of the quota between two looks at the ledger, and what it has spent since the last. */
export interface RequestGate {
  /** @throws RetryableError with the time left while a pause holds. */
  enter(now: number): void;
  /** How long this environment waits after spike arrests, in milliseconds; 0 mostly. */
  backOffMs(now: number): number;
  /** A request was started. */
  started(now: number): void;
  /** An answer came. `exceeded`: the limit that a 429 named. */
  answered(
    answer: { headers: Headers; exceeded?: ExceededLimit | undefined; startedAt: number },
    now: number,
  ): void;
  /** What the ledger says: nobody may make requests until the pause is over, or all may. */
  set(pause: Pause | undefined): void;
  /** Takes what is to be recorded, once. */
  take(): Usage;
  /** Puts back what could not be recorded. */
  putBack(usage: Usage): void;
}

/**
 * A gate for one environment.
 *
 * @param margin requests of the day that are left unused, see `marginOf`.
 * @param random from 0 to 1: spreads environments that were refused together.
 */
export function requestGate(margin: number, random: () => number = Math.random): RequestGate {
  let starts: number[] = [];
  let observed: Observation | undefined;
  let pause: Pause | undefined;
  /** The pause that this environment has met and the ledger does not know of yet. */
  let untold: Pause | undefined;
  let restUntil = 0;
  /** When the last spike arrest came. */
  let spikeAt = Number.NEGATIVE_INFINITY;

  const close = (reason: 'minute' | 'day', headers: Headers, startedAt: number, now: number) => {
    const next: Pause = { reason, since: now, until: resetOf(reason, headers, startedAt) };
    if (next.until <= now || (pause && pause.until >= next.until)) return;
    pause = next;
    untold = next;
  };
  const spikeArrest = (now: number) => {
    if (now - spikeAt < SPIKE_BACKOFF.withinMs) restUntil = now + SPIKE_BACKOFF.restMs * (1 + random());
    spikeAt = now;
  };
  return {
    enter(now) {
      if (pause && pause.until > now) throw pausedFor(pause, now);
    },
    backOffMs: (now) => Math.max(0, restUntil - now),
    started: (now) => void starts.push(now),
    answered({ headers, exceeded, startedAt }, now) {
      const seen = observationOf(headers, startedAt);
      if (seen.dayUsed !== undefined && seen.startedAt >= (observed?.startedAt ?? 0)) observed = seen;
      if (exceeded === 'second') spikeArrest(now);
      else if (exceeded) close(exceeded, headers, startedAt, now);
      else if (seen.dayUsed !== undefined && seen.dayLimit && seen.dayLimit - seen.dayUsed <= margin)
        close('day', headers, startedAt, now);
    },
    set(known) {
      pause = untold ?? known;
    },
    take() {
      const usage: Usage = { starts, observed, pause: untold };
      starts = [];
      observed = undefined;
      untold = undefined;
      return usage;
    },
    putBack(usage) {
      starts = [...usage.starts, ...starts];
      observed ??= usage.observed;
      untold ??= usage.pause;
    },
  };
}

/** Nothing was tried: the quota is spent, or the backfill's share of it, or somebody has paused all requests. */
export class PausedError extends RetryableError {
  override name = 'PausedError';
  readonly reason: Pause['reason'] | 'backfill';

  constructor(reason: PausedError['reason'], message: string, afterMs: number) {
    super(message, { afterMs });
    this.reason = reason;
  }
}

/** The failure of whatever meets a pause: it is tried again when that is over. */
export function pausedFor({ reason, until }: Pause, now: number): PausedError {
  const what = reason === 'operator' ? 'Paused by hand' : `The quota of the ${reason} is spent`;
  return new PausedError(reason, `${what} until ${new Date(until).toISOString()}`, until - now);
}
