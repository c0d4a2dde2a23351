import { createHash } from 'node:crypto';
import type { CrmState } from '../user/user.ts';

// What the sync does about the consent to marketing. Consent belongs to an email address, not to a contact (docs/consent.md). Pure.

/** What the sync last did about consent, for one address: the attribute `consent` of the `crm` map. */
export type ConsentRecord = NonNullable<CrmState['consent']>;

/** What the app says. `unset` is neither: the app has not asked, or no longer knows. */
type AppConsent = 'yes' | 'no' | 'unset';

/**
 * What the sync last did, from the record on the user's item.
 *
 * - `nothing`: nothing yet.
 * - `given`: it carried out the app's yes: it opted the address in, or found that this was not needed or not allowed.
 * - `giving`: it was about to opt the address in, and does not know whether it did.
 * - `due`: the address has to be withdrawn as soon as the user's contact shows it.
 * - `withdrawing`: it was about to withdraw the address, and does not know whether it did.
 * - `withdrawn`: it withdrew an address that the CRM did not show as opted out. So the opt-out is the sync's own.
 * - `kept-out`: it withdrew an address that others had opted out before, or whose status the CRM did not show.
 */
type LastStep = 'nothing' | 'given' | 'giving' | 'due' | 'withdrawing' | 'withdrawn' | 'kept-out';

/**
 * What the CRM shows for an address. `not-opted-in`: nobody has opted it out, so it may be opted in. `unknown`: it was read, but the answer
 * does not say. `unread`: it was not read yet.
 */
export type ShownConsent = 'opted-in' | 'not-opted-in' | 'opted-out' | 'unknown' | 'unread';

/**
 * What to do next. `read`: read the status of the address first. `opt-in` and `withdraw`: one request each. `record`: only record that the
 * app's yes is dealt with.
 */
export type ConsentAction = 'nothing' | 'read' | 'opt-in' | 'withdraw' | 'record';

/** A row of {@link TRANSITIONS}. `any` stands for every value. */
export interface Transition {
  app: readonly AppConsent[];
  last: readonly LastStep[] | 'any';
  /** Whether the record is about the address that the user has now. */
  address: 'same' | 'other' | 'any';
  shown: readonly ShownConsent[] | 'any';
  action: ConsentAction;
  why: string;
}

/** Every transition. The first row that matches decides. docs/consent.md shows the same table. */
export const TRANSITIONS: readonly Transition[] = [
  {
    app: ['no', 'unset'],
    last: ['withdrawing'],
    address: 'any',
    shown: ['unread'],
    action: 'read',
    why: 'Others may have opted the address out since the withdrawal began',
  },
  {
    app: ['no', 'unset'],
    last: ['withdrawing'],
    address: 'any',
    shown: 'any',
    action: 'withdraw',
    why: 'A withdrawal that has begun is finished',
  },
  {
    app: ['no', 'unset'],
    last: ['due'],
    address: 'any',
    shown: ['unread'],
    action: 'read',
    why: 'The status shows whether others have opted the address out before',
  },
  {
    app: ['no', 'unset'],
    last: ['due'],
    address: 'any',
    shown: 'any',
    action: 'withdraw',
    why: 'The email changed with the withdrawal: it applies to both addresses',
  },
  {
    app: ['unset'],
    last: 'any',
    address: 'any',
    shown: 'any',
    action: 'nothing',
    why: 'An unset value is neither a consent nor a withdrawal',
  },
  {
    app: ['no'],
    last: ['given', 'giving'],
    address: 'any',
    shown: ['unread'],
    action: 'read',
    why: 'The status shows whether others have opted the address out before',
  },
  {
    app: ['no'],
    last: ['given', 'giving'],
    address: 'any',
    shown: 'any',
    action: 'withdraw',
    why: 'A withdrawal always reaches the CRM, once, for the address of the consent',
  },
  {
    app: ['no'],
    last: ['nothing', 'withdrawn', 'kept-out'],
    address: 'any',
    shown: 'any',
    action: 'nothing',
    why: 'Nothing was given, or it is withdrawn already',
  },
  {
    app: ['yes'],
    last: ['given'],
    address: 'same',
    shown: 'any',
    action: 'nothing',
    why: 'Without a change there is no request, whatever happened in the CRM since',
  },
  {
    app: ['yes'],
    last: ['withdrawn'],
    address: 'same',
    shown: 'any',
    action: 'opt-in',
    why: 'The opt-out is the sync’s own, and the consent is newer',
  },
  {
    app: ['yes'],
    last: 'any',
    address: 'any',
    shown: ['unread'],
    action: 'read',
    why: 'The address may have been opted out in the CRM',
  },
  {
    app: ['yes'],
    last: 'any',
    address: 'any',
    shown: ['not-opted-in'],
    action: 'opt-in',
    why: 'A new address, or one that nobody has opted out',
  },
  {
    app: ['yes'],
    last: 'any',
    address: 'any',
    shown: ['opted-in'],
    action: 'record',
    why: 'Nothing is left to do',
  },
  {
    app: ['yes'],
    last: 'any',
    address: 'any',
    shown: ['opted-out', 'unknown'],
    action: 'record',
    why: 'An opt-out made in the CRM is never undone. A status that cannot be read counts as one',
  },
];

