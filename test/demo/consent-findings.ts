import { hashAddress, isWithdrawalOpen, shownByStatus } from '../../shared/sync/consent.ts';
import { desiredState } from '../../shared/sync/desired-state.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { StoredAddress } from '../simulator/account/email-addresses.ts';

export const NOT_OPTED_IN = 'the app says yes, and the address is';

/**
 * What is wrong with the consent of users who are in sync: a withdrawal that has not reached the CRM, an address that is not opted in
 * although the app says yes and nobody opted it out, or an address that is not opted out although the sync withdrew the consent.
 *
 * @param now epoch milliseconds.
 */
export function consentFindings(
  users: readonly User[],
  addresses: readonly StoredAddress[],
  now: number,
): string[] {
  const byEmail = new Map(addresses.map((address) => [address.email, address]));
  return users.flatMap((user) => {
    const { consent, fields } = desiredState(mapping, user, now);
    const record = user.crm?.consent;
    const email = fields.EMAIL1 ?? '';
    const status = byEmail.get(email.toLowerCase())?.status;
    const shown = shownByStatus(status);
    const found = (problem: string) => [`${user.userId}: ${problem} (${JSON.stringify(record ?? null)})`];
    if (isWithdrawalOpen(consent, record)) return found('the withdrawal has not reached the CRM');
    if (consent === true && shown !== 'opted-in' && shown !== 'opted-out')
      return found(`${NOT_OPTED_IN} ${status}`);
    const isWithdrawn = record?.step === 'withdrawn' && record.address === hashAddress(email);
    return consent === false && isWithdrawn && shown !== 'opted-out'
      ? found(`withdrawn, and the address is ${status}`)
      : [];
  });
}
