import { UncertainError } from '../infusionsoft/http/failures.ts';
import type { Invocation } from '../invocation.ts';
import { INVOCATION_MS, LEASE_RETRY, UNCERTAIN_WRITE_MS } from '../quota/retry-policy.ts';
import type { Claim, ClaimStore } from '../store/claim-store.ts';
import { SYNC_TABLE_ITEMS } from '../store/sync-table-items.ts';
import type { UserTable } from '../store/user-table.ts';
import { desiredStateOfOther } from '../sync/desired-state.ts';
import { RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import { InvalidUserError } from '../user/read-user.ts';
import type { CrmState, User } from '../user/user.ts';

/**
 * The result of a claim on an email. `new`: nobody had it. `again`: the user had it already. `moved`: it was the email of another living
 * user, who has a different one now. `contested`: another living user has it, so it was not claimed.
 */
type EmailClaim = { kind: 'new' | 'again' } | { kind: 'moved' | 'contested'; other: User };

/**
 * Who has a contact, by the claims. `new`: nobody. `own`: the user, who may have inherited it. `former`: a user who no longer has it, so
 * the sync wrote its managed fields. `other`: another living user, who claimed it at that time (epoch milliseconds).
 */
export type ContactHolder =
  | { kind: 'new' }
  | FormerHolder
  | { kind: 'own'; isInherited: boolean }
  | OtherHolder;
interface FormerHolder {
  kind: 'former';
  /** Id of another living user whose sync was cut off after the claim, or whose item was replaced: only a sync of that user can tell. */
  claimedBy?: string;
}
export interface OtherHolder {
  kind: 'other';
  other: User;
  claimedAt: number;
}

/** Records which user has an email and which user has a contact. Two users who shared a contact would overwrite each other. */
export interface Claims {
  /** @throws RetryableError when another user claims it at the same moment. */
  claimEmail(email: string, userId: string): Promise<EmailClaim>;
  /** Whether a living user has an email. */
  isEmailTaken(email: string): Promise<boolean>;
  /** Gives the claim on an email to another user, if the user has it. */
  yieldEmail(email: string, userId: string, otherUserId: string): Promise<void>;
  /** Who has a contact, without claiming it. */
  holderOf(contactId: number, userId: string): Promise<ContactHolder>;
  /**
   * Claims a contact, unless another living user has it.
   *
   * @param options.force claims it also from another living user.
   * @param options.since when the user's create was first requested, in epoch milliseconds. If the user had the contact before, it is
   * inherited from an earlier account of the user.
   * @returns who had it before.
   * @throws RetryableError while the contact is being retired, or when another user claims it at the same moment.
   */
  claimContact(
    contactId: number,
    userId: string,
    options?: { force?: boolean; since?: number | undefined },
  ): Promise<ContactHolder>;
  /** Gives the claim on a contact to another user, if the user has it. @throws RetryableError while the contact is being retired. */
  giveContact(contactId: number, userId: string, otherUserId: string): Promise<void>;
  /** The users of the list who have the claim on their contact. Costs one read for each hundred. */
  confirm(contacts: readonly { contactId: number; userId: string }[]): Promise<ReadonlySet<string>>;
  /** A living user; undefined if the item is missing or is not a user. */
  findUser(userId: string): Promise<User | undefined>;
  /**
   * Retires a contact that the user no longer has, unless another user has claimed it since, or the same user has claimed it again.
   *
   * @param limits which claims do not keep the contact.
   * @param retire runs while nobody can claim the contact.
   * @returns who has the contact, if it was not retired.
   * @throws RetryableError while an unconfirmed claim may still be confirmed.
   */
  retire(
    contactId: number,
    userId: string,
    limits: RetireLimits,
    retire: () => Promise<void>,
  ): Promise<ContactHolder | undefined>;
}

interface RetireLimits {
  /** The user's claim, if it was made before this time, in epoch milliseconds. */
  before: number;
  /**
   * Claims of other users that do not keep the contact either, if the items of these users do not confirm them once the invocation that made
   * the claim has ended. `none`: a contact that was retired for another user is kept, too. `deleted`: of users who were deleted, too. `all`:
   * also of users for whom the sync died before it stored the contact.
   */
  others?: 'none' | 'deleted' | 'all';
  /** A claim that does not keep the contact, although its user's item confirms it. */
  evenOf?: OtherHolder;
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

/** Whether an item confirms a claim on a contact. A user whose contact id is not stored yet may be about to store this one. */
const confirmsContact = ({ contactId, formerContactIds = [], attempt }: CrmState, claimed: number): boolean =>
  contactId === claimed ||
  formerContactIds.includes(claimed) ||
  (contactId === undefined && attempt !== undefined);

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
  const holder = async (
    claim: Claim | undefined,
    contactId: number,
    userId: string,
  ): Promise<ContactHolder> => {
    if (!claim) return { kind: 'new' };
    // The claim on a retired contact has no time.
    if (claim.claimedAt === undefined) return { kind: 'former' };
    if (claim.userId === userId) return { kind: 'own', isInherited: claim.inherited === true };
    const other = await findUser(claim.userId);
    if (!other) return { kind: 'former' };
    return confirmsContact(other.crm ?? {}, contactId)
      ? { kind: 'other', other, claimedAt: claim.claimedAt }
      : { kind: 'former', claimedBy: other.userId };
  };
  /** Whether a user who has the claim on an email still has the email. If the mapping throws for the user, the claim decides. */
  const hasEmail = (user: User, email: string): boolean => {
    const desired = desiredStateOfOther(mapping, user, now());
    return !desired || desired.fields.EMAIL1?.toLowerCase() === email.toLowerCase();
  };
  const concurrent = () =>
    new RetryableError('Another user is making the same claim, or the contact is being retired', {
      afterMs: LEASE_RETRY.claimMs,
    });

  return {
    findUser,
    async claimEmail(email, userId) {
      const [key, mine] = [SYNC_TABLE_ITEMS.emailClaim.key(email), { userId, claimedAt: now() }];
      const written = await store.write(key, mine);
      if (written.stored) return { kind: 'new' };
      const { found } = written;
      if (!found || found.userId === userId) return { kind: 'again' };
      const other = await findUser(found.userId);
      if (other && hasEmail(other, email)) return { kind: 'contested', other };
      if (!(await store.write(key, mine, { userId: found.userId })).stored) throw concurrent();
      return other ? { kind: 'moved', other } : { kind: 'new' };
    },
    async isEmailTaken(email) {
      const claim = await store.read(SYNC_TABLE_ITEMS.emailClaim.key(email));
      const user = claim && (await findUser(claim.userId));
      return user !== undefined && hasEmail(user, email);
    },
    async yieldEmail(email, userId, otherUserId) {
      const claim = { userId: otherUserId, claimedAt: now() };
      await store.write(SYNC_TABLE_ITEMS.emailClaim.key(email), claim, { userId });
    },
    holderOf: async (contactId, userId) =>
      holder(await store.read(SYNC_TABLE_ITEMS.contactClaim.key(contactId)), contactId, userId),
    async claimContact(contactId, userId, { force = false, since = 0 } = {}) {
      const [key, mine] = [SYNC_TABLE_ITEMS.contactClaim.key(contactId), { userId, claimedAt: now() }];
      const written = await store.write(key, mine);
      if (written.stored) return { kind: 'new' };
      const { found } = written;
      const before = await holder(found, contactId, userId);
      if (before.kind === 'other' && !force) return before;
      const isInherited = before.kind !== 'own' || before.isInherited || (found?.claimedAt ?? 0) < since;
      // The claim gets a new time, also if the user has it already: an earlier deletion of the same user must not retire the contact.
      const over = { userId: found?.userId ?? userId, notRetiringAt: now() };
      if (!(await store.write(key, { ...mine, inherited: isInherited }, over)).stored) throw concurrent();
      return before.kind === 'own' ? { ...before, isInherited } : before;
    },
    async giveContact(contactId, userId, otherUserId) {
      const claim = { userId: otherUserId, claimedAt: now(), inherited: true };
      const over = { userId, notRetiringAt: now() };
      const written = await store.write(SYNC_TABLE_ITEMS.contactClaim.key(contactId), claim, over);
      if (!written.stored && written.found?.userId === userId) throw concurrent();
    },
    async confirm(contacts) {
      const keyOf = ({ contactId }: { contactId: number }) => SYNC_TABLE_ITEMS.contactClaim.key(contactId);
      // Two users whose items name the same contact have the same key.
      const found = await store.readMany([...new Set(contacts.map(keyOf))]);
      return new Set(
        contacts
          .filter((contact) => found.get(keyOf(contact))?.userId === contact.userId)
          .map(({ userId }) => userId),
      );
    },
    async retire(contactId, userId, { before, others = 'none', evenOf }, retire) {
      const key = SYNC_TABLE_ITEMS.contactClaim.key(contactId);
      // If the environment dies, its last request may take effect later, and must not reach the contact of another user then.
      const retiring = { userId, retiringUntil: invocation().endsAt + UNCERTAIN_WRITE_MS };
      const over = { userId, claimedBefore: before, orRetired: others !== 'none' };
      const written = await store.write(key, retiring, over);
      if (!written.stored) {
        const { found } = written;
        const current = await holder(found, contactId, userId);
        const { userId: holderId = userId, claimedAt = 0 } = found ?? {};
        const isOverruled = holderId === evenOf?.other.userId && claimedAt === evenOf.claimedAt;
        if (!isOverruled) {
          if (others === 'none' || current.kind !== 'former') return current;
          if (others === 'deleted' && current.claimedBy !== undefined) return current;
        }
        const afterMs = claimedAt + INVOCATION_MS - now();
        if (afterMs > 0) throw new RetryableError('Another user has just claimed the contact', { afterMs });
        const expected = { userId: holderId, claimedBefore: claimedAt + 1 };
        if (!(await store.write(key, retiring, expected)).stored) throw concurrent();
      }
      let retiringUntil: number | undefined;
      try {
        await retire();
      } catch (error) {
        if (error instanceof UncertainError) retiringUntil = now() + UNCERTAIN_WRITE_MS;
        throw error;
      } finally {
        // From now on, another user can claim the contact as inherited, also if the CRM keeps refusing to retire it.
        await store.write(key, { userId, ...(retiringUntil !== undefined && { retiringUntil }) }, over);
      }
      return undefined;
    },
  };
}
