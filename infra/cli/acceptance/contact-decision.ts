import { anonymousEmail } from '../../../shared/infusionsoft/anonymous-body.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';

/**
 * What the clean-up does with a contact. `none`: it does not exist. `foreign`: it has none of the run's emails, so it no longer belongs to
 * the run. `keep`: it belongs to the run only in part, and a person must decide.
 */
export type ContactDecision = { action: 'delete' | 'none' } | { action: 'foreign' | 'keep'; why: string };

/** Tolerance for the creation date of a contact, in milliseconds: clocks and time zones differ. */
const OLDER_MS = 24 * 3_600_000;

/**
 * Decides whether a contact was created by a run. A contact is deleted only if its id was recorded and all its emails belong to the run (or
 * are the one that the deletion policy `anonymise` gives to this id): after a manual merge, the same id can have a person's data. A contact
 * that is older than the run is not deleted either.
 *
 * @param recordedId id that the run recorded from its own users.
 * @param found the contact that the CRM returned, or undefined when there is none with this id.
 * @param emails every email that a user of the run can have.
 * @param startedAt start of the run, in epoch milliseconds.
 */
export function decideContact(
  recordedId: number,
  found: Contact | undefined,
  emails: readonly string[],
  startedAt: number,
): ContactDecision {
  if (!found) return { action: 'none' };
  if (found.id !== recordedId) return { action: 'keep', why: `the CRM returned contact ${found.id} instead` };
  const own = new Set([...emails, anonymousEmail(recordedId)].map((email) => email.toLowerCase()));
  const present = emailsIn(found);
  if (present.length === 0) return { action: 'keep', why: 'it has no email' };
  if (!present.some((email) => own.has(email)))
    return { action: 'foreign', why: 'it has no email of this run' };
  if (!present.every((email) => own.has(email)))
    return { action: 'keep', why: 'it has an email that is not of this run' };
  if (Date.parse(String(found['date_created'])) < startedAt - OLDER_MS)
    return { action: 'keep', why: 'it was created before this run' };
  return { action: 'delete' };
}

/** Ids of contacts that have the email and were not recorded. A search may return other contacts, which are ignored. */
export function unrecordedContacts(
  found: readonly Contact[],
  email: string,
  recordedIds: ReadonlySet<number>,
): number[] {
  return found
    .filter((contact) => emailsIn(contact).includes(email.toLowerCase()))
    .map(({ id }) => id)
    .filter((id) => !recordedIds.has(id));
}

const emailsIn = ({ email_addresses }: Contact): string[] =>
  (email_addresses ?? []).flatMap(({ email }) => (email ? [email.trim().toLowerCase()] : []));
