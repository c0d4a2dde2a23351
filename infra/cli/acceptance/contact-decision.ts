import { anonymousEmail } from '../../../shared/infusionsoft/anonymous-body.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';

/**
 * What the clean-up does with a contact. `none`: it is gone. `foreign`: it shows none of the run's emails, so it is not the run's any more.
 * `keep`: it shows something of the run, and a person has to decide.
 */
export type ContactDecision = { action: 'delete' | 'none' } | { action: 'foreign' | 'keep'; why: string };

/** How much older than its run a contact may look, in milliseconds: clocks and time zones of answers differ. */
const OLDER_MS = 24 * 3_600_000;

/**
 * Whether a contact is one that a run made. Only a contact with a recorded id is ever deleted, and only while every email that it shows is
 * one of the run's (or the one that the deletion policy `anonymise` gives to this id): after a merge by hand, the same id can hold a person's
 * data. A contact that was there before the run is not deleted either.
 *
 * @param recordedId id that the run recorded from its own users.
 * @param found the contact that the CRM answered with, or undefined where it has none with this id.
 * @param emails every email that a user of the run can have.
 * @param startedAt when the run began, in epoch milliseconds.
 */
export function decideContact(
  recordedId: number,
  found: Contact | undefined,
  emails: readonly string[],
  startedAt: number,
): ContactDecision {
  if (!found) return { action: 'none' };
  if (found.id !== recordedId)
    return { action: 'keep', why: `the CRM answered with contact ${found.id} instead` };
  const own = new Set([...emails, anonymousEmail(recordedId)].map((email) => email.toLowerCase()));
  const shown = emailsShown(found);
  if (shown.length === 0) return { action: 'keep', why: 'it shows no email' };
  if (!shown.some((email) => own.has(email)))
    return { action: 'foreign', why: 'it shows no email of this run' };
  if (!shown.every((email) => own.has(email)))
    return { action: 'keep', why: 'it shows an email that is not one of this run' };
  if (Date.parse(String(found['date_created'])) < startedAt - OLDER_MS)
    return { action: 'keep', why: 'it was created before this run' };
  return { action: 'delete' };
}

/** Ids of contacts that show one of the emails and were not recorded. What a search finds beside the email is ignored. */
export function unrecordedContacts(
  found: readonly Contact[],
  email: string,
  recordedIds: ReadonlySet<number>,
): number[] {
  return found
    .filter((contact) => emailsShown(contact).includes(email.toLowerCase()))
    .map(({ id }) => id)
    .filter((id) => !recordedIds.has(id));
}

const emailsShown = ({ email_addresses }: Contact): string[] =>
  (email_addresses ?? []).flatMap(({ email }) => (email ? [email.trim().toLowerCase()] : []));
