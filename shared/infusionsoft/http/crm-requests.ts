import ky, { type HTTPError, isHTTPError, type KyInstance } from 'ky';
import { REQUEST_RETRY } from '../../quota/retry-policy.ts';
import { OutOfTimeError, RetryableError } from '../../sync/errors.ts';
import { contactFault, exceededLimit, toFailure, UncertainError } from './failures.ts';

export interface RequestOptions {
  /** Origin of the API, for example `https://api.infusionsoft.com`. */
  url: string;
  /** Makes the requests, see `paced-fetch.ts`. */
  fetch: typeof fetch;
  /** Epoch milliseconds. */
  now?: () => number;
}

/** Requests to the CRM, by what may be repeated. */
export interface CrmRequests {
  /** Retries after each failure that can pass. */
  repeatable: KyInstance;
  /** For creations: one that failed may still have taken effect, and a second one would create a duplicate. */
  once: KyInstance;
  /** For a create-or-update: two at once for one email can create two contacts. A spike arrest had no effect. */
  afterSpikeArrest: KyInstance;
  /**
   * Makes a request. If no time is left for a retry, the failure of the attempt before it counts. If the retry is not made for another
   * reason (a pause, the CRM is down, no slot), that failure counts if a write without an answer may still be running.
   *
   * @throws NotFoundError, RejectedError, ForbiddenError, ContactFaultError, UncertainError or another RetryableError, see `failures.ts`.
   */
  call<Result>(request: (http: KyInstance) => Promise<Result>, http?: KyInstance): Promise<Result>;
}

export function crmRequests({ url, fetch, now = Date.now }: RequestOptions): CrmRequests {
  const repeatable = ky.create({
    prefix: url,
    fetch,
    timeout: false,
    retry: {
      limit: REQUEST_RETRY.limit,
      methods: ['get', 'put', 'patch', 'post', 'delete'],
      statusCodes: [...REQUEST_RETRY.statusCodes],
      afterStatusCodes: [...REQUEST_RETRY.afterStatusCodes],
      maxRetryAfter: REQUEST_RETRY.maxDelayMs,
      delay: (retry) => REQUEST_RETRY.firstDelayMs * 2 ** (retry - 1),
      backoffLimit: REQUEST_RETRY.maxDelayMs,
      jitter: true,
      shouldRetry: ({ error }) => (isFinal(error) ? false : undefined),
    },
  });
  return {
    repeatable,
    once: repeatable.extend({ retry: 0 }),
    afterSpikeArrest: repeatable.extend({
      retry: { shouldRetry: ({ error }) => (isSpikeArrest(error) ? undefined : false) },
    }),
    async call(request, http = repeatable) {
      let lastFailure: Error | undefined;
      const beforeRetry = ({ error }: { error: Error }) => {
        lastFailure = error;
      };
      try {
        return await request(http.extend({ hooks: { beforeRetry: [beforeRetry] } }));
      } catch (error) {
        const failure = toFailure(error, now());
        const before = lastFailure && toFailure(lastFailure, now());
        // No other RetryableError is thrown before a request is made.
        const isNotMade = error instanceof OutOfTimeError || before instanceof UncertainError;
        throw before && error instanceof RetryableError && isNotMade ? before : failure;
      }
    },
  };
}

/**
 * A retry within the invocation would mostly cost requests: the limit of the minute or the day, or an unknown one, has rarely reset by then,
 * and the fault of a contact comes again.
 */
function isFinal(error: Error): boolean {
  if (error instanceof RetryableError) return true;
  if (!isHTTPError(error)) return false;
  const isFault = contactFault(error.request, error.response.status, error.data) !== undefined;
  return isFault || (isTooManyRequests(error) && !isSpikeArrest(error));
}

const isTooManyRequests = (error: Error): error is HTTPError =>
  isHTTPError(error) && error.response.status === 429;

const isSpikeArrest = (error: Error): boolean =>
  isTooManyRequests(error) && exceededLimit(error.data) === 'second';
