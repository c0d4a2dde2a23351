import type { RateLimiter } from '../../quota/rate-limiter.ts';
import { ANSWER_TIME, OUT_OF_TIME_MS, WRITE_BACK_MS } from '../../quota/retry-policy.ts';
import { OutOfTimeError } from '../../sync/errors.ts';
import type { Credentials } from '../auth/credentials.ts';
import type { AuthorizationHeader } from '../auth/crm-secret.ts';
import { isReadOfRecords, pathForLogs } from '../endpoints.ts';
import { type CircuitBreaker, OTHER_RECORDS } from './circuit-breaker.ts';
import { contactFault, exceededLimit } from './failures.ts';
import type { ExceededLimit } from './limit-headers.ts';
import type { RequestGate } from './request-gate.ts';

/** One attempt of a request. Each retry has a record of its own. */
export interface RequestRecord {
  method: string;
  /** Path of the URL, without an email and without the query, which may contain one. */
  path: string;
  /** Status of the answer; undefined if there was none. */
  status: number | undefined;
  /** Time from the start of the request to the headers of the answer, without the wait for a slot, in milliseconds. */
  durationMs: number;
}

export interface PacedFetchOptions {
  rateLimiter: RateLimiter;
  credentials: Credentials;
  gate: RequestGate;
  breaker: CircuitBreaker;
  /** When the invocation ends, in epoch milliseconds. No request is started that could not finish before. */
  deadline: () => number;
  onRequest: (record: RequestRecord) => void;
  /** The user that the current request is about, if it is about one. */
  currentUser?: () => string | undefined;
  /** Epoch milliseconds. */
  now?: () => number;
}

/** A request that was made, with the credentials that it had. */
interface Attempt {
  answer: Response;
  header: AuthorizationHeader;
}

/**
 * A time limit for an answer with its body, in milliseconds. The timer ends with the body: `AbortSignal.timeout` would keep each request in
 * memory until its time is over.
 */
function timeLimit(ms: number) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException('No answer in time', 'TimeoutError')), ms);
  // A body that nobody reads does not keep a process running.
  timer.unref();
  const end = () => clearTimeout(timer);
  const endWithBody = (answer: Response): Response => {
    if (answer.body)
      return new Response(answer.body.pipeThrough(new TransformStream({ flush: end, cancel: end })), answer);
    end();
    return answer;
  };
  return { signal: controller.signal, end, endWithBody };
}

/** The time of the slowest recent answer decreases to this part with each faster one. */
const KEPT_OF_SLOWEST = 0.9;

/**
 * A `fetch` within the CRM's limits. Each request, retries included, waits for a request slot and for the rest after spike arrests, and
 * fails while the quota is spent or the CRM is down. It adds the credentials; after a 401 it reads them again, and repeats the request with
 * other ones. Create one for each environment and keep it across invocations.
 *
 * @throws RetryableError while the quota is spent and while the CRM is down; OutOfTimeError if too little time is left before the deadline.
 */
export function pacedFetch(options: PacedFetchOptions): typeof fetch {
  const { rateLimiter, credentials, gate, breaker, deadline, onRequest, now = () => Date.now() } = options;
  const { currentUser = () => undefined } = options;
  let slowestMs = 0;
  const cutOffAt = () => deadline() - WRITE_BACK_MS;
  const lastStart = () => {
    const { minMs, maxMs } = ANSWER_TIME;
    return cutOffAt() - Math.min(maxMs, Math.max(minMs, 1.5 * slowestMs));
  };

  /** @returns undefined, without a request, if the environment first has to rest or to read credentials, or if it is too late. */
  const tryStart = async (request: Request): Promise<Attempt | undefined> => {
    const startedAt = now();
    gate.enter(startedAt);
    breaker.enter(startedAt);
    const header = credentials.cached();
    if (!header || gate.backOffMs(startedAt) > 0 || startedAt >= cutOffAt()) return undefined;
    request.headers.set(...header);
    gate.started(startedAt);
    breaker.started();
    const started = performance.now();
    let status: number | undefined;
    let exceeded: ExceededLimit | undefined;
    let isFault = false;
    const limit = timeLimit(cutOffAt() - startedAt);
    try {
      const signal = AbortSignal.any([request.signal, limit.signal]);
      const answer = limit.endWithBody(await fetch(request, { signal }));
      status = answer.status;
      if (status === 429) exceeded = exceededLimit(await answer.clone().text());
      isFault = status === 500 && contactFault(request, status, await answer.clone().text()) !== undefined;
      gate.answered({ headers: answer.headers, exceeded, startedAt }, now());
      return { answer, header };
    } finally {
      if (status === undefined) limit.end();
      const { method, url } = request;
      const suspect = isReadOfRecords(method, url) ? OTHER_RECORDS : isFault ? currentUser() : undefined;
      if (status === undefined || status >= 500 || exceeded === 'unknown') breaker.failed(now(), suspect);
      else breaker.succeeded();
      const durationMs = performance.now() - started;
      slowestMs = Math.max(durationMs, KEPT_OF_SLOWEST * slowestMs);
      onRequest({ method, path: pathForLogs(new URL(url).pathname), status, durationMs });
    }
  };

  const attempt = async (request: Request): Promise<Attempt> => {
    for (;;) {
      gate.enter(now());
      breaker.enter(now());
      await credentials.current();
      const restMs = gate.backOffMs(now());
      if (restMs > 0) await new Promise((rested) => setTimeout(rested, restMs));
      if (now() > lastStart())
        throw new OutOfTimeError('The invocation ends too soon for another request', {
          afterMs: OUT_OF_TIME_MS,
        });
      await rateLimiter.acquireSlot(lastStart());
      const started = await tryStart(request);
      if (started) return started;
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
