import { RetryableError } from '../../sync/errors.ts';

/** Keeps an environment from asking a CRM that is down: after some failures in a row it lets one probe through at a time. */
export interface CircuitBreaker {
  /** @throws RetryableError with the time until the next probe while the CRM is down. */
  enter(now: number): void;
  /** A request was started. */
  started(): void;
  /** The CRM answered, whatever it said. */
  succeeded(): void;
  /** No answer, or one of status 500 and above. */
  failed(now: number): void;
}

/** Failures in a row after which the CRM counts as down: one batch has ten users, so a short hiccup does not reach it. */
const FAILURES = 5;
const FIRST_REST_MS = 10_000;
/**
 * Longest rest between two probes, in milliseconds: an outage of six hours costs each environment some 30 requests, and the 1,000
 * deliveries of a message last for the 14 days that the queue keeps it (see `lambdas/sync-contact/failure-queue.ts`).
 */
const MAX_REST_MS = 28 * 60_000;
/** How long others wait while a probe is on its way, in milliseconds. */
const WHILE_PROBING_MS = 5000;

/** @param random from 0 to 1: spreads the probes of environments that met the same outage. */
export function circuitBreaker(random: () => number = Math.random): CircuitBreaker {
  let failures = 0;
  let closedUntil = 0;
  let probing = false;
  const isDown = () => failures >= FAILURES;
  return {
    enter(now) {
      if (!isDown()) return;
      const afterMs = now < closedUntil ? closedUntil - now : probing ? WHILE_PROBING_MS : 0;
      if (afterMs > 0) throw new RetryableError('The CRM is down', { afterMs });
    },
    started() {
      probing = isDown();
    },
    succeeded() {
      failures = 0;
      probing = false;
    },
    failed(now) {
      failures++;
      // Those that were on their way when it went down tell nothing new.
      if (!isDown() || (now < closedUntil && !probing)) return;
      probing = false;
      const rest = Math.min(MAX_REST_MS, FIRST_REST_MS * 2 ** Math.min(failures - FAILURES, 10));
      closedUntil = now + rest * (0.75 + random() / 4);
    },
  };
}
