import { CIRCUIT_BREAKER } from '../../quota/retry-policy.ts';
import { CrmDownError } from '../../sync/errors.ts';

/** Keeps an environment from asking a CRM that is down: after some failures in a row it lets one probe through at a time. */
export interface CircuitBreaker {
  /** @throws CrmDownError with the time until the next probe while the CRM is down. */
  enter(now: number): void;
  /** A request was started. */
  started(): void;
  /** The CRM answered, whatever it said. */
  succeeded(): void;
  /** No answer, or one of status 500 and above. */
  failed(now: number): void;
}

/** @param random from 0 to 1: spreads the probes of environments that met the same outage. */
export function circuitBreaker(random: () => number = Math.random): CircuitBreaker {
  let failures = 0;
  let closedUntil = 0;
  let probing = false;
  const isDown = () => failures >= CIRCUIT_BREAKER.failures;
  return {
    enter(now) {
      if (!isDown()) return;
      const afterMs = now < closedUntil ? closedUntil - now : probing ? CIRCUIT_BREAKER.whileProbingMs : 0;
      if (afterMs > 0) throw new CrmDownError('The CRM is down', { afterMs });
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
      const doublings = Math.min(failures - CIRCUIT_BREAKER.failures, 10);
      const rest = Math.min(CIRCUIT_BREAKER.maxRestMs, CIRCUIT_BREAKER.firstRestMs * 2 ** doublings);
      closedUntil = now + rest * (0.75 + random() / 4);
    },
  };
}
