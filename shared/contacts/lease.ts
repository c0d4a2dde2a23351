import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import type { CrmState } from '../user/user.ts';

/**
 * Whether another invocation is working on the user. A lease of an earlier invocation of the same environment does not count: an
 * environment runs one invocation at a time, so that invocation has ended.
 *
 * @param now epoch milliseconds.
 */
export function isLeased({ lease }: CrmState, { environment, number }: Invocation, now: number): boolean {
  if (!lease || Date.parse(lease.until) <= now) return false;
  return lease.environment !== environment || lease.invocation === number;
}

/** Adds a lease that lasts until the invocation ends. */
export const withLease = (crm: CrmState, { environment, number, endsAt }: Invocation): CrmState => ({
  ...crm,
  lease: { environment, invocation: number, until: new Date(endsAt).toISOString() },
});

/** Removes the lease. */
export function withoutLease({ lease: _, ...crm }: CrmState): CrmState {
  return crm;
}

/**
 * @throws RetryableError until the lease of another invocation ends. That invocation is working on the user, or died while it was.
 */
export function assertNotLeased(crm: CrmState, invocation: Invocation, now: number): void {
  if (isLeased(crm, invocation, now))
    throw new RetryableError('Another invocation is syncing this user', { afterMs: LEASE_RETRY.userMs });
}
