import type { RateLimiter } from '../../quota/rate-limiter.ts';
import { ANSWER_TIME, OUT_OF_TIME_MS, WRITE_BACK_MS } from '../../quota/retry-policy.ts';
import { RetryableError } from '../../sync/errors.ts';
import type { Credentials } from '../auth/credentials.ts';
import type { AuthorizationHeader } from '../auth/crm-secret.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { exceededLimit } from './failures.ts';
import type { RequestGate } from './request-gate.ts';

/** One request as it was made: every attempt counts, retries too. */
export interface RequestRecord {
  method: string;
  /** Path of the address. Without the search, which may hold an email. */
  path: string;
  /** Status of the answer, or undefined where there was none. */
  status: number | undefined;
  /** From the start of the request to the answer's headers, without the wait for the pace, in milliseconds. */
  durationMs: number;
}

export interface PacedFetchOptions {
  rateLimiter: RateLimiter;
  credentials: Credentials;
  /** What this environment knows of the quota. */
  gate: RequestGate;
  /** What this environment knows of the CRM's health. */
  breaker: CircuitBreaker;
  /** When the invocation ends, in epoch milliseconds: no request is begun that could not be finished. */
  deadline: () => number;
  onRequest: (record: RequestRecord) => void;
}

/** A request that was made, and what identified it. */
interface Attempt {
  answer: Response;
  header: AuthorizationHeader;
}

/** Part of the slowest answer's time that is kept with each faster one. */
const KEPT_OF_SLOWEST = 0.9;

/**
 * A `fetch` that keeps the pace: all that goes through it, retries included, waits for a request slot, rests after a spike arrest,
 * and stops while the quota is spent or the CRM is down. It identifies the caller, and on a 401 it looks at the secret once
 * more and tries again if that holds another token. Make one for each environment and keep it across invocations.
 *
 * @throws RetryableError while the quota is spent or the CRM is down, and when the time left until the deadline is too short.
 */
export function pacedFetch(options: PacedFetchOptions): typeof fetch {
  const { rateLimiter, credentials, gate, breaker, deadline, onRequest } = options;
  let slowestMs = 0;
  const cutOffAt = () => deadline() - WRITE_BACK_MS;
  const lastStart = () => {
    const { minMs, maxMs } = ANSWER_TIME;
    return cutOffAt() - Math.min(maxMs, Math.max(minMs, 1.5 * slowestMs));
  };

  /** @returns undefined without a request when the environment has to rest, or to look for credentials, first, or came too late. */
  const start = async (request: Request): Promise<Attempt | undefined> => {
    const startedAt = Date.now();
    gate.enter(startedAt);
    breaker.enter(startedAt);
    const header = credentials.known();
    if (!header || gate.backOffMs(startedAt) > 0 || startedAt >= cutOffAt()) return undefined;
    request.headers.set(...header);
    gate.started(startedAt);
    breaker.started();
    const started = performance.now();
    let status: number | undefined;
    try {
      const timeout = AbortSignal.timeout(cutOffAt() - startedAt);
      const answer = await fetch(request, { signal: AbortSignal.any([request.signal, timeout]) });
      status = answer.status;
      const exceeded = status === 429 ? exceededLimit(await answer.clone().text()) : undefined;
      gate.answered({ headers: answer.headers, exceeded, startedAt }, Date.now());
      return { answer, header };
    } finally {
      if (status === undefined || status >= 500) breaker.failed(Date.now());
      else breaker.succeeded();
      const { method, url } = request;
      const durationMs = performance.now() - started;
      slowestMs = Math.max(durationMs, KEPT_OF_SLOWEST * slowestMs);
      onRequest({ method, path: new URL(url).pathname, status, durationMs });
    }
  };

  const attempt = async (request: Request): Promise<Attempt> => {
    for (;;) {
      gate.enter(Date.now());
      breaker.enter(Date.now());
      await credentials.current();
      const restMs = gate.backOffMs(Date.now());
      if (restMs > 0) await new Promise((rested) => setTimeout(rested, restMs));
      if (Date.now() > lastStart())
        throw new RetryableError('The invocation ends too soon for another request', {
          afterMs: OUT_OF_TIME_MS,
        });
      await rateLimiter.acquireSlot(lastStart());
      const made = await start(request);
      if (made) return made;
    }
  };

  return async (input, init) => {
    const request = new Request(input, init);
    const { answer, header } = await attempt(request.clone());
    if (answer.status !== 401 || !(await credentials.renew(header))) return answer;
    await answer.body?.cancel();
    return (await attempt(request)).answer;
  };
}
