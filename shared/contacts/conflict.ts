import { CONFLICT } from '../quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import type { CrmState, User } from '../user/user.ts';

/** Another living user has the email or the contact. */
export class ConflictError extends Error {
  override name = 'ConflictError';
  readonly other: User;
  /** Whether the sync may have written to the other user's contact. */
  readonly hasWritten: boolean;

  constructor(other: User, problem: string, { hasWritten = false } = {}) {
    super(`User ${other.userId} ${problem}`);
    this.other = other;
    this.hasWritten = hasWritten;
  }
}

/** What follows from a conflict. */
export interface ConflictOutcome {
  conflict: NonNullable<CrmState['conflict']>;
  failure: RetryableError | RejectedError;
  /** Whether the conflict is new: the other user is synced, since its next change may be what resolves it. */
  isNew: boolean;
}

/**
 * Waits for the other user, whose next change may be in the queue, and rejects the user when nothing has changed for a quarter of an hour.
 *
 * @param crm the state of the user.
 * @param changedAt the last change of the user, in epoch milliseconds.
 * @param now epoch milliseconds.
 */
export function waitOrReject(
  { conflict: known }: CrmState,
  error: ConflictError,
  changedAt: number,
  now: number,
): ConflictOutcome {
  const { userId: otherUserId, crm: { syncedAt: otherSyncedAt } = {} } = error.other;
  const isSame = known?.otherUserId === otherUserId && known.otherSyncedAt === otherSyncedAt;
  const sinceMs = isSame ? Math.max(Date.parse(known.since), Math.min(changedAt, now)) : now;
  const conflict = {
    otherUserId,
    ...(otherSyncedAt !== undefined && { otherSyncedAt }),
    since: new Date(sinceMs).toISOString(),
  };
  const waited = now - sinceMs;
  const failure =
    waited >= CONFLICT.limitMs
      ? new RejectedError('contact-of-another-user', error.message, { otherUserId })
      : new RetryableError(`${error.message}: waiting for a change`, {
          afterMs: Math.min(CONFLICT.maxMs, Math.max(CONFLICT.firstMs, waited)),
        });
  return { conflict, failure, isNew: known?.otherUserId !== otherUserId };
}
