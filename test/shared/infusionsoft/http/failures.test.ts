import { HTTPError } from 'ky';
import { describe, expect, it } from 'vitest';
import {
  ContactFaultError,
  contactFault,
  exceededLimit,
  ForbiddenError,
  NotFoundError,
  toFailure,
  UncertainError,
} from '../../../../shared/infusionsoft/http/failures.ts';
import { CrmDownError, RejectedError, RetryableError } from '../../../../shared/sync/errors.ts';
import { TEAM_LIMITS, tooManyRequests } from '../../../simulator/traffic/rate-limits.ts';

const NOW = Date.parse('2026-06-15T18:00:00Z');
const HOUR_MS = 3_600_000;

function answer(
  status: number,
  data?: unknown,
  headers?: Record<string, string>,
  request = new Request('http://crm.local'),
): HTTPError {
  const response = new Response(null, { status, ...(headers && { headers }) });
  const error = new HTTPError(response, request, {} as ConstructorParameters<typeof HTTPError>[2]);
  error.data = data as typeof error.data;
  return error;
}

describe('a failed request', () => {
  it.each([
    [400, RejectedError],
    [413, RejectedError],
    [422, RejectedError],
    [499, RejectedError],
    [401, RetryableError],
    [403, ForbiddenError],
    [404, NotFoundError],
    [408, UncertainError],
    [429, RetryableError],
    [500, UncertainError],
    [503, UncertainError],
    [599, UncertainError],
  ])('of status %d is %o', (status, kind) => {
    expect(toFailure(answer(status), NOW).constructor).toBe(kind);
  });

  it.each([
    ['PUT', '/crm/rest/v1/contacts', true],
    ['POST', '/crm/rest/v1/contacts', true],
    ['GET', '/crm/rest/v1/contacts/7?optional_properties=custom_fields', true],
    ['PATCH', '/crm/rest/v1/contacts/7', true],
    ['DELETE', '/crm/rest/v1/contacts/7', true],
    ['POST', '/crm/rest/v1/contacts/7/tags', true],
    ['DELETE', '/crm/rest/v1/contacts/7/tags?ids=1%2C2', true],
    ['PUT', '/crm/rest/v1/emailAddresses/ann%40example.com', true],
    ['GET', '/crm/rest/v1/contacts?email=ann%40example.com', true],
    ['POST', '/crm/rest/v1/tags/3/contacts', true],
    ['DELETE', '/crm/rest/v1/tags/3/contacts?ids=7', true],
    ['GET', '/crm/rest/v1/tags/3/contacts?limit=1', false],
    ['GET', '/crm/rest/v1/contacts?since=2026-06-15T12:00:00.000Z', false],
    ['GET', '/crm/rest/v1/contacts/model', false],
    ['GET', '/crm/rest/v1/tags', false],
    ['POST', '/crm/rest/v1/tags', false],
    ['POST', '/crm/rest/v1/companies', false],
    ['GET', '/crm/rest/v2/contacts?filter=ids==7', false],
    ['GET', '/crm/rest/v2/emailAddresses', false],
  ])('of status 500 with a message is the fault of a contact for %s %s: %s', (method, path, isFault) => {
    const request = new Request(`http://crm.local${path}`, { method });
    const failure = toFailure(answer(500, { message: 'User 99 does not exist' }, undefined, request), NOW);
    expect(failure.constructor).toBe(isFault ? ContactFaultError : UncertainError);
    expect(failure.message).not.toContain('99');
  });

  it.each([
    ['500, JSON with a message', 500, { message: 'no' }, 'no'],
    ['500, the same as a text', 500, '{"message":"no"}', 'no'],
    ['500, a fault of the gateway', 500, { fault: { faultstring: 'no' } }, undefined],
    ['500, HTML', 500, '<html>no</html>', undefined],
    ['500, a list', 500, '["no"]', undefined],
    ['500, null', 500, 'null', undefined],
    ['500, no text', 500, { message: 5 }, undefined],
    ['500, an empty message', 500, { message: ' ' }, undefined],
    ['500, no body', 500, undefined, undefined],
    ['502', 502, { message: 'no' }, undefined],
    ['503', 503, { message: 'no' }, undefined],
    ['504', 504, { message: 'no' }, undefined],
    ['400', 400, { message: 'no' }, undefined],
  ])('may be the fault of a contact: %s', (_, status, body, said) => {
    expect(contactFault({ method: 'PUT', url: 'http://crm.local/crm/rest/v1/contacts' }, status, body)).toBe(
      said,
    );
  });

  it('that the CRM refuses for good has the status and the answer', () => {
    const error = answer(422);
    expect(toFailure(error, NOW)).toMatchObject({ reason: 'refused-by-crm', status: 422, cause: error });
  });

  it('that already says whether a retry can help is not changed', () => {
    const error = new CrmDownError('The CRM is down', { afterMs: 5 });
    expect(toFailure(error, NOW)).toBe(error);
  });

  it.each([
    ['a broken connection', new TypeError('fetch failed')],
    ['a time-out', new DOMException('timed out', 'TimeoutError')],
    ['a truncated answer', new SyntaxError('Unexpected end of JSON input')],
    ['a thrown value that is no error', 'oops'],
  ])('%s may have taken effect', (_, error) => {
    const failure = toFailure(error, NOW);
    expect(failure).toBeInstanceOf(UncertainError);
    expect(failure).toMatchObject({ cause: error, afterMs: undefined });
    expect(failure.message).toContain(error instanceof Error ? error.name : 'string');
  });

  it.each([
    ['second', 'second', undefined],
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
    ['the next minute if the reset has just passed', String(NOW - 1000), 60_000],
    ['midnight if the reset is no number', 'soon', 6 * HOUR_MS],
  ])('past the limit of the day is retried at %s', (_, expiry, afterMs) => {
    const error = answer(429, tooManyRequests('day', TEAM_LIMITS), {
      'x-keap-product-quota-expiry-time': expiry,
    });
    expect(toFailure(error, NOW)).toMatchObject({ afterMs });
  });

  it('past the limit of the minute can be retried at once if the answer is late', () => {
    const body = tooManyRequests('minute', TEAM_LIMITS);
    const error = answer(429, body, { 'x-keap-product-throttle-expiry-time': String(NOW - 1000) });
    expect(toFailure(error, NOW)).toMatchObject({ afterMs: 0 });
  });

  it('past a limit is read from a body that is text', () => {
    expect(exceededLimit(JSON.stringify(tooManyRequests('day', TEAM_LIMITS)))).toBe('day');
    expect(exceededLimit('Quota Exceeded')).toBe('minute');
  });

  it.each([[undefined], [''], ['<html>'], [null], [[1]]])(
    'past a limit with the unknown body %j may last for hours, so the message backs off',
    (body) => {
      expect(exceededLimit(body)).toBe('unknown');
      expect(toFailure(answer(429, body), NOW)).toMatchObject({ name: 'RetryableError', afterMs: undefined });
    },
  );
});
