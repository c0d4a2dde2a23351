import { createHash } from 'node:crypto';
import { CONFLICT } from '../quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import type { CrmState, User } from '../user/user.ts';

/** Another user who has to be synced. `changed`: a change may be pending. `resync`: with all values, since the contact may be wrong. */
export interface AffectedUser {
  userId: string;
  cause: 'changed' | 'resync';
  /** A contact that the user may not know. */
  contactId?: number;
}

/** Another living user has the email or the contact. */
export class ConflictError extends Error {
  override name = 'ConflictError';
  readonly other: User;
  /** Whether the sync may have written to the other user's contact. */
  readonly hasWritten: boolean;
  /** Whether the stored contact is another user's now. */
  readonly isLost: boolean;
  /**
   * Whether the other user's contact shows the email although that user has another one: a change is pending, or people have changed it.
   */
  readonly isOutdated: boolean;

  constructor(
    other: User,
    problem: string,
    {
      hasWritten = false,
      isLost = false,
      isOutdated = false,
    }: { hasWritten?: boolean; isLost?: boolean; isOutdated?: boolean } = {},
  ) {
    super(`User ${other.userId} ${problem}`);
    this.other = other;
    this.hasWritten = hasWritten;
    this.isLost = isLost;
    this.isOutdated = isOutdated;
  }
}

/** The user waits for a change of another user. */
export class ConflictWaitError extends RetryableError {
  override name = 'ConflictWaitError';
}

/** What follows from a conflict. */
export interface ConflictOutcome {
  conflict: NonNullable<CrmState['conflict']>;
  failure: RetryableError | RejectedError;
  /** Whether the conflict is new. If so, the other user is synced, since a pending change of that user may resolve it. */
  isNew: boolean;
}

/**
 * Waits for the other user, whose next change may be in the queue, and rejects the user when neither has changed for a quarter of an hour.
 *
 * @param changedAt the change that the messages are about, in epoch milliseconds.
 * @param now epoch milliseconds.
 */
export function waitOrReject(
  user: User,
  error: ConflictError,
  changedAt: number,
  now: number,
): ConflictOutcome {
  const { other, message } = error;
  const since = unchangedSince(user, other, changedAt, now);
  const waited = now - since;
  const failure =
    waited >= CONFLICT.limitMs
      ? new RejectedError('contact-of-another-user', message, { otherUserId: other.userId })
      : new ConflictWaitError(`${message}: waiting for a change`, {
          afterMs: Math.min(CONFLICT.maxMs, Math.max(CONFLICT.firstMs, waited)),
        });
  return {
    conflict: {
      otherUserId: other.userId,
      states: statesOf(user, other),
      since: new Date(since).toISOString(),
    },
    failure,
    isNew: user.crm?.conflict?.otherUserId !== other.userId,
  };
}

/** Whether a conflict has lasted as long as a user waits for another. Times in epoch milliseconds. */
export const hasWaited = (user: User, other: User, changedAt: number, now: number): boolean =>
  now - unchangedSince(user, other, changedAt, now) >= CONFLICT.limitMs;

/** Since when neither user has changed, as far as this sync has noticed, in epoch milliseconds. */
function unchangedSince(user: User, other: User, changedAt: number, now: number): number {
  const { conflict } = user.crm ?? {};
  const isSame = conflict?.otherUserId === other.userId && conflict.states === statesOf(user, other);
  return isSame ? Math.max(Date.parse(conflict.since), Math.min(changedAt, now)) : now;
}

/** A hash of both users without the progress of their sync. */
function statesOf({ crm: _, ...user }: User, { crm, ...other }: User): string {
  const text = JSON.stringify([user, other, crm?.contactId]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 11);
}
