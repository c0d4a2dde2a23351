import { assertNotLeased, withLease } from '../../shared/contacts/lease.ts';
import type { RetiredContact } from '../../shared/contacts/retire-contact.ts';
import type { Departure } from '../../shared/contacts/retire-user.ts';
import type { ContactChange, SyncResult, SyncUserOptions } from '../../shared/contacts/sync-user.ts';
import type { Invocation } from '../../shared/invocation.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import { type UserMessage, userMessage } from '../../shared/sync/message.ts';
import { InvalidUserError, type Warning } from '../../shared/user/read-user.ts';
import type { CrmState, User } from '../../shared/user/user.ts';
import type { FailureQueue } from './failure-queue.ts';

export interface ProcessUserDependencies {
  users: Pick<UserTable, 'read' | 'writeCrm'>;
  syncUser: (user: User, options: SyncUserOptions) => Promise<SyncResult>;
  /** Retires the contacts of a deleted user: see `retireUser`. */
  retireUser: (
    userId: string,
    departure: Departure | undefined,
    living: CrmState | undefined,
  ) => Promise<RetiredContact[]>;
  requeue: FailureQueue['requeue'];
  metrics: { countChange(change: ContactChange): void };
  /** The running invocation. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface UserOutcome {
  /**
   * `retired`: the user is no longer in the table, and the deletion policy was applied to the contact. `stillRejected`: a backfill found the
   * user rejected for the same reason as before, which has its dead letter.
   */
  outcome: 'synced' | 'unchanged' | 'retired' | 'stillRejected';
  contactId: number | undefined;
  warnings: readonly Warning[];
}

/** The user was deleted, or another writer has changed the `crm` map, while the sync was running. */
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
  const { users, syncUser, retireUser, requeue, metrics, invocation, now } = dependencies;
  const { userId } = messages[0];
  assertDue(messages, now());
  const found = await users.read(userId).catch((error: unknown) => {
    throw error instanceof InvalidUserError ? new RejectedError('not-a-user', error.message) : error;
  });
  const departure = departureOf(messages, found !== undefined);
  // A user can be deleted and come back with another contact before the messages are read.
  if (!found || departure) {
    const retired = await retireUser(userId, departure, found?.user.crm);
    if (!found) return { outcome: 'retired', contactId: retired.at(-1)?.contactId, warnings: [] };
  }

  assertNotLeased(found.user.crm ?? {}, invocation(), now());
  let { revision } = found.user.crm ?? {};
  const save = async (crm: CrmState): Promise<CrmState> => {
    const outcome = await users.writeCrm(userId, withLease(crm, invocation()), revision);
    if (outcome !== 'stored') throw new WriteBackFailedError(outcome);
    revision = (revision ?? 0) + 1;
    return { ...crm, revision };
  };
  const user = withHints(found.user, messages);
  const { unchanged, changes, desired, affected, failure, ...synced } = await syncUser(user, {
    save,
    tagsLater: messages.every((message) => message.tagsLater === true),
    changedAt: lastChangeOf(messages),
  });
  const isStillRejected = failure instanceof RejectedError && isKnownRejection(failure, found.user, messages);
  const crm = isStillRejected ? withErrorId(synced.crm, found.user) : synced.crm;
  const { contactId } = crm;
  const written =
    failure instanceof WriteBackFailedError
      ? failure.outcome
      : unchanged && user === found.user
        ? 'stored'
        : await users.writeCrm(userId, crm, revision);
  for (const change of changes) metrics.countChange(change);
  if (affected.length > 0)
    await requeue(
      affected.map(({ userId: other, ...why }) => userMessage(other, { ...why, changedAt: now() })),
    );
  if (written === 'gone') {
    // The user was deleted during the sync. The message of the deletion may name no contact.
    const retired = await retireUser(userId, departureFrom(crm, now()), undefined);
    return { outcome: 'retired', contactId: contactId ?? retired.at(-1)?.contactId, warnings: [] };
  }
  if (written === 'conflict') {
    await markUntrusted(userId, crm, users);
    throw new RetryableError('Another writer has changed the state of this user', { afterMs: 0 });
  }
  const warnings = [...found.warnings, ...desired.warnings];
  if (isStillRejected) return { outcome: 'stillRejected', contactId, warnings };
  if (failure) throw failure;
  return {
    outcome: unchanged ? 'unchanged' : 'synced',
    contactId,
    warnings,
  };
}

