import { type ChangeMade, changesMade } from '../../shared/contacts/changes-made.ts';
import type { Companies } from '../../shared/contacts/companies.ts';
import { checkFree, leased } from '../../shared/contacts/lease.ts';
import { type RetireDependencies, retireContact } from '../../shared/contacts/retire-contact.ts';
import { syncUser } from '../../shared/contacts/sync-user.ts';
import type { Invocation } from '../../shared/invocation.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { UserMessage } from '../../shared/sync/message.ts';
import { UNCERTAIN } from '../../shared/sync/plan.ts';
import { InvalidUserError, type Warning } from '../../shared/user/read-user.ts';
import type { CrmState } from '../../shared/user/user.ts';
import type { FailureQueue } from './failure-queue.ts';
import type { DeletionPolicy } from './settings.ts';

export interface ProcessUserDependencies extends RetireDependencies {
  users: UserTable;
  companies: Companies;
  deletionPolicy: DeletionPolicy;
  queue: Pick<FailureQueue, 'lookAgain'>;
  /** The running one. */
  invocation: () => Invocation;
  /** Told what was done to a contact, also where the rest has to be tried again. */
  did: (change: ChangeMade) => void;
}

/** How a user came out of it. `retired`: deleted from the table, and its contact treated as the policy says. */
export interface UserOutcome {
  outcome: 'synced' | 'unchanged' | 'retired';
  contactId: number | undefined;
  warnings: readonly Warning[];
}

/** The user is gone, or somebody else has written back, while its sync was in flight. */
class WriteBackFailedError extends Error {
  override name = 'WriteBackFailedError';
  readonly outcome: 'gone' | 'conflict';

  constructor(outcome: 'gone' | 'conflict') {
    super(`The write-back met ${outcome}`);
    this.outcome = outcome;
  }
}

/**
 * Brings one user's contact up to date. The messages say only that something happened: what is true is read from the
 * table, once for all of them, so late, doubled and replayed messages do no harm.
 *
 * @param messages those about this user in one batch, at least one, oldest first.
 * @throws RejectedError or RetryableError; what was done before is stored.
 */
export async function processUser(
  messages: readonly [UserMessage, ...UserMessage[]],
  dependencies: ProcessUserDependencies,
): Promise<UserOutcome> {
  const { users, queue, deletionPolicy: policy, invocation, now } = dependencies;
  const { userId } = messages[0];
  waitForOthers(messages, now());
  const found = await users.read(userId).catch((error: unknown) => {
    throw error instanceof InvalidUserError ? new RejectedError('not-a-user', error.message) : error;
  });
  // A user can be deleted and come back with another contact before its messages are read.
  const leftBehind = new Map(
    messages.map(({ contactId, changedAt }) => [contactId, Date.parse(changedAt)] as const),
  );
  leftBehind.delete(undefined);
  leftBehind.delete(found?.user.crm?.contactId);
  for (const [contactId = 0, deletedAt] of leftBehind)
    await retireContact({ contactId, userId, deletedAt, policy }, dependencies);
  if (!found) return { outcome: 'retired', contactId: [...leftBehind.keys()].at(-1), warnings: [] };

  checkFree(found.user.crm ?? {}, invocation(), now());
  let { revision } = found.user.crm ?? {};
  const save = async (crm: CrmState): Promise<CrmState> => {
    const outcome = await users.writeCrm(userId, leased(crm, invocation()), revision);
    if (outcome !== 'stored') throw new WriteBackFailedError(outcome);
    revision = (revision ?? 0) + 1;
    return { ...crm, revision };
  };
  const tagsLater = messages.every((message) => message.tagsLater === true);
  const result = await syncUser(found.user, { ...dependencies, save, tagsLater });
  const { contactId } = result.crm;
  const written =
    result.failure instanceof WriteBackFailedError
      ? result.failure.outcome
      : result.unchanged
        ? 'stored'
        : await users.writeCrm(userId, result.crm, revision);
  for (const change of changesMade(found.user.crm ?? {}, result.crm)) dependencies.did(change);
  if (written === 'gone') {
    // Deleted while its sync was in flight: the message of the deletion knows no contact, so nobody else cleans up.
    if (contactId) await retireContact({ contactId, userId, deletedAt: now(), policy }, dependencies);
    return { outcome: 'retired', contactId, warnings: [] };
  }
  if (written === 'conflict') {
    await invalidate(userId, result.crm, dependencies);
    throw new RetryableError('Somebody else has written back for this user', { afterMs: 0 });
  }
  if (result.failure instanceof RejectedError && result.failure.reason === 'contact-of-another-user') {
    // The create-or-update has written this user's values to it: the other user's are written anew.
    const { otherUserId = '' } = result.failure;
    await invalidate(otherUserId, {}, dependencies);
    await queue.lookAgain([
      {
        version: 1,
        kind: 'user',
        userId: otherUserId,
        cause: 'resync',
        changedAt: new Date(now()).toISOString(),
        fields: [],
        tagsAdded: [],
        tagsRemoved: [],
      },
    ]);
  }
  if (result.failure) throw result.failure;
  return {
    outcome: result.unchanged ? 'unchanged' : 'synced',
    contactId,
    warnings: [...found.warnings, ...result.desired.warnings],
  };
}

/** @throws RetryableError until those who worked on a deleted user have ended. */
function waitForOthers(messages: readonly UserMessage[], now: number): void {
  const until = Math.max(...messages.map(({ notBefore }) => (notBefore ? Date.parse(notBefore) : 0)));
  if (until > now)
    throw new RetryableError('Somebody may still work on this deleted user', { afterMs: until - now });
}

/**
 * Two have worked on one user at the same time, so what either knows of the contact may be wrong: of the fields that either has
 * written none is certain any more. The next sync writes or clears them all, and sees in the answer which tags there are.
 */
async function invalidate(
  userId: string,
  { contactId: ours, fingerprint: written = {} }: CrmState,
  { users }: ProcessUserDependencies,
): Promise<void> {
  const found = await users.read(userId);
  const { contactId = ours, fingerprint = {}, revision } = found?.user.crm ?? {};
  if (!contactId) return;
  const uncertain = Object.keys({ ...fingerprint, ...written }).map((key) => [key, UNCERTAIN]);
  await users.writeCrm(userId, { contactId, fingerprint: Object.fromEntries(uncertain) }, revision);
}
