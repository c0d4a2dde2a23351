import type { Claim, ClaimStore } from '../store/claim-store.ts';
import type { ErasureRecordStore } from '../store/erasure-records.ts';
import { SYNC_TABLE_ITEMS } from '../store/sync-table-items.ts';
import type { UserTable } from '../store/user-table.ts';
import type { ContactRecords } from './own-writes.ts';

export interface OwnersDependencies {
  claimStore: Pick<ClaimStore, 'readMany'>;
  users: Pick<UserTable, 'readMany'>;
  erasureRecords: Pick<ErasureRecordStore, 'read'>;
}

/** A contact, with the email addresses that it shows. */
export interface ContactWithEmails {
  contactId: number;
  emails: readonly string[];
}

/**
 * What the sync's records say about contacts: whose they are, and what was done with contacts of deleted users. Claims are read before
 * users, so that the copy of a user is never older than that of the claim.
 */
export async function recordsOf(
  contacts: readonly ContactWithEmails[],
  { claimStore, users, erasureRecords }: OwnersDependencies,
): Promise<ReadonlyMap<number, ContactRecords>> {
  const { contactClaim, emailClaim } = SYNC_TABLE_ITEMS;
  const claims = await claimStore.readMany(contacts.map(({ contactId }) => contactClaim.key(contactId)));
  const claimOf = (contactId: number): Claim | undefined => claims.get(contactClaim.key(contactId));
  const emailKeys = contacts
    .filter(({ contactId }) => !claimOf(contactId))
    .flatMap(({ emails }) => emails.map(emailClaim.key));
  const emailClaims = await claimStore.readMany([...new Set(emailKeys)]);
  const userIds = new Set([...claims.values(), ...emailClaims.values()].map(({ userId }) => userId));
  const found = new Map((await users.readMany([...userIds])).map((user) => [user.userId, user]));
  const goneIds = [...claims.values()].map(({ userId }) => userId).filter((userId) => !found.has(userId));
  const erasures = new Map(
    await Promise.all(
      [...new Set(goneIds)].map(async (userId) => [userId, await erasureRecords.read(userId)] as const),
    ),
  );
  return new Map(
    contacts.map(({ contactId, emails }) => {
      const claim = claimOf(contactId);
      const usersOfEmails = emails.flatMap((email) => {
        const emailOf = emailClaims.get(emailClaim.key(email));
        const user = emailOf && found.get(emailOf.userId);
        return user ? [{ user, claim: emailOf }] : [];
      });
      const user = claim && found.get(claim.userId);
      const erasure = claim && erasures.get(claim.userId);
      return [contactId, { contactId, claim, user, erasure, usersOfEmails }];
    }),
  );
}