/** A situation in which the sync decides. */
export interface ConsentSituation {
  /** The app's value. */
  app: boolean | undefined;
  /** Hash of the address that the user has now ({@link hashAddress}); undefined for a user without a usable email. */
  address: string | undefined;
  record: ConsentRecord | undefined;
  shown: ShownConsent;
}

/** Decides by {@link TRANSITIONS}. */
export const decideConsent = (situation: ConsentSituation): ConsentAction => transitionOf(situation).action;

/** The row of {@link TRANSITIONS} that decides. */
export function transitionOf({ app, address, record, shown }: ConsentSituation): Transition {
  const said: AppConsent = app === undefined ? 'unset' : app ? 'yes' : 'no';
  const last = lastStepOf(record);
  const which = record?.address === address ? 'same' : 'other';
  const row = TRANSITIONS.find(
    (each) =>
      each.app.includes(said) &&
      (each.last === 'any' || each.last.includes(last)) &&
      (each.address === 'any' || each.address === which) &&
      (each.shown === 'any' || each.shown.includes(shown)),
  );
  if (!row) throw new Error(`No transition for ${said}, ${last}, ${which}, ${shown}`);
  return row;
}

function lastStepOf(record: ConsentRecord | undefined): LastStep {
  if (!record) return 'nothing';
  return record.step === 'withdrawn' && !record.isOwn ? 'kept-out' : record.step;
}

/** Whether the consent needs no request. */
export const isConsentDone = (situation: Omit<ConsentSituation, 'shown'>): boolean =>
  decideConsent({ ...situation, shown: 'unread' }) === 'nothing';

/**
 * Whether the consent for an address still has to be withdrawn in the CRM. This has to be done even for a user who is rejected or deleted.
 */
export function isWithdrawalOpen(app: boolean | undefined, record: ConsentRecord | undefined): boolean {
  if (!record || app === true || record.step === 'withdrawn') return false;
  return app === false || record.step === 'withdrawing' || record.step === 'due';
}

/** The record before a request, so that a lost answer or a killed environment does not hide it. @param now epoch milliseconds. */
export function consentBefore(
  action: 'opt-in' | 'withdraw',
  { record, shown }: Pick<ConsentSituation, 'record' | 'shown'>,
  address: string,
  now: number,
): ConsentRecord {
  const isSame = record?.address === address;
  const isBegun = isSame && (record.step === 'withdrawing' || record.step === 'giving');
  const at = (isBegun ? record.at : undefined) ?? new Date(now).toISOString();
  if (action === 'opt-in') return { step: 'giving', address, at };
  const isOwn = shown === 'opted-in' || shown === 'not-opted-in';
  return { step: 'withdrawing', address, at, ...(isOwn && { isOwn }) };
}

/**
 * The record after a withdrawal.
 *
 * @param address the hash of the address that the user has now. If it is not the withdrawn one, it is withdrawn next.
 */
export function consentAfterWithdrawal(
  { address: withdrawn, isOwn }: ConsentRecord,
  address: string | undefined,
): ConsentRecord {
  if (address !== undefined && address !== withdrawn) return { step: 'due', address };
  return { step: 'withdrawn', address: withdrawn, ...(isOwn && { isOwn }) };
}

/** The record after the app's yes is dealt with. */
export const consentGiven = (address: string): ConsentRecord => ({ step: 'given', address });

/** A hash of an address. The CRM and people ignore case. */
export const hashAddress = (email: string): string =>
  createHash('sha256').update(email.trim().toLowerCase()).digest('base64url').slice(0, 11);

/**
 * What the vendor's names of a status mean (v1, `email_status` of a contact; contract and vendor forum, thread 82773). An opt-in takes
 * effect on the last three, and `Manual`: an opt-out by staff, which only they may undo. So `Manual` counts as an opt-out, as every other
 * name does.
 */
const SHOWN_BY_STATUS: Readonly<Record<string, ShownConsent>> = {
  SingleOptIn: 'opted-in',
  DoubleOptin: 'opted-in',
  Confirmed: 'opted-in',
  UnengagedMarketable: 'not-opted-in',
  UnengagedNonMarketable: 'not-opted-in',
  NonMarketable: 'not-opted-in',
};

/** What a status in an answer of the CRM means. */
export const shownByStatus = (status: unknown): ShownConsent =>
  typeof status === 'string' && status !== '' ? (SHOWN_BY_STATUS[status] ?? 'opted-out') : 'unknown';

/** Requests that a decision costs, at most. @param isWritten whether the contact is written too, so that the answer shows the status. */
export function consentRequests(situation: Omit<ConsentSituation, 'shown'>, isWritten: boolean): number {
  const action = decideConsent({ ...situation, shown: 'unread' });
  if (action === 'nothing') return 0;
  return action === 'read' && !(isWritten && situation.app === true) ? 2 : 1;
}
