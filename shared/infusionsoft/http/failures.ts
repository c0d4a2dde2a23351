import { HTTPError } from 'ky';
import { SPIKE_ARREST_MS } from '../../quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../../sync/errors.ts';
import { type ExceededLimit, resetOf } from './limit-headers.ts';

/** The contact (or whatever the path named) is not there: deleted or merged (v1 answers 404 for both). */
export class NotFoundError extends Error {
  override name = 'NotFoundError';
}

/** The account may not do what was asked (403): its plan or the scope of the credentials does not allow it, until a person changes that. */
export class ForbiddenError extends RetryableError {
  override name = 'ForbiddenError';
}

/** A request without a usable answer: nobody knows whether it has had its effect, or is at work still. */
export class UncertainError extends RetryableError {
  override name = 'UncertainError';
}

/**
 * The limit that a 429 names. Three bodies have been seen: two faults of the gateway, told apart by their error code,
 * and `{"message":"Quota Exceeded"}` for the minute. Anything else is taken for the second, the mildest.
 */
export function exceededLimit(body: unknown): ExceededLimit {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
  if (text.includes('SpikeArrest')) return 'second';
  if (text.includes('QuotaViolation')) return 'day';
  return text.includes('Quota Exceeded') ? 'minute' : 'second';
}

/**
 * Says of a failed request whether trying again can help.
 *
 * @param now epoch milliseconds.
 * @returns NotFound for 404, ForbiddenError for 403, Rejected for what the CRM refuses for good, Retryable with a time for all else.
 */
export function toFailure(error: unknown, now: number): Error {
  if (error instanceof RetryableError) return error;
  if (!(error instanceof HTTPError)) {
    return new UncertainError(`No usable answer from the CRM (${nameOf(error)})`, { cause: error });
  }
  const { status, headers } = error.response;
  if (status === 404) return new NotFoundError('The CRM does not have it (404)');
  if (status === 401) return new RetryableError('The CRM refuses the credentials (401)');
  if (status === 403) return new ForbiddenError('The account may not do this (403)');
  if (status === 429) return tooManyRequests(exceededLimit(error.data), headers, now);
  if (status === 408 || status >= 500) return new UncertainError(`The CRM failed (${status})`);
  return new RejectedError('refused-by-crm', `The CRM refused the request (${status})`, {
    status,
    cause: error,
  });
}

function tooManyRequests(limit: ExceededLimit, headers: Headers, now: number): RetryableError {
  const afterMs = limit === 'second' ? SPIKE_ARREST_MS : Math.max(0, resetOf(limit, headers, now) - now);
  return new RetryableError(`Past the CRM's limit of the ${limit} (429)`, { afterMs });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
