import { randomUUID } from 'node:crypto';

/** A failure that may pass: the message stays in the queue. */
export class RetryableError extends Error {
  override name = 'RetryableError';
  /** Milliseconds until a retry makes sense, if the cause is known to last so long. */
  readonly afterMs: number | undefined;

  constructor(message: string, options: { afterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.afterMs = options.afterMs;
  }
}

/** A service of our own cloud fails or throttles. It is retried sooner than the CRM, since its requests have no quota. */
export class CloudError extends RetryableError {
  override name = 'CloudError';
}

/** No request was made, because the CRM is down. */
export class CrmDownError extends RetryableError {
  override name = 'CrmDownError';
}

/** Why a user cannot be synced, however often it is tried. */
export type RejectionReason =
  | 'no-usable-email'
  | 'refused-by-crm'
  | 'tag-not-permitted'
  | 'contact-of-another-user'
  | 'not-a-user'
  | 'unreadable-message';

/** A failure that no retry can fix: a person has to change the user, the mapping or the account. */
export class RejectedError extends Error {
  override name = 'RejectedError';
  readonly reason: RejectionReason;
  /** The same id in the log, on the dead letter and on the user's item. */
  readonly errorId: string = randomUUID();
  /** Status of the CRM's answer, if the CRM refused. */
  readonly status: number | undefined;
  /** The other user, for `contact-of-another-user`. */
  readonly otherUserId: string | undefined;

  constructor(
    reason: RejectionReason,
    message: string,
    options: { status?: number; otherUserId?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.status = options.status;
    this.otherUserId = options.otherUserId;
  }
}
