import type { Invocation } from '../invocation.ts';
import { LEASE_RETRY } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import type { CrmState } from '../user/user.ts';

/**
 * Whether another works on the user at this moment. A lease that an earlier invocation of the same environment has left behind holds
 * up nobody: that invocation has ended, since an environment runs one at a time.
 *
 * @param now epoch milliseconds.
 */
export function isLeased({ lease }: CrmState, { environment, number }: Invocation, now: number): boolean {
  if (!lease || Date.parse(lease.until) <= now) return false;
  return lease.environment !== environment || lease.invocation === number;
}

/** The state while an invocation works on the user. */
export const leased = (crm: CrmState, { environment, number, endsAt }: Invocation): CrmState => ({
  ...crm,
  lease: { environment, invocation: number, until: new Date(endsAt).toISOString() },
});

/** The state when nobody does any more. */
export function released({ lease: _, ...crm }: CrmState): CrmState {
  return crm;
}

/** @throws RetryableError while another works on the user: one who changes the tags of many users, or who died. */
export function checkFree(crm: CrmState, invocation: Invocation, now: number): void {
  if (isLeased(crm, invocation, now))
    throw new RetryableError('Another works on this user', { afterMs: LEASE_RETRY.userMs });
}
