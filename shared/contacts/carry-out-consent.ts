import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError, UncertainError } from '../infusionsoft/http/failures.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import {
  type ConsentRecord,
  consentAfterWithdrawal,
  consentBefore,
  consentGiven,
  decideConsent,
  hashAddress,
  isWithdrawalOpen,
  type ShownConsent,
  shownByStatus,
} from '../sync/consent.ts';
import type { DesiredState } from '../sync/desired-state.ts';
import { CONSENT } from '../sync/diff.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { Warning } from '../user/read-user.ts';
import type { CrmState } from '../user/user.ts';
import { readOrMissing } from './ownership.ts';

export interface ConsentDependencies {
  client: Pick<InfusionsoftClient, 'readContact' | 'setOptIn'>;
  mapping: Mapping;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Where a step stores and reports what it does. */
export interface ConsentRecorder {
  /** Stores the state before a request. @returns it with its new revision. */
  save: (crm: CrmState) => Promise<CrmState>;
  /** Receives the state after each step. It is the state to store if the next step fails. */
  state: (crm: CrmState) => void;
  warning: (warning: Warning) => void;
}

/**
 * If the app's consent was withdrawn, opts out the address for which it had been carried out. This is the first step of a sync: it must not
 * wait for anything that may reject the user, and an address that is about to be replaced is only found while the contact still shows it.
 *
 * Costs two requests, or none if there is nothing to withdraw.
 *
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function withdrawConsent(
  crm: CrmState,
  { consent: app, fields: { EMAIL1: email } }: DesiredState,
  recorder: ConsentRecorder,
  { client, mapping, now }: ConsentDependencies,
): Promise<CrmState> {
  const { consent: record, contactId } = crm;
  if (!record || !isWithdrawalOpen(app, record)) return crm;
  const address = email === undefined ? undefined : hashAddress(email);
  const isSame = record.address === address;
  // The user's contact may not show the address yet, so `carryOutConsent` withdraws it.
  if (isSame && record.step === 'due') return crm;
  const contact = contactId === undefined ? undefined : await readOrMissing(client, contactId);
  const shown = contact ? shownFor(contact, record.address) : 'unknown';
  const before = consentBefore('withdraw', { record, shown }, record.address, now());
  const text = isSame ? email : contact && emailWith(contact, record.address);
  const after = { ...crm, consent: consentAfterWithdrawal(before, address) };
  if (text !== undefined) {
    const saved = await save({ ...crm, consent: before }, recorder);
    const isKnown = await withdraw(text, before, { client, mapping, now });
    // Without a contact, the CRM does not know the address. With the next contact, it shows the old status again.
    const consent: ConsentRecord =
      isSame && !isKnown && !contact ? { step: 'due', address: record.address } : after.consent;
    recorder.state({ ...saved, consent });
    return { ...saved, consent };
  }
  if (contactId !== undefined && !contact) {
    recorder.state({ ...crm, consent: before });
    assertGone(before, 'contact', now());
  }
  // No contact of the user shows the address any more.
  recorder.state(after);
  return after;
}

/**
 * Carries out the app's value for the address that the user's contact shows.
 *
 * Costs nothing without a change, one request for an opt-in or a withdrawal, and another to read the status if no answer has shown it.
 *
 * @param answer the contact as the CRM answered to the write, if it was written.
 * @returns the state, or `changed` if the contact, which was not written, shows another email: others have changed it.
 * @throws RejectedError or RetryableError, as the client does.
 */
export async function carryOutConsent(
  { contactId, answer }: { contactId: number; answer: Contact | undefined },
  crm: CrmState,
  { consent: app, fields: { EMAIL1: email } }: DesiredState,
  recorder: ConsentRecorder,
  { client, mapping, now }: ConsentDependencies,
): Promise<CrmState | 'changed'> {
  if (email === undefined) return crm;
  const address = hashAddress(email);
  const record = crm.consent;
  const decide = (shown: ShownConsent) => decideConsent({ app, address, record, shown });
  let shown: ShownConsent = answer ? shownFor(answer, address) : 'unread';
  if (shown === 'unknown') shown = 'unread';
  let action = decide(shown);
  if (action === 'read') {
    const contact = await client.readContact(contactId);
    const first = firstEmail(contact);
    if (!answer && first && hashAddress(first) !== address) return 'changed';
    shown = shownFor(contact, address);
    action = decide(shown);
  }
  if (action === 'nothing') return crm;
  const done = (state: CrmState, consent: ConsentRecord): CrmState => {
    const next = { ...state, consent };
    recorder.state(next);
    return next;
  };
  const leaveOut = (problem: string) =>
    recorder.warning({ field: CONSENT, problem: `no opt-in: ${problem}` });
  if (action === 'record') {
    if (shown === 'opted-out') leaveOut('the CRM shows an opt-out of the address');
    if (shown === 'unknown') leaveOut('the CRM does not show the status of the address');
    return done(crm, consentGiven(address));
  }
  const before = consentBefore(
    action === 'withdraw' ? 'withdraw' : 'opt-in',
    { record, shown },
    address,
    now(),
  );
  const saved = await save({ ...crm, consent: before }, recorder);
  if (action === 'withdraw') {
    await withdraw(email, before, { client, mapping, now });
    return done(saved, consentAfterWithdrawal(before, address));
  }
  try {
    const isIn = await client.setOptIn(email, true, mapping.marketingConsent?.optInReason ?? '');
    if (isIn === false) leaveOut('the CRM keeps its opt-out of the address');
  } catch (error) {
    if (error instanceof RejectedError) leaveOut('the CRM refused it');
    else {
      if (error instanceof NotFoundError) assertGone(before, 'address', now());
      // Had the request no effect, the next attempt decides anew. If it may have had one, the record stays `giving`, so that the next
      // attempt reads the status first: others may have opted the address out since.
      else if (!(error instanceof UncertainError)) recorder.state(withConsent(saved, record));
      if (!(error instanceof NotFoundError)) throw error;
      leaveOut('the CRM does not know the address');
    }
  }
  return done(saved, consentGiven(address));
}

async function save(crm: CrmState, recorder: ConsentRecorder): Promise<CrmState> {
  const saved = await recorder.save(crm);
  recorder.state(saved);
  return saved;
}

const withConsent = ({ consent: _, ...crm }: CrmState, consent: ConsentRecord | undefined): CrmState => ({
  ...crm,
  ...(consent && { consent }),
});

/** Sends a withdrawal. @returns false if the CRM has not known the address for a while, so that no contact has it. */
async function withdraw(
  email: string,
  record: ConsentRecord,
  { client, mapping, now }: ConsentDependencies,
): Promise<boolean> {
  try {
    await client.setOptIn(email, false, mapping.marketingConsent?.withdrawalReason ?? '');
    return true;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    assertGone(record, 'address', now());
    return false;
  }
}

/** @throws RetryableError until the CRM has not known something for a minute: the answer can be wrong for a while. */
function assertGone({ at }: ConsentRecord, what: 'address' | 'contact', now: number): void {
  const remainingMs = (at === undefined ? now : Date.parse(at)) + GONE_AFTER_MS - now;
  if (remainingMs > 0)
    throw new RetryableError(`The CRM does not know the ${what}`, { afterMs: remainingMs });
}

/** What a contact shows for an address: the status in an answer (v1) is that of the first email. */
function shownFor(contact: Contact, address: string): ShownConsent {
  const first = firstEmail(contact);
  return first && hashAddress(first) === address ? shownByStatus(contact['email_status']) : 'unknown';
}

/** The first email that a contact shows: the only one whose status it shows, too. */
export const firstEmail = ({ email_addresses }: Contact): string | null | undefined =>
  email_addresses?.find(({ field }) => field === 'EMAIL1')?.email;

const emailWith = ({ email_addresses }: Contact, address: string): string | undefined =>
  (email_addresses ?? []).map(({ email }) => email ?? '').find((email) => hashAddress(email) === address);
