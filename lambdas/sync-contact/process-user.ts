import { assertNotLeased, withLease } from '../../shared/contacts/lease.ts';
import type { RetiredContact } from '../../shared/contacts/retire-contact.ts';
import type { ContactChange, SyncResult, SyncUserOptions } from '../../shared/contacts/sync-user.ts';
import type { Invocation } from '../../shared/invocation.ts';
import type { PendingRetirement } from '../../shared/store/sync-table.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import { isWithdrawalOpen } from '../../shared/sync/consent.ts';
import { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { InvalidUserError, type Warning } from '../../shared/user/read-user.ts';
import type { CrmState, User } from '../../shared/user/user.ts';

export interface ProcessUserDependencies {
  users: Pick<UserTable, 'read' | 'writeCrm'>;
  syncUser: (user: User, options: SyncUserOptions) => Promise<SyncResult>;
  /** Retires the contacts of a deleted user: see `retireUser`. */
  retireUser: (
    userId: string,
    retirement: PendingRetirement | undefined,
    living: CrmState | undefined,
  ) => Promise<RetiredContact[]>;
  metrics: { countChange(change: ContactChange): void };
  /** The running invocation. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface UserOutcome {
  /**
   * `retired`: the user is no longer in the table, and the deletion policy was applied to the contact. `stillRejected`: a backfill found
   * the user rejected for the same reason as before, and that rejection has its dead letter.
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
  const { users, syncUser, retireUser, metrics, invocation, now } = dependencies;
  const { userId } = messages[0];
  assertDue(messages, now());
  const found = await users.read(userId).catch((error: unknown) => {
    throw error instanceof InvalidUserError ? new RejectedError('not-a-user', error.message) : error;
  });
  const retirement = retirementIn(messages, found !== undefined);
  // A user can be deleted and come back with another contact before the messages are read.
  if (!found || retirement) {
    const retired = await retireUser(userId, retirement, found?.user.crm);
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
  const { unchanged, changes, desired, ...synced } = await syncUser(user, {
    save,
    tagsLater: messages.every((message) => message.tagsLater === true),
    changedAt: lastChangeOf(messages),
    isWithdrawn: messages.some(({ withdrawn }) => withdrawn === true),
    isOptedIn: messages.some(({ optedIn }) => optedIn === true),
  });
  const known = knownRejection(synced.failure, found.user, messages);
  const crm = known ? withErrorId(synced.crm, known.errorId) : synced.crm;
  const failure = known?.failure ?? synced.failure;
  const { contactId } = crm;
  const written =
    failure instanceof WriteBackFailedError
      ? failure.outcome
      : unchanged && user === found.user
        ? 'stored'
        : await users.writeCrm(userId, crm, revision);
  for (const change of changes) metrics.countChange(change);
  if (written === 'gone') {
    // The user was deleted during the sync. The message of the deletion may name no contact.
    const isWithdrawn = isWithdrawalOpen(desired.consent, crm.consent);
    const ownRetirement = { ...retirementOf(crm, now()), ...(isWithdrawn && { withdrawn: true }) };
    const retired = await retireUser(userId, ownRetirement, undefined);
    return { outcome: 'retired', contactId: contactId ?? retired.at(-1)?.contactId, warnings: [] };
  }
  if (written === 'conflict') {
    await markUntrusted(userId, crm, users);
    // A request without an answer may still take effect: the next one has to come later.
    if (failure instanceof RetryableError) throw failure;
    throw new RetryableError('Another writer has changed the state of this user', { afterMs: 0 });
  }
  const warnings = [...found.warnings, ...desired.warnings];
  if (known?.isNotified) return { outcome: 'stillRejected', contactId, warnings };
  if (failure) throw failure;
  return {
    outcome: unchanged ? 'unchanged' : 'synced',
    contactId,
    warnings,
  };
}

interface KnownRejection {
  /** With the id of the first rejection. */
  failure: RejectedError;
  errorId: string;
  /** Whether the rejection has a dead letter for certain. */
  isNotified: boolean;
}

/**
 * The stored rejection, if the new one is the same. In a backfill, a user who stays rejected makes no new dead letter. A message about a
 * change before the stored rejection was in the queue at that time, or is delivered again because its environment died. Its dead letter
 * gets the same id, by which the queue recognizes a duplicate.
 */
function knownRejection(
  failure: unknown,
  { crm: { rejection } = {} }: User,
  messages: readonly UserMessage[],
): KnownRejection | undefined {
  if (!(failure instanceof RejectedError && rejection)) return undefined;
  if (rejection.reason !== failure.reason || rejection.otherUserId !== failure.otherUserId) return undefined;
  const isSeen = ({ changedAt }: UserMessage) => Date.parse(changedAt) <= Date.parse(rejection.at);
  const isOfBackfill = ({ cause }: UserMessage) => cause === 'backfill';
  if (!messages.every((message) => isSeen(message) || isOfBackfill(message))) return undefined;
  const isNotified = !messages.some(isSeen);
  const { errorId } = rejection;
  return { failure: failure.withId(errorId), errorId, isNotified };
}

const withErrorId = (crm: CrmState, errorId: string): CrmState => ({
  ...crm,
  ...(crm.rejection && { rejection: { ...crm.rejection, errorId } }),
});

/** @throws RetryableError until the invocation has ended that worked on a user who was deleted, or whose state was replaced. */
function assertDue(messages: readonly UserMessage[], now: number): void {
  const until = Math.max(...messages.map(({ notBefore }) => (notBefore ? Date.parse(notBefore) : 0)));
  if (until > now)
    throw new RetryableError('Another invocation may still be syncing this user', {
      afterMs: until - now,
    });
}

/** What the messages say about the contacts of a user who was deleted, and may have come back. */
function retirementIn(
  messages: readonly [UserMessage, ...UserMessage[]],
  isLiving: boolean,
): PendingRetirement | undefined {
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
    ...(naming.some(({ withdrawn }) => withdrawn) && { withdrawn: true }),
  };
}

const retirementOf = (crm: CrmState, now: number): PendingRetirement => ({
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
 * Adds to the state what it held before the app removed or replaced it: the contacts, and a create request without an answer. Nothing
 * else in the state is certain.
 */
function withHints(user: User, messages: readonly UserMessage[]): User {
  const hints = messages.filter(({ cause }) => cause === 'resync');
  if (hints.length === 0) return user;
  const { crm = {} } = user;
  const attemptedAt = hints.flatMap(({ attemptedAt: at }) => at ?? []).sort()[0];
  const known = [...new Set([...contactIdsOf(crm), ...hints.flatMap(contactIdsOf)])];
  const [contactId, ...formerContactIds] = known;
  // What an older map says about a withdrawal may not be true any more.
  const isConsentNewer = hints.some(({ withdrawn, optedIn }) => withdrawn || optedIn);
  const { consent, serverErrors: _, ...others } = crm;
  return {
    ...user,
    crm: {
      ...others,
      ...(consent && !(isConsentNewer && consent.step === 'withdrawn') && { consent: omitOwn(consent) }),
      ...(contactId !== undefined && { contactId, untrusted: true }),
      ...(formerContactIds.length > 0 && { formerContactIds }),
      // It may have created another contact than the one that is known.
      ...(attemptedAt !== undefined && { attempt: { at: attemptedAt } }),
    },
  };
}

const omitOwn = ({ isOwn: _, ...consent }: NonNullable<CrmState['consent']>) => consent;

/**
 * After two writers have worked on a user at the same time, only the contacts in the state are certain: the next sync writes or clears
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
    ...(attempt && { attempt }),
  };
  await users.writeCrm(userId, state, crm.revision);
}
