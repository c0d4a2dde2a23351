import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY } from '../quota/retry-policy.ts';
import type { ClaimStore } from '../store/claim-store.ts';
import type { SyncTable } from '../store/sync-table.ts';
import { SYNC_TABLE_ITEMS } from '../store/sync-table-items.ts';
import type { UserTable } from '../store/user-table.ts';
import { desiredStateOfOther } from '../sync/desired-state.ts';
import type { Mapping } from '../user/define-mapping.ts';

/** Whether every user's claims are recorded, so that an email without a claim is nobody's. */
export interface ClaimIndex {
  isComplete(): boolean;
  /**
   * Records claims of users for a few seconds, if some are missing and no other environment is recording them. Call it before each batch.
   */
  refresh(): Promise<void>;
}

export interface ClaimIndexOptions {
  table: Pick<SyncTable, 'readClaimIndex' | 'writeClaimIndex' | 'acquireLease' | 'releaseLease'>;
  store: Pick<ClaimStore, 'write'>;
  users: Pick<UserTable, 'scan'>;
  mapping: Mapping;
  /** The running invocation: it holds the lease. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

const LEASE = 'claims';
/** How long one invocation records claims: a fifth of its time. */
const REFRESH_MS = 5_000;
const PAGE = 500;
const POLL_MS = 100;
/** Claims that are written at the same time. */
const CONCURRENCY = 25;

/**
 * Records the claims of all users once, by a scan of the user table. A new stack on an old table has none: until they are complete, the
 * sync looks up each contact before it creates one.
 */
export function claimIndex({ table, store, users, mapping, invocation, now }: ClaimIndexOptions): ClaimIndex {
  let complete = false;
  const read = async () => (await table.readClaimIndex()) ?? { cursor: null, complete: false };
  const recordPage = async (cursor: string | null): Promise<string | null> => {
    const page = await users.scan(cursor, PAGE);
    const keys = page.users.flatMap((user) => {
      const contactId = user.crm?.contactId;
      if (contactId === undefined) return [];
      const email = desiredStateOfOther(mapping, user, now())?.fields.EMAIL1;
      return [
        { key: SYNC_TABLE_ITEMS.contactClaim.key(contactId), userId: user.userId },
        ...(email ? [{ key: SYNC_TABLE_ITEMS.emailClaim.key(email), userId: user.userId }] : []),
      ];
    });
    // A claim that exists is newer, or belongs to a user of an earlier page who has the same contact.
    await pMap(keys, ({ key, userId }) => store.write(key, { userId, claimedAt: now() }), {
      concurrency: CONCURRENCY,
    });
    return page.next;
  };
  return {
    isComplete: () => complete,
    async refresh() {
      if (complete) return;
      const holder = invocation();
      const until = now() + REFRESH_MS;
      let index = await read();
      const isMine = !index.complete && (await table.acquireLease(LEASE, holder, now()));
      if (isMine) {
        try {
          // Another environment may have recorded more in the meantime.
          index = await read();
          while (!index.complete && now() < until) {
            const cursor = await recordPage(index.cursor);
            index = { cursor, complete: cursor === null };
            await table.writeClaimIndex(index);
          }
        } finally {
          await table.releaseLease(LEASE, holder);
        }
      }
      // Waiting pays: a small table is done soon, and each new user costs a search until then.
      for (let wait = 0; !isMine && !index.complete && wait < LEASE_RETRY.claimIndexMs; wait += POLL_MS) {
        await sleep(POLL_MS);
        index = await read();
      }
      complete = index.complete;
    },
  };
}
