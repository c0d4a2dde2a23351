import { HTTPError } from 'ky';
import { RejectedError, RetryableError } from '../../sync/errors.ts';
import { isAboutContacts } from '../endpoints.ts';
import { type ExceededLimit, resetOf } from './limit-headers.ts';

/** The contact (or other object) does not exist: it was deleted or merged (v1 answers 404 for both). */
export class NotFoundError extends Error {
  override name = 'NotFoundError';
}

/** The plan of the account or the scope of the credentials does not allow the request (403). A person has to change that. */
export class ForbiddenError extends RetryableError {
  override name = 'ForbiddenError';
}

/** No usable answer: the request may or may not have taken effect, and may still be running. */
export class UncertainError extends RetryableError {
  override name = 'UncertainError';
  /** Whether the CRM answered, with a failure of its own. Without an answer, the request may take effect later. */
  readonly isAnswered: boolean;

  constructor(
    message: string,
    {
      isAnswered = false,
      ...options
    }: ConstructorParameters<typeof RetryableError>[1] & { isAnswered?: boolean } = {},
  ) {
    super(message, options);
    this.isAnswered = isAnswered;
  }
}

/**
 * The CRM answered 500 with a message to a request about single contacts. It does so to some bad values, such as an owner that does not
 * exist (WP Fusion's plugin and laravel-keap handle it), and during outages.
 */
export class ContactFaultError extends UncertainError {
  override name = 'ContactFaultError';
  override readonly backsOff = true;
  /** What the CRM said. It can contain personal data. */
  readonly answer: string;

  constructor(message: string, answer: string, afterMs?: number) {
    super(message, { afterMs, isAnswered: true });
    this.answer = answer;
  }
}

/**
 * What the CRM says about a failure that can be the fault of one contact: 500 and a JSON object with a message, about single contacts.
 *
 * @param body as text, or parsed.
 * @returns undefined for all others: the answers of a proxy (HTML, 502 to 504), of a gateway (`fault`), and those without a body.
 */
export function contactFault(
  { method, url }: { method: string; url: string },
  status: number,
  body: unknown,
): string | undefined {
  if (status !== 500 || !isAboutContacts(method, url)) return undefined;
  const { message } = asObject(body);
  return typeof message === 'string' && message.trim() !== '' ? message : undefined;
}

function asObject(body: unknown): { message?: unknown } {
  if (typeof body !== 'string') return typeof body === 'object' && body !== null ? body : {};
  try {
    return asObject(Object(JSON.parse(body)));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/**
 * The limit that a 429 is about. Three bodies are known: two faults of the gateway, with the error codes `…QuotaViolation` for the day and
 * `…SpikeArrestViolation` for the second, and `{"message":"Quota Exceeded"}` for the minute.
 */
export function exceededLimit(body: unknown): ExceededLimit {
  const text = JSON.stringify(body ?? '');
  if (text.includes('QuotaViolation')) return 'day';
  if (text.includes('SpikeArrestViolation')) return 'second';
  return text.includes('Quota Exceeded') ? 'minute' : 'unknown';
}

/**
 * Turns the failure of a request into an error that says whether a retry can help.
 *
 * @param now epoch milliseconds.
 * @returns NotFoundError for 404, ForbiddenError for 403, RejectedError for other statuses from 400 that the CRM refuses for good,
 *   ContactFaultError for 500 with a message about single contacts, UncertainError for 408, others from 500 and no usable answer,
 *   RetryableError otherwise.
 */
export function toFailure(error: unknown, now: number): Error {
  if (error instanceof RetryableError) return error;
  if (!(error instanceof HTTPError)) {
    return new UncertainError(`No usable answer from the CRM (${nameOf(error)})`, { cause: error });
  }
  const { status, headers } = error.response;
  if (status === 404) return new NotFoundError('Not found in the CRM (404)');
  if (status === 401) return new RetryableError('The CRM refuses the credentials (401)');
  if (status === 403) return new ForbiddenError('The account may not do this (403)');
  if (status === 429) return tooManyRequests(exceededLimit(error.data), headers, now);
  const fault = contactFault(error.request, status, error.data);
  if (fault !== undefined) return new ContactFaultError('The CRM failed for a contact (500)', fault);
  if (status === 408 || status >= 500)
    return new UncertainError(`The CRM failed (${status})`, {
      isAnswered: ![408, 502, 504].includes(status),
    });
  return new RejectedError('refused-by-crm', `The CRM refused the request (${status})`, {
    status,
    cause: error,
  });
}

function tooManyRequests(limit: ExceededLimit, headers: Headers, now: number): RetryableError {
  if (limit === 'unknown')
    return new RetryableError(
      'A limit that the CRM does not name is exceeded, perhaps that of the account (429)',
    );
  const afterMs = limit === 'second' ? undefined : Math.max(0, resetOf(limit, headers, now) - now);
  return new RetryableError(`The CRM's limit of the ${limit} is exceeded (429)`, { afterMs });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