/** The dead letter of the first rejection has the id. */
const withErrorId = (crm: CrmState, { crm: stored }: User): CrmState => ({
  ...crm,
  ...(crm.rejection &&
    stored?.rejection && { rejection: { ...crm.rejection, errorId: stored.rejection.errorId } }),
});

const isKnownRejection = (
  { reason, otherUserId }: RejectedError,
  { crm }: User,
  messages: readonly UserMessage[],
): boolean =>
  messages.every(({ cause }) => cause === 'backfill') &&
  crm?.rejection?.reason === reason &&
  crm.rejection.otherUserId === otherUserId;

/** @throws RetryableError until the invocation that was working on a deleted user has ended. */
function assertDue(messages: readonly UserMessage[], now: number): void {
  const until = Math.max(...messages.map(({ notBefore }) => (notBefore ? Date.parse(notBefore) : 0)));
  if (until > now)
    throw new RetryableError('Another invocation may still be syncing this deleted user', {
      afterMs: until - now,
    });
}

/** What the messages say about the contacts of a user who was deleted, and may have come back. */
function departureOf(
  messages: readonly [UserMessage, ...UserMessage[]],
  isLiving: boolean,
): Departure | undefined {
  // The app may have removed the `crm` map before it deleted the user, so that the message of the deletion names no contact.
  const naming = isLiving ? messages.filter(({ cause }) => cause === 'deleted') : messages;
  const contactIds = naming.flatMap(contactIdsOf);
  const attempts = naming.flatMap(({ attemptedAt }) => attemptedAt ?? []).sort();
  if (contactIds.length + attempts.length === 0) return undefined;
  const { changedAt: deletedAt } = naming.at(-1) ?? messages[0];
  return {
    contactIds,
    ...(attempts[0] && { attemptedAt: attempts[0] }),
    deletedAt,
  };
}

const departureFrom = (crm: CrmState, now: number): Departure => ({
  contactIds: contactIdsOf(crm),
  ...(crm.attempt && { attemptedAt: crm.attempt.at }),
  deletedAt: new Date(now).toISOString(),
});

const contactIdsOf = ({
  contactId,
  formerContactIds = [],
}: Pick<UserMessage, 'contactId' | 'formerContactIds'>): number[] => [
  ...(contactId === undefined ? [] : [contactId]),
  ...formerContactIds,
];

/** When the app last changed the user, in epoch milliseconds: a backfill or a repair is no change. */
const lastChangeOf = (messages: readonly UserMessage[]): number =>
  Math.max(
    0,
    ...messages
      .filter(({ cause }) => cause === 'created' || cause === 'changed')
      .map(({ changedAt }) => Date.parse(changedAt)),
  );

/**
 * Adds to the state what it was before the app removed or replaced it: the contacts, and an unanswered create. Nothing else in it is certain
 * then.
 */
function withHints(user: User, messages: readonly UserMessage[]): User {
  const hints = messages.filter(({ cause }) => cause === 'resync');
  if (hints.length === 0) return user;
  const { crm = {} } = user;
  const attemptedAt = hints.flatMap(({ attemptedAt: at }) => at ?? []).sort()[0];
  const known = [...new Set([...contactIdsOf(crm), ...hints.flatMap(contactIdsOf)])];
  const [contactId, ...formerContactIds] = known;
  return {
    ...user,
    crm: {
      ...crm,
      ...(contactId !== undefined && { contactId, untrusted: true }),
      ...(formerContactIds.length > 0 && { formerContactIds }),
      ...(contactId === undefined &&
        attemptedAt !== undefined && { attempt: { at: attemptedAt, email: '' } }),
    },
  };
}

/**
 * After two writers have worked on a user at the same time, nothing in the state is certain but its contacts: the next sync writes or clears
 * all fields, and leaves contacts that are not the user's.
 */
async function markUntrusted(
  userId: string,
  ours: CrmState,
  users: ProcessUserDependencies['users'],
): Promise<void> {
  const found = await users.read(userId);
  if (!found) return;
  const { crm = {} } = found.user;
  const [contactId, ...formerContactIds] = [...new Set([...contactIdsOf(crm), ...contactIdsOf(ours)])];
  const attempt = crm.attempt ?? ours.attempt;
  const state: CrmState = {
    ...crm,
    ...(contactId !== undefined && { contactId, untrusted: true }),
    ...(formerContactIds.length > 0 && { formerContactIds }),
    ...(contactId === undefined && attempt && { attempt }),
  };
  await users.writeCrm(userId, state, crm.revision);
}
