import { assertNotLeased, withLease } from '../../shared/contacts/lease.ts';
import type { ContactChange, SyncResult, SyncUserOptions } from '../../shared/contacts/sync-user.ts';
import type { Invocation } from '../../shared/invocation.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import { type UserMessage, userMessage } from '../../shared/sync/message.ts';
import { UNCERTAIN } from '../../shared/sync/plan.ts';
import { InvalidUserError, type Warning } from '../../shared/user/read-user.ts';
import type { CrmState, User } from '../../shared/user/user.ts';
import type { FailureQueue } from './failure-queue.ts';

export interface ProcessUserDependencies {
  users: Pick<UserTable, 'read' | 'writeCrm'>;
  syncUser: (user: User, options: SyncUserOptions) => Promise<SyncResult>;
  /** Applies the deletion policy to the contact of a user who was deleted at a moment (epoch milliseconds). */
  retire: (contactId: number, userId: string, deletedAt: number) => Promise<unknown>;
  requeue: FailureQueue['requeue'];
  metrics: { countChange(change: ContactChange): void };
  /** The running invocation. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface UserOutcome {
  /** `retired`: the user is no longer in the table, and the deletion policy was applied to the contact. */
  outcome: 'synced' | 'unchanged' | 'retired';
  contactId: number | undefined;
  warnings: readonly Warning[];
}

/** The user was deleted, or another invocation has written the item, while the sync was running. */
class WriteBackFailedError extends Error {
  override name = 'WriteBackFailedError';
  readonly outcome: 'gone' | 'conflict';

  constructor(outcome: 'gone' | 'conflict') {
    super(`The write-back failed: ${outcome}`);
    this.outcome = outcome;
  }
}

/**
 * Syncs one user. The messages only say that something happened. The user is read from the table, once for all messages, so late,
 * duplicate and replayed messages are harmless.
 *
 * @param messages all messages about this user in a batch, oldest first.
 * @throws RejectedError or RetryableError. What was done before is stored.
 */
export async function processUser(
  messages: readonly [UserMessage, ...UserMessage[]],
  dependencies: ProcessUserDependencies,
): Promise<UserOutcome> {
  const { users, syncUser, retire, requeue, metrics, invocation, now } = dependencies;
  const { userId } = messages[0];
  assertDue(messages, now());
  const found = await users.read(userId).catch((error: unknown) => {
    throw error instanceof InvalidUserError ? new RejectedError('not-a-user', error.message) : error;
  });
  // A user can be deleted and come back with another contact before the messages are read.
  const abandoned = new Map(
    messages.map(({ contactId, changedAt }) => [contactId, Date.parse(changedAt)] as const),
  );
  abandoned.delete(undefined);
  abandoned.delete(found?.user.crm?.contactId);
  for (const [contactId = 0, deletedAt] of abandoned) await retire(contactId, userId, deletedAt);
  if (!found) return { outcome: 'retired', contactId: [...abandoned.keys()].at(-1), warnings: [] };

  assertNotLeased(found.user.crm ?? {}, invocation(), now());
  let { revision } = found.user.crm ?? {};
  const save = async (crm: CrmState): Promise<CrmState> => {
    const outcome = await users.writeCrm(userId, withLease(crm, invocation()), revision);
    if (outcome !== 'stored') throw new WriteBackFailedError(outcome);
    revision = (revision ?? 0) + 1;
    return { ...crm, revision };
  };
  const tagsLater = messages.every((message) => message.tagsLater === true);
  const { crm, unchanged, changes, desired, failure } = await syncUser(found.user, { save, tagsLater });
  const { contactId } = crm;
  const written =
    failure instanceof WriteBackFailedError
      ? failure.outcome
      : unchanged
        ? 'stored'
        : await users.writeCrm(userId, crm, revision);
  for (const change of changes) metrics.countChange(change);
  if (written === 'gone') {
    // The user was deleted during the sync. The message of the deletion names no contact, so the contact is retired here.
    if (contactId) await retire(contactId, userId, now());
    return { outcome: 'retired', contactId, warnings: [] };
  }
  if (written === 'conflict') {
    await markFieldsUncertain(userId, crm, users);
    throw new RetryableError('Another invocation has synced this user at the same time', { afterMs: 0 });
  }
  if (failure instanceof RejectedError && failure.reason === 'contact-of-another-user') {
    // The upsert wrote this user's values to the contact of the other user, whose values have to be written again.
    const { otherUserId = '' } = failure;
    await markFieldsUncertain(otherUserId, {}, users);
    await requeue([userMessage(otherUserId, { cause: 'resync', changedAt: now() })]);
  }
  if (failure) throw failure;
  return {
    outcome: unchanged ? 'unchanged' : 'synced',
    contactId,
    warnings: [...found.warnings, ...desired.warnings],
  };
}

/** @throws RetryableError until the invocation that was working on a deleted user has ended. */
function assertDue(messages: readonly UserMessage[], now: number): void {
  const until = Math.max(...messages.map(({ notBefore }) => (notBefore ? Date.parse(notBefore) : 0)));
  if (until > now)
    throw new RetryableError('Another invocation may still be syncing this deleted user', {
      afterMs: until - now,
    });
}

/**
 * Marks all written fields of a contact as uncertain, after two writers have worked on it at the same time. The next sync writes or clears
 * all of them, and reads the tags from the CRM's answer.
 */
async function markFieldsUncertain(
  userId: string,
  { contactId: ours, fingerprint: written = {} }: CrmState,
  users: ProcessUserDependencies['users'],
): Promise<void> {
  const found = await users.read(userId);
  const { contactId = ours, fingerprint = {}, revision } = found?.user.crm ?? {};
  if (!contactId) return;
  const uncertain = Object.keys({ ...fingerprint, ...written }).map((key) => [key, UNCERTAIN]);
  await users.writeCrm(userId, { contactId, fingerprint: Object.fromEntries(uncertain) }, revision);
}
