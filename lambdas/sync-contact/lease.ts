import { Retryable } from '../../shared/sync/errors.ts';
import type { CrmState } from '../../shared/user/user.ts';

/** How soon to look again whether somebody else has ended, in milliseconds. */
const LOOK_AGAIN_MS = 1000;

/** Whether somebody works on the user at this moment. @param now epoch milliseconds. */
export const isLeased = ({ leaseUntil }: CrmState, now: number): boolean =>
  leaseUntil !== undefined && Date.parse(leaseUntil) > now;

/** The state while somebody works on the user. @param until when the invocation ends, in epoch milliseconds. */
export const leased = (crm: CrmState, until: number): CrmState => ({
  ...crm,
  leaseUntil: new Date(until).toISOString(),
});

/** The state when nobody does any more. */
export function released({ leaseUntil: _, ...crm }: CrmState): CrmState {
  return crm;
}

/** @throws Retryable while somebody else works on the user, as those do who change the tags of many users together. */
export function checkFree(crm: CrmState, now: number): void {
  if (isLeased(crm, now)) throw new Retryable('Somebody else works on this user', { afterMs: LOOK_AGAIN_MS });
}
