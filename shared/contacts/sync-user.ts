import { isDeepStrictEqual } from 'node:util';
import { countriesOf } from '../infusionsoft/catalog/provinces.ts';
import { resolveFields } from '../infusionsoft/catalog/resolve-fields.ts';
import { ContactFaultError, NotFoundError } from '../infusionsoft/http/failures.ts';
import { hashAddress } from '../sync/consent.ts';
import { type DesiredState, desiredState, hasNoEmailYet, isSyncable } from '../sync/desired-state.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { redact } from '../sync/redact.ts';
import type { Warning } from '../user/read-user.ts';
import type { CrmState, User } from '../user/user.ts';
import { firstEmail, withdrawConsent } from './carry-out-consent.ts';
import { ConflictError, waitOrReject } from './conflict.ts';
import { type ContactFaultDependencies, countContactFault } from './contact-faults.ts';
import { omit, withNewestEmail, withoutContact } from './contact-state.ts';
import { withoutLease } from './lease.ts';
import { leaveFormer, type MakeMatchDependencies, makeMatch, type Recorder } from './make-match.ts';
import { mayComeBack, withMissing } from './missing-contact.ts';
import { readOrMissing } from './ownership.ts';

export interface SyncUserOptions {
  /** Stores a checkpoint before the first request that changes the CRM. @returns the state with its new revision. */
  save: (crm: CrmState) => Promise<CrmState>;
  /** Whether the tags of a new contact are left to a tag job. */
  tagsLater: boolean;
  /** The change that the messages are about, in epoch milliseconds: the wait in a conflict of two users begins there. */
  changedAt: number;
  /** The messages say that the app withdrew the consent. It counts for a user without a record of consent. */
  isWithdrawn?: boolean;
  /** The messages say that the sync may have opted in the email. It counts for a user without a record of consent. */
  isOptedIn?: boolean;
}

export interface SyncUserDependencies
  extends MakeMatchDependencies,
    Pick<ContactFaultDependencies, 'lastWriteAt'> {}

/** What a sync did to the contact. `created`: the user had no contact before, or another one. */
export type ContactChange = 'created' | 'updated' | 'tagged';

export interface SyncResult {
  /** The state to store. */
  crm: CrmState;
  /** Whether nothing was done, so that nothing has to be stored. */
  unchanged: boolean;
  changes: ContactChange[];
  desired: DesiredState;
  /** Why the sync stopped early, if it did. */
  failure?: unknown;
}

/**
 * Makes a user's contact match, with as few requests as possible: none for a user who is in sync, one for the fields, one for the tags to
 * remove and one for the tags to add. Consent costs requests only when the app's value or the email changes (docs/consent.md).
 *
 * In order: withdraw, resolve (whose contact is it?), plan and checkpoint, write, consent, tag, leave former contacts. The state is
 * recorded by the caller.
 *
 * Never throws: the result holds what was done before a failure, so that it can be stored and is not done twice.
 */
