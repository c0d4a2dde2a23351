import { createHash } from 'node:crypto';
import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY } from '../quota/retry-policy.ts';
import type { Claim, ClaimStore } from '../store/claim-store.ts';
import type { UserTable } from '../store/user-table.ts';
import { desiredState } from '../sync/desired-state.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import { InvalidUserError } from '../user/read-user.ts';
import type { User } from '../user/user.ts';

/** Keeps two users from sharing an email or a contact: they would overwrite each other for ever. */
export interface Claims {
  /** @throws RejectedError that names the user who has the email. */
  email(email: string, userId: string): Promise<void>;
  /**
   * @returns whether the contact was that of a deleted user before: then its fields of the mapping were written by the sync.
   * @throws RejectedError that names the user who has the contact; RetryableError while that of a deleted user is being treated.
   */
  contact(contactId: number, userId: string): Promise<boolean>;
  /**
   * Treats the contact of a deleted user, unless it belongs to another by now, or to the same one who has come back.
   *
   * @param deletedAt epoch milliseconds.
   * @returns whether it was treated.
   */
  retire(contactId: number, userId: string, deletedAt: number, treat: () => Promise<void>): Promise<boolean>;
}

export interface ClaimsOptions {
  store: ClaimStore;
  users: UserTable;
  mapping: Mapping;
  /** The running one: as long as it lasts, a contact is being treated. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

/** A stream tells times rounded down: to the second, and to the minute on one machine (`ApproximateCreationDateTime`). */
const STREAM_TIME_MS = 60_000;

/** A hash, so that the sync's table holds no address. */
const emailKey = (email: string): string =>
  `email#${createHash('sha256').update(email.toLowerCase()).digest('base64url')}`;
const contactKey = (contactId: number): string => `contact#${contactId}`;

/** Claims that need no cleaning up: one counts only as long as the table of users bears it out. */
export function claims({ store, users, mapping, invocation, now }: ClaimsOptions): Claims {
  const rowOf = async (userId: string): Promise<User | undefined> => {
    try {
      return (await users.read(userId))?.user;
    } catch (error) {
      if (error instanceof InvalidUserError) return undefined;
      throw error;
    }
  };
  /** Writes a claim over one that was found. @returns the user who holds it in truth, or undefined once it is ours. */
  const takeOver = async (
    key: string,
    mine: Claim,
    found: Claim | undefined,
    isBorneOut: (holder: User) => boolean,
  ): Promise<string | undefined> => {
    if (found && (found.retiringUntil ?? 0) > now())
      throw new RetryableError('The contact of a deleted user is being treated', {
        afterMs: LEASE_RETRY.claimMs,
      });
    const holder = found && found.userId !== mine.userId && (await rowOf(found.userId));
    if (holder && isBorneOut(holder)) return holder.userId;
    const { userId } = found ?? mine;
    if ((await store.write(key, mine, { userId, notRetiringAt: now() })).stored) return undefined;
    throw new RetryableError('Another user took it at the same moment', { afterMs: LEASE_RETRY.claimMs });
  };
  return {
    async email(email, userId) {
      const hasIt = (holder: User) =>
        desiredState(mapping, holder, now()).fields.EMAIL1?.toLowerCase() === email.toLowerCase();
      const [key, mine] = [emailKey(email), { userId, claimedAt: now() }];
      const written = await store.write(key, mine, { userId });
      if (written.stored) return;
      const otherUserId = await takeOver(key, mine, written.found, hasIt);
      if (otherUserId === undefined) return;
      throw new RejectedError('email-of-another-user', `User ${otherUserId} has the same email`, {
        otherUserId,
      });
    },
    async contact(contactId, userId) {
      const [key, mine] = [contactKey(contactId), { userId, claimedAt: now() }];
      const written = await store.write(key, mine);
      if (written.stored) return false;
      const { found } = written;
      const inherited = found !== undefined && (found.inherited === true || found.userId !== userId);
      const hasIt = (holder: User) => holder.crm?.contactId === contactId;
      const otherUserId = await takeOver(key, { ...mine, inherited }, found, hasIt);
      if (otherUserId === undefined) return inherited;
      throw new RejectedError(
        'contact-of-another-user',
        `Contact ${contactId} is that of user ${otherUserId}`,
        {
          otherUserId,
        },
      );
    },
    async retire(contactId, userId, deletedAt, treat) {
      const key = contactKey(contactId);
      const retiring = { userId, retiringUntil: invocation().endsAt, inherited: true };
      const claimedBefore = deletedAt + STREAM_TIME_MS;
      if (!(await store.write(key, retiring, { userId, claimedBefore })).stored) return false;
      await treat();
      // From now on anybody may have it, and its next user is told.
      await store.write(key, { userId, inherited: true }, { userId, claimedBefore });
      return true;
    },
  };
}
