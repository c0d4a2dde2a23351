import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY } from '../quota/retry-policy.ts';
import type { Claim, ClaimStore } from '../store/claim-store.ts';
import { SYNC_TABLE_ITEMS } from '../store/sync-table-items.ts';
import type { UserTable } from '../store/user-table.ts';
import { desiredState } from '../sync/desired-state.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import { InvalidUserError } from '../user/read-user.ts';
import type { User } from '../user/user.ts';

/** Gives each email and each contact to one user. Two users who shared one would overwrite each other again and again. */
export interface Claims {
  /** @throws RejectedError that names the user who has the email; RetryableError when another user claims it at the same moment. */
  claimEmail(email: string, userId: string): Promise<void>;
  /**
   * @returns whether the contact is inherited from a deleted user: then the sync wrote the fields of the mapping that it has.
   * @throws RejectedError that names the user who has the contact; RetryableError while the contact of a deleted user is being retired.
   */
  claimContact(contactId: number, userId: string): Promise<boolean>;
  /**
   * Retires the contact of a deleted user, unless another user has claimed it since, or the same user has come back.
   *
   * @param deletedAt epoch milliseconds.
   * @param applyPolicy runs while nobody can claim the contact.
   * @returns whether the contact was retired.
   */
  retire(
    contactId: number,
    userId: string,
    deletedAt: number,
    applyPolicy: () => Promise<void>,
  ): Promise<boolean>;
}

export interface ClaimsOptions {
  store: ClaimStore;
  users: Pick<UserTable, 'read'>;
  mapping: Mapping;
  /** The running invocation: a contact that is being retired cannot be claimed until it ends. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/** A stream tells times rounded down: to the second, and to the minute on one machine (`ApproximateCreationDateTime`). */
const STREAM_TIME_MS = 60_000;

/** Claims in the sync table. They need no cleaning up: a claim is valid only while the user table confirms it. */
export function claims({ store, users, mapping, invocation, now }: ClaimsOptions): Claims {
  const findUser = async (userId: string): Promise<User | undefined> => {
    try {
      return (await users.read(userId))?.user;
    } catch (error) {
      if (error instanceof InvalidUserError) return undefined;
      throw error;
    }
  };
  /** Replaces a claim that is no longer valid. @returns the user who holds a valid one, or undefined once it is ours. */
  const takeOver = async (
    key: string,
    mine: Claim,
    found: Claim | undefined,
    confirms: (holder: User) => boolean,
  ): Promise<string | undefined> => {
    if (found && (found.retiringUntil ?? 0) > now())
      throw new RetryableError('The contact of a deleted user is being retired', {
        afterMs: LEASE_RETRY.claimMs,
      });
    const holder = found && found.userId !== mine.userId && (await findUser(found.userId));
    if (holder && confirms(holder)) return holder.userId;
    const { userId } = found ?? mine;
    if ((await store.write(key, mine, { userId, notRetiringAt: now() })).stored) return undefined;
    throw new RetryableError('Another user made the same claim at the same moment', {
      afterMs: LEASE_RETRY.claimMs,
    });
  };
  return {
    async claimEmail(email, userId) {
      const hasEmail = (holder: User) =>
        desiredState(mapping, holder, now()).fields.EMAIL1?.toLowerCase() === email.toLowerCase();
      const [key, mine] = [SYNC_TABLE_ITEMS.emailClaim.key(email), { userId, claimedAt: now() }];
      const written = await store.write(key, mine, { userId });
      if (written.stored) return;
      const otherUserId = await takeOver(key, mine, written.found, hasEmail);
      if (otherUserId === undefined) return;
      throw new RejectedError('email-of-another-user', `User ${otherUserId} has the same email`, {
        otherUserId,
      });
    },
    async claimContact(contactId, userId) {
      const [key, mine] = [SYNC_TABLE_ITEMS.contactClaim.key(contactId), { userId, claimedAt: now() }];
      const written = await store.write(key, mine);
      if (written.stored) return false;
      const { found } = written;
      const inherited = found !== undefined && (found.inherited === true || found.userId !== userId);
      const hasContact = (holder: User) => holder.crm?.contactId === contactId;
      const otherUserId = await takeOver(key, { ...mine, inherited }, found, hasContact);
      if (otherUserId === undefined) return inherited;
      throw new RejectedError(
        'contact-of-another-user',
        `Contact ${contactId} belongs to user ${otherUserId}`,
        { otherUserId },
      );
    },
    async retire(contactId, userId, deletedAt, applyPolicy) {
      const key = SYNC_TABLE_ITEMS.contactClaim.key(contactId);
      const retiring = { userId, retiringUntil: invocation().endsAt, inherited: true };
      const claimedBefore = deletedAt + STREAM_TIME_MS;
      if (!(await store.write(key, retiring, { userId, claimedBefore })).stored) return false;
      await applyPolicy();
      // From now on anybody can claim the contact, and learns that it is inherited.
      await store.write(key, { userId, inherited: true }, { userId, claimedBefore });
      return true;
    },
  };
}
