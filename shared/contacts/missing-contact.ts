import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';

/** Since when the CRM has not known contacts (404), in ISO 8601 by contact id. */
export type MissingSince = Readonly<Record<string, string>>;

/** Notes that the CRM does not know a contact, unless that is noted already. @param now epoch milliseconds. */
export const withMissing = (
  missing: MissingSince | undefined,
  contactId: number,
  now: number,
): MissingSince => ({
  [contactId]: new Date(now).toISOString(),
  ...missing,
});

/**
 * The error to throw while a contact may come back, since an answer of 404 can be wrong for a while. Undefined once the CRM has not known
 * the contact for a minute: then it was deleted or merged.
 *
 * @param now epoch milliseconds.
 */
export function mayComeBack(
  missing: MissingSince | undefined,
  contactId: number,
  now: number,
  cause: Error,
): RetryableError | undefined {
  const remainingMs = untilGoneMs(missing, contactId, now);
  return remainingMs > 0
    ? new RetryableError('The CRM does not know the contact', { cause, afterMs: remainingMs })
    : undefined;
}

/** Whether the CRM has not known a contact for a minute. @param now epoch milliseconds. */
export const isGone = (missing: MissingSince | undefined, contactId: number, now: number): boolean =>
  untilGoneMs(missing, contactId, now) <= 0;

function untilGoneMs(missing: MissingSince | undefined, contactId: number, now: number): number {
  const since = missing?.[contactId];
  return (since === undefined ? now : Date.parse(since)) + GONE_AFTER_MS - now;
}
