import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import { RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { Claims } from './claims.ts';

export interface OptOutDependencies {
  client: Pick<InfusionsoftClient, 'setOptIn'>;
  claims: Pick<Claims, 'isEmailTaken'>;
  mapping: Mapping;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Why the first address of a deleted user's contact is opted out. `withdrawn`: the app had withdrawn the consent, and the CRM does not know
 * it yet. `erased`: nobody must market to an erased person.
 */
export type OptOutCause = 'withdrawn' | 'erased';

const REASONS: Readonly<Record<OptOutCause, string>> = {
  withdrawn: 'Withdrew the consent to marketing',
  erased: 'The person was erased',
};

/**
 * Opts out the first address of a deleted user's contact, unless a living user has it. Costs one request, or none for an erased person if
 * the contact shows that the address is not opted in. Other addresses are left alone, since they can be those of other people. Safe to
 * repeat.
 *
 * @param deletedAt when the user was deleted, in epoch milliseconds.
 * @throws RejectedError or RetryableError, as the client does, but never NotFoundError.
 */
export async function optOutContact(
  contact: Contact,
  cause: OptOutCause,
  deletedAt: number,
  { client, claims, mapping, now }: OptOutDependencies,
): Promise<void> {
  const email = contact.email_addresses?.find(({ field }) => field === 'EMAIL1')?.email;
  const isMarketable = contact['email_opted_in'] !== false;
  if (!email || (cause === 'erased' && !isMarketable) || (await claims.isEmailTaken(email))) return;
  const reason = (cause === 'withdrawn' && mapping.marketingConsent?.withdrawalReason) || REASONS[cause];
  try {
    await client.setOptIn(email, false, reason);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    // The answer can be wrong for a while.
    const remainingMs = deletedAt + GONE_AFTER_MS - now();
    if (remainingMs > 0)
      throw new RetryableError('The CRM does not know the address', { afterMs: remainingMs });
  }
}
