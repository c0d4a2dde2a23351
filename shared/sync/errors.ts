import { randomUUID } from 'node:crypto';

/** A failure that may pass: the message stays in the queue. */
export class RetryableError extends Error {
  override name = 'RetryableError';
  /** Milliseconds until a retry makes sense, if the cause is known to last so long. */
  readonly afterMs: number | undefined;
  /** Whether `afterMs` is only the shortest wait: a message that fails again and again is retried less and less often. */
  readonly backsOff: boolean = false;

  constructor(message: string, options: { afterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.afterMs = options.afterMs;
  }
}

/** An AWS service fails or throttles. It is retried sooner than the CRM, since its requests have no quota. */
export class CloudError extends RetryableError {
  override name = 'CloudError';
}

/** No request was made, because the invocation ends too soon for it. */
export class OutOfTimeError extends RetryableError {
  override name = 'OutOfTimeError';
}

/** No request was made, because the CRM is down. */
export class CrmDownError extends RetryableError {
  override name = 'CrmDownError';
  // Each environment has its own circuit breaker, whose rest may be nearly over: without backoff, a message would use up its deliveries.
  override readonly backsOff = true;
}

/** Why a user cannot be synced, however often it is tried. */
export type RejectionReason =
  | 'no-usable-email'
  | 'refused-by-crm'
  | 'fails-in-crm'
  | 'tag-not-permitted'
  | 'contact-of-another-user'
  | 'not-a-user'
  | 'unreadable-message';

/** A failure that no retry can fix: a person has to change the user, the mapping or the account. */
export class RejectedError extends Error {
  override name = 'RejectedError';
  readonly reason: RejectionReason;
  /**
   * The same id in the log, on the dead letter and on the user's item. The dead-letter queue accepts one message with this id in five
   * minutes.
   */
  readonly errorId: string;
  /** Status of the CRM's answer, if the CRM refused. */
  readonly status: number | undefined;
  /** The other user, for `contact-of-another-user`. */
  readonly otherUserId: string | undefined;
  /** What the CRM said, without personal data, for `fails-in-crm`. */
  readonly detail: string | undefined;

  constructor(
    reason: RejectionReason,
    message: string,
    options: {
      status?: number | undefined;
      otherUserId?: string | undefined;
      detail?: string | undefined;
      errorId?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.status = options.status;
    this.otherUserId = options.otherUserId;
    this.detail = options.detail;
    this.errorId = options.errorId ?? randomUUID();
  }

  /** The same error with the id of an earlier one. */
  withId(errorId: string): RejectedError {
    const { reason, message, status, otherUserId, detail, cause } = this;
    return new RejectedError(reason, message, { status, otherUserId, detail, cause, errorId });
  }
}

/** The CRM accepts the user only without some fields, which are named by their keys in the mapping. */
export class RefusedFieldsError extends RejectedError {
  override name = 'RefusedFieldsError';
  readonly fields: readonly string[];

  constructor(fields: readonly string[], message: string, options: { cause?: unknown } = {}) {
    super('refused-by-crm', message, options);
    this.fields = fields;
  }
}
