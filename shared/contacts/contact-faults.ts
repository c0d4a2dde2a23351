import { ContactFaultError } from '../infusionsoft/http/failures.ts';
import { CONTACT_FAULT } from '../quota/retry-policy.ts';
import { RejectedError, type RetryableError } from '../sync/errors.ts';
import type { CrmState } from '../user/user.ts';

// What to do about a contact for which the CRM fails again and again while it works for others.

/** Deliveries in a row that count, and when the last of them was (ISO 8601). */
export type ServerErrors = NonNullable<CrmState['serverErrors']>;

export interface ContactFaultDependencies {
  /** When a sync of any user last ended with a change that the CRM accepted, in epoch milliseconds. */
  lastWriteAt: () => Promise<number>;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Counts a failure of the CRM that may be the fault of one contact. A delivery counts if the CRM has accepted a change of another user's
 * contact since the last one that counted, and some minutes have passed: so neither an outage nor a few unlucky minutes reject anybody. A
 * user who is alone in the queue is never rejected, but retried.
 *
 * The user's own success ends the count, so every later success is another user's.
 *
 * @param before the count so far; undefined after a success.
 * @param answer the CRM's answer without personal data; undefined if it may contain some.
 * @returns the count, and the error of the delivery: RejectedError from {@link CONTACT_FAULT}.deliveries on.
 */
export async function countContactFault(
  error: ContactFaultError,
  before: ServerErrors | undefined,
  answer: string | undefined,
  { lastWriteAt, now }: ContactFaultDependencies,
): Promise<{ serverErrors: ServerErrors; failure: RejectedError | RetryableError }> {
  const serverErrors = (await isCounted(before, { lastWriteAt, now }))
    ? { count: (before?.count ?? 0) + 1, at: new Date(now()).toISOString() }
    : (before as ServerErrors);
  const said = answer === undefined ? '' : `: ${answer}`;
  const failure =
    serverErrors.count >= CONTACT_FAULT.deliveries
      ? new RejectedError('fails-in-crm', `The CRM fails for this contact (500)${said}`, {
          status: 500,
          detail: answer,
        })
      : new ContactFaultError(`The CRM failed for this contact (500)${said}`, error.answer, error.afterMs);
  return { serverErrors, failure };
}

async function isCounted(
  before: ServerErrors | undefined,
  { lastWriteAt, now }: ContactFaultDependencies,
): Promise<boolean> {
  if (!before) return true;
  const countedAt = Date.parse(before.at);
  const isOpen = before.count < CONTACT_FAULT.deliveries && now() - countedAt >= CONTACT_FAULT.apartMs;
  return isOpen && (await lastWriteAt()) > countedAt;
}