export async function syncUser(
  user: User,
  options: SyncUserOptions,
  dependencies: SyncUserDependencies,
): Promise<SyncResult> {
  const { catalogSource, notify, mapping, now } = dependencies;
  const stored = user.crm ?? {};
  let desired = desiredState(mapping, user, now());
  let crm = stored;
  const warnings: Warning[] = [];
  let failure: unknown;
  const record: Recorder = {
    missing: (contactId) => noteMissing(contactId),
    state: (next) => {
      crm = next;
    },
    save: options.save,
    warning: (warning) => void warnings.push(warning),
    left: (contactId) => {
      const left = crm.formerContactIds?.filter((id) => id !== contactId) ?? [];
      crm =
        left.length > 0 ? { ...crm, formerContactIds: left } : withNewestEmail(omit(crm, 'formerContactIds'));
    },
  };
  const noteMissing = (contactId: number) => {
    crm = { ...crm, missingSince: withMissing(crm.missingSince, contactId, now()) };
  };
  const attempt = async (isGone: boolean): Promise<void> => {
    const wanted = desiredState(mapping, user, now());
    const catalog = await catalogSource.withProvinces(countriesOf(wanted));
    const { tagsLater, changedAt } = options;
    const attemptOnce = () => {
      // The attempt before may have found out what the CRM refuses.
      desired = resolveFields(wanted, catalog, mapping, crm);
      const work = { user: { ...user, crm }, desired, catalog, isGone, tagsLater, changedAt };
      return makeMatch(work, dependencies, record);
    };
    if ((await attemptOnce()) === 'repeat') await attemptOnce();
  };
  /** If the CRM has not known the contact for a while, it was deleted or merged: makes a second attempt without it. */
  const attemptTwice = async (): Promise<void> => {
    try {
      await attempt(false);
    } catch (error) {
      const { contactId } = crm;
      if (!(error instanceof NotFoundError) || contactId === undefined) throw error;
      const wait = mayComeBack(crm.missingSince, contactId, now(), error);
      noteMissing(contactId);
      if (wait) throw wait;
      await attempt(true).catch((failure: unknown) => {
        // The attempt may have tried a former contact, which the CRM does not know either.
        if (failure instanceof NotFoundError && crm.contactId !== undefined) noteMissing(crm.contactId);
        throw failure;
      });
    }
  };
  const waitForOther = async (error: unknown): Promise<never> => {
    if (!(error instanceof ConflictError)) throw error;
    const { conflict, isNew, failure } = waitOrReject({ ...user, crm }, error, options.changedAt, now());
    const { userId } = error.other;
    const cause = error.hasWritten || error.isOutdated ? 'resync' : 'changed';
    if (error.hasWritten || isNew) await notify([{ userId, cause }]);
    if (error.isLost) crm = withoutContact(crm);
    // A create that reached the contact of the other user got its answer.
    crm = { ...(error.hasWritten ? omit(crm, 'attempt') : crm), conflict };
    throw failure;
  };
  const noteFault = async (error: unknown): Promise<never> => {
    if (!(error instanceof ContactFaultError)) throw error;
    const answer = redact(error.answer, Object.values(desired.fields));
    const counted = await countContactFault(error, crm.serverErrors, answer, dependencies);
    crm = { ...crm, serverErrors: counted.serverErrors };
    throw counted.failure;
  };
  const makeRight = async (): Promise<void> => {
    const hinted = await withConsentHint(crm, desired, options, dependencies);
    crm = await withdrawConsent(hinted, desired, record, dependencies);
    if (isSyncable(desired)) return attemptTwice().catch(waitForOther);
    crm = await withClaimedContact(crm, user.userId, dependencies);
    // Without a contact, a former one may become the user's again.
    if (crm.contactId !== undefined && crm.formerContactIds)
      await leaveFormer(user.userId, crm, await catalogSource.current(), dependencies, record);
    if (!hasNoEmailYet(desired))
      throw new RejectedError('no-usable-email', 'The user has no email that the CRM accepts');
  };
  try {
    await makeRight().catch(noteFault);
    crm = omit(crm, 'rejection', 'conflict', 'missingSince', 'serverErrors');
  } catch (error) {
    failure =
      error instanceof NotFoundError
        ? new RetryableError('The contact was gone in both attempts', { cause: error })
        : error;
    if (failure instanceof RejectedError) {
      const { reason, errorId, otherUserId, detail } = failure;
      const rejection = {
        reason,
        errorId,
        at: new Date(now()).toISOString(),
        otherUserId,
        ...(detail && { detail }),
      };
      crm = { ...(reason === 'refused-by-crm' ? withoutNewAttempt(crm, stored) : crm), rejection };
    }
  }
  const unchanged = isDeepStrictEqual(crm, stored);
  if (!unchanged && !failure) crm = { ...crm, syncedAt: new Date(now()).toISOString() };
  crm = withoutLease(crm);
  const changes = changesBetween(stored, crm);
  if (warnings.length > 0) desired = { ...desired, warnings: distinct([...desired.warnings, ...warnings]) };
  return { crm, unchanged, changes, desired, ...(failure !== undefined && { failure }) };
}

/** Without the create that the CRM has just refused: there is no contact to look for. One from before may still have made a contact. */
function withoutNewAttempt(crm: CrmState, before: CrmState): CrmState {
  if (!crm.attempt || before.attempt) return crm;
  return { ...omit(crm, 'attempt', 'separated'), ...(before.separated && { separated: true }) };
}

/** Warnings without repeats: a second attempt warns again about the fields that the first one found to be refused. */
const distinct = (warnings: readonly Warning[]): Warning[] => [
  ...new Map(warnings.map((warning) => [`${warning.field} ${warning.problem}`, warning])).values(),
];

/**
 * Adds a consent that only the messages know of. The email that the sync may have opted in is the one that the contact shows, since the app
 * may have changed it. Costs one request to read it.
 */
async function withConsentHint(
  crm: CrmState,
  { consent: app, fields: { EMAIL1: email } }: DesiredState,
  { isWithdrawn = false, isOptedIn = false }: SyncUserOptions,
  { client }: Pick<SyncUserDependencies, 'client'>,
): Promise<CrmState> {
  const isDue = isWithdrawn && (isOptedIn ? app !== true : app === false);
  if (crm.consent || !(isOptedIn || isDue)) return crm;
  const contact =
    isOptedIn && crm.contactId !== undefined ? await readOrMissing(client, crm.contactId) : undefined;
  const shown = contact && firstEmail(contact);
  const address = shown || email;
  if (address === undefined) return crm;
  // An address that no contact shows yet cannot be withdrawn at once.
  const step = isDue || (app === false && !shown) ? 'due' : 'giving';
  return { ...crm, consent: { step, address: hashAddress(address) } };
}

/**
 * The state of a user who cannot be synced: without the contact if another user has it now. A contact without a claim is claimed, since only
 * a message may have named it.
 */
async function withClaimedContact(
  crm: CrmState,
  userId: string,
  { claims }: Pick<SyncUserDependencies, 'claims'>,
): Promise<CrmState> {
  if (crm.contactId === undefined) return crm;
  const { kind } = await claims.holderOf(crm.contactId, userId);
  if (kind === 'new') await claims.claimContact(crm.contactId, userId);
  return kind === 'other' ? withoutContact(crm) : crm;
}

/** Compares the states that are stored with a user before and after a sync. */
export function changesBetween(before: CrmState, after: CrmState): ContactChange[] {
  // The contact was lost to another user.
  if (after.contactId === undefined) return [];
  const changes: ContactChange[] = [];
  if (after.contactId !== before.contactId) changes.push('created');
  else if (!isDeepStrictEqual(after.fingerprint, before.fingerprint)) changes.push('updated');
  if (!isDeepStrictEqual(new Set(after.tagIds), new Set(before.tagIds))) changes.push('tagged');
  return changes;
}
