import type { Observation, Pause, Usage } from '../../quota/ledger.ts';
import { SPIKE_BACKOFF } from '../../quota/retry-policy.ts';
import { RetryableError } from '../../sync/errors.ts';
import { type ExceededLimit, observationOf, resetOf } from './limit-headers.ts';

/** An environment's view of the quota: stops requests during a pause, and collects the usage for the ledger. */
export interface RequestGate {
  /** @throws PausedError with the time left during a pause. */
  enter(now: number): void;
  /** How long this environment has to rest after spike arrests, in milliseconds; usually 0. */
  backOffMs(now: number): number;
  /** A request was started. */
  started(now: number): void;
  /** A request was answered. @param exceeded the limit that a 429 is about. */
  answered(
    answer: { headers: Headers; exceeded?: ExceededLimit | undefined; startedAt: number },
    now: number,
  ): void;
  /** Sets the pause that the ledger has; undefined if requests are allowed. */
  set(pause: Pause | undefined): void;
  /** Returns the usage since the last call, to be recorded in the ledger. */
  take(): Usage;
  /** Puts back usage that could not be recorded. */
  putBack(usage: Usage): void;
}

/**
 * The gate of one environment.
 *
 * @param margin requests of the day that stay unused, see `marginOf`.
 * @param random from 0 to 1: jitter, so that environments do not continue at the same moment.
 */
export function requestGate(margin: number, random: () => number = Math.random): RequestGate {
  let starts: number[] = [];
  let observed: Observation | undefined;
  let pause: Pause | undefined;
  /** A pause that this environment has found, and that is not in the ledger yet. */
  let unrecordedPause: Pause | undefined;
  let restUntil = 0;
  let lastSpikeAt = Number.NEGATIVE_INFINITY;

  const close = (reason: 'minute' | 'day', headers: Headers, startedAt: number, now: number) => {
    // An answer to a request from before an operator resumed is ignored, however late it comes.
    const next: Pause = { reason, since: startedAt, until: resetOf(reason, headers, startedAt) };
    if (next.until <= now || (pause && pause.until >= next.until)) return;
    pause = next;
    unrecordedPause = next;
  };
  const spikeArrest = (now: number) => {
    if (now - lastSpikeAt < SPIKE_BACKOFF.withinMs) restUntil = now + SPIKE_BACKOFF.restMs * (1 + random());
    lastSpikeAt = now;
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
      else if (exceeded === 'minute' || exceeded === 'day') close(exceeded, headers, startedAt, now);
      else if (seen.dayUsed !== undefined && seen.dayLimit && seen.dayLimit - seen.dayUsed <= margin)
        close('day', headers, startedAt, now);
    },
    set(known) {
      pause = unrecordedPause ?? known;
    },
    take() {
      const usage: Usage = { starts, observed, pause: unrecordedPause };
      starts = [];
      observed = undefined;
      unrecordedPause = undefined;
      return usage;
    },
    putBack(usage) {
      starts = [...usage.starts, ...starts];
      observed ??= usage.observed;
      unrecordedPause ??= usage.pause;
    },
  };
}

/** No request was made: the quota or the backfill's part of it is spent, or an operator has paused all requests. */
export class PausedError extends RetryableError {
  override name = 'PausedError';
  readonly reason: Pause['reason'] | 'backfill';

  constructor(reason: PausedError['reason'], message: string, afterMs: number) {
    super(message, { afterMs });
    this.reason = reason;
  }
}

/** The error of a request during a pause. It says when the pause ends. */
export function pausedFor({ reason, until }: Pause, now: number): PausedError {
  const what = reason === 'operator' ? 'Paused by an operator' : `The quota of the ${reason} is spent`;
  return new PausedError(reason, `${what} until ${new Date(until).toISOString()}`, until - now);
}
