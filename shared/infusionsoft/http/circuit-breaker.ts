import { CIRCUIT_BREAKER } from '../../quota/retry-policy.ts';
import { CrmDownError } from '../../sync/errors.ts';

/**
 * All resources apart from contacts, tags and addresses, see `isReadOfRecords`. Together they count as one: resources that the CRM does not
 * list are polled one after the other, and must not stop the sync of users.
 */
export const OTHER_RECORDS = Symbol('other records');

/** Stops an environment's requests while the CRM is down, apart from one probe at a time. */
export interface CircuitBreaker {
  /** @throws CrmDownError with the time until the next probe while the CRM is down. */
  enter(now: number): void;
  /** A request was started. */
  started(): void;
  /** The CRM answered with a status under 500, apart from a 429 for an unknown limit. */
  succeeded(): void;
  /**
   * No answer, a status of 500 or more, or a 429 for an unknown limit, which can last for hours.
   *
   * @param suspect what may be at fault instead of the CRM: a user's contact, see `contactFault`, or {@link OTHER_RECORDS}. Each suspect
   *   counts once until the next success: failures of several users are an outage, those of one user are not.
   */
  failed(now: number, suspect?: string | typeof OTHER_RECORDS): void;
}

/** @param random from 0 to 1: jitter, so that environments do not probe at the same time. */
export function circuitBreaker(random: () => number = Math.random): CircuitBreaker {
  let failures = 0;
  let restUntil = 0;
  let probing = false;
  /** Those that failed since the last success. */
  const suspects = new Set<string | typeof OTHER_RECORDS>();
  const isDown = () => failures >= CIRCUIT_BREAKER.failures;
  return {
    enter(now) {
      if (!isDown()) return;
      const afterMs = now < restUntil ? restUntil - now : probing ? CIRCUIT_BREAKER.whileProbingMs : 0;
      if (afterMs > 0) throw new CrmDownError('The CRM is down', { afterMs });
    },
    started() {
      probing = isDown();
    },
    succeeded() {
      failures = 0;
      suspects.clear();
    },
    failed(now, suspect) {
      if (suspect !== undefined && suspects.has(suspect)) {
        // A repeated failure of one suspect says nothing new about the CRM. The next request may be the probe.
        probing = false;
        return;
      }
      if (suspect !== undefined) suspects.add(suspect);
      failures++;
      // Requests that were under way when the breaker opened do not extend the rest.
      if (!isDown() || (now < restUntil && !probing)) return;
      probing = false;
      const doubled = CIRCUIT_BREAKER.firstRestMs * 2 ** (failures - CIRCUIT_BREAKER.failures);
      const rest = Math.min(CIRCUIT_BREAKER.maxRestMs, doubled);
      restUntil = now + rest * (0.75 + random() / 4);
    },
  };
}
