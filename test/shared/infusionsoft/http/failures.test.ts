import { HTTPError } from 'ky';
import { describe, expect, it } from 'vitest';
import {
  exceededLimit,
  ForbiddenError,
  NotFoundError,
  toFailure,
} from '../../../../shared/infusionsoft/http/failures.ts';
import { RejectedError, RetryableError } from '../../../../shared/sync/errors.ts';
import { TEAM_LIMITS, tooManyRequests } from '../../../simulator/traffic/rate-limits.ts';

const NOW = Date.parse('2026-06-15T18:00:00Z');
const HOUR_MS = 3_600_000;

function answer(status: number, data?: unknown, headers?: Record<string, string>): HTTPError {
  const response = new Response(null, { status, ...(headers && { headers }) });
  const error = new HTTPError(
    response,
    new Request('http://crm.local'),
    {} as ConstructorParameters<typeof HTTPError>[2],
  );
  error.data = data as typeof error.data;
  return error;
}

describe('a failed request', () => {
  it.each([
    [400, RejectedError],
    [413, RejectedError],
    [422, RejectedError],
    [401, RetryableError],
    [403, ForbiddenError],
    [404, NotFoundError],
    [408, RetryableError],
    [429, RetryableError],
    [500, RetryableError],
    [503, RetryableError],
  ])('of status %d is %o', (status, kind) => {
    expect(toFailure(answer(status), NOW)).toBeInstanceOf(kind);
  });

  it.each([
    ['a broken connection', new TypeError('fetch failed')],
    ['a time-out', new DOMException('timed out', 'TimeoutError')],
    ['a truncated answer', new SyntaxError('Unexpected end of JSON input')],
  ])('%s can be retried', (_, error) => {
    expect(toFailure(error, NOW)).toBeInstanceOf(RetryableError);
  });

  it.each([
    ['second', 'second', 2000],
    ['minute', 'minute', 60_000],
    ['day', 'day', 6 * HOUR_MS],
    ['month', 'day', 6 * HOUR_MS],
  ] as const)('past the limit of the %s says when to retry', (period, limit, afterMs) => {
    const body = tooManyRequests(period, TEAM_LIMITS);
    expect(exceededLimit(body)).toBe(limit);
    expect(toFailure(answer(429, body), NOW)).toMatchObject({ afterMs });
  });

  it.each([
    ['the reset in the headers', String(NOW + HOUR_MS), HOUR_MS],
    ['midnight if the reset is over', String(NOW - HOUR_MS), 6 * HOUR_MS],
    ['midnight if the reset is no number', 'soon', 6 * HOUR_MS],
  ])('past the limit of the day is retried at %s', (_, expiry, afterMs) => {
    const error = answer(429, tooManyRequests('day', TEAM_LIMITS), {
      'x-keap-product-quota-expiry-time': expiry,
    });
    expect(toFailure(error, NOW)).toMatchObject({ afterMs });
  });

  it.each([[undefined], [''], ['<html>'], [null], [[1]]])(
    'past a limit with the unknown body %j counts as the second',
    (body) => {
      expect(exceededLimit(body)).toBe('second');
    },
  );
});
