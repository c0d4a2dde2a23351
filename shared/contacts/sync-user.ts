import { isDeepStrictEqual } from 'node:util';
import { type Catalog, mergesArrays } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import { resolveFields } from '../infusionsoft/catalog/resolve-fields.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import { GONE_AFTER_MS } from '../quota/retry-policy.ts';
import { type DesiredState, desiredState, hasNoEmailYet, isSyncable } from '../sync/desired-state.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { fingerprintOf } from '../sync/plan.ts';
import type { CrmState, User } from '../user/user.ts';
import { type ApplyTagsDependencies, applyTags } from './apply-tags.ts';
import { checkpointOf, uncertainState } from './checkpoint.ts';
import type { ContactHolder } from './claims.ts';
import { type AffectedUser, ConflictError, waitOrReject } from './conflict.ts';
import {
  isInSync,
  omit,
  startingState,
  tagsAfterWrite,
  withFormer,
  withoutContact,
  withTagsLater,
} from './contact-state.ts';
import { withoutLease } from './lease.ts';
import { type ResolveDependencies, resolve, type Target } from './resolve.ts';
import { type WriteFieldsDependencies, writeFields } from './write-fields.ts';

export interface SyncUserOptions {
  /** Stores a checkpoint before the first request that changes the CRM. @returns the state with its new revision. */
  save: (crm: CrmState) => Promise<CrmState>;
  /** Whether the tags of a new contact are left to a tag job. */
  tagsLater: boolean;
  /** The change that the messages are about, in epoch milliseconds: a conflict of two users is waited for from there. */
  changedAt: number;
}

export interface SyncUserDependencies extends ResolveDependencies, WriteFieldsDependencies {
  client: ResolveDependencies['client'] & WriteFieldsDependencies['client'] & ApplyTagsDependencies['client'];
  catalogSource: Pick<CatalogSource, 'current' | 'newerThan'>;
  claims: ResolveDependencies['claims'] & WriteFieldsDependencies['claims'];
  /** Removes what the sync wrote to a contact that the user no longer has. */
  leaveContact: (contactId: number, userId: string, catalog: Catalog) => Promise<void>;
}

/** What a sync did to the contact. `created`: the user had no contact before, or another one. */
export type ContactChange = 'created' | 'updated' | 'tagged';

export interface SyncResult {
  /** The state to store. */
  crm: CrmState;
  /** Whether nothing was done, so that nothing has to be stored. */
  unchanged: boolean;
  changes: ContactChange[];
  desired: DesiredState;
  /** Other users who have to be synced. */
  affected: readonly AffectedUser[];
  /** Why the sync stopped early, if it did. */
  failure?: unknown;
}

/**
 * Makes a user's contact match, with as few requests as possible: none for a user who is in sync, one for the fields, one for the tags to
 * remove and one for the tags to add.
 *
 * In order: resolve (whose contact is it?), plan and checkpoint, write, tag, leave former contacts. The state is recorded by the caller.
 *
 * Never throws: the result holds what was done before a failure, so that it can be stored and is not done twice.
 */
export async function syncUser(
  user: User,
  options: SyncUserOptions,
  dependencies: SyncUserDependencies,
): Promise<SyncResult> {
  const { catalogSource, mapping, now } = dependencies;
  const stored = user.crm ?? {};
  let desired = desiredState(mapping, user, now());
  let crm = stored;
  const affected: AffectedUser[] = [];
  let failure: unknown;
  const record: Recorder = {
    missing: () => noteMissing(),
    state: (next) => {
      crm = next;
    },
    affected: (users) => void affected.push(...users),
    left: (contactId) => {
      const left = crm.formerContactIds?.filter((id) => id !== contactId) ?? [];
      crm = left.length > 0 ? { ...crm, formerContactIds: left } : omit(crm, 'formerContactIds');
    },
  };
  const noteMissing = () => {
    crm = { ...crm, missingSince: crm.missingSince ?? new Date(now()).toISOString() };
  };
  const attempt = async (isGone: boolean): Promise<void> => {
    const catalog = await catalogSource.current();
    desired = resolveFields(desiredState(mapping, user, now()), catalog, mapping);
    const attemptOnce = () =>
      makeMatch({ user: { ...user, crm }, desired, catalog, isGone, options }, dependencies, record);
    if ((await attemptOnce()) === 'repeat') await attemptOnce();
  };
  /** A contact that the CRM does not know for a while was deleted or merged. */
  const attemptTwice = async (): Promise<void> => {
    try {
      await attempt(false);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      noteMissing();
      const remainingMs = Date.parse(crm.missingSince ?? '') + GONE_AFTER_MS - now();
      if (remainingMs > 0)
        throw new RetryableError('The CRM does not know the contact', { cause: error, afterMs: remainingMs });
      await attempt(true);
    }
  };
  try {
    if (isSyncable(desired)) await attemptTwice();
    else {
      if (await isLost(user, dependencies)) crm = withoutContact(crm);
      if (!hasNoEmailYet(desired))
        throw new RejectedError('no-usable-email', 'The user has no email that the CRM accepts');
    }
    crm = omit(crm, 'rejection', 'conflict', 'missingSince');
  } catch (error) {
    failure =
      error instanceof NotFoundError
        ? new RetryableError('The contact vanished twice', { cause: error })
        : error;
    if (error instanceof ConflictError) {
      const outcome = waitOrReject({ ...user, crm }, error, options.changedAt, now());
      if (error.isLost) crm = withoutContact(crm);
      // A create that reached the contact of the other user has had its answer.
      crm = { ...(error.hasWritten ? omit(crm, 'attempt') : crm), conflict: outcome.conflict };
      failure = outcome.failure;
      affected.push(...error.affected);
      if (error.hasWritten) affected.push({ userId: error.other.userId, cause: 'resync' });
      else if (outcome.isNew) affected.push({ userId: error.other.userId, cause: 'changed' });
    }
    if (failure instanceof RejectedError) {
      const { reason, errorId, otherUserId } = failure;
      const rejection = { reason, errorId, at: new Date(now()).toISOString(), otherUserId };
      crm = { ...crm, rejection };
    }
  }
  const unchanged = isDeepStrictEqual(crm, stored);
  if (!unchanged && !failure) crm = { ...crm, syncedAt: new Date(now()).toISOString() };
  crm = withoutLease(crm);
  const changes = changesBetween(stored, crm);
  return { crm, unchanged, changes, desired, affected, ...(failure !== undefined && { failure }) };
}

/** Whether another user has the stored contact now. */
const isLost = async ({ userId, crm }: User, { claims }: SyncUserDependencies): Promise<boolean> =>
  crm?.contactId !== undefined && (await claims.holderOf(crm.contactId, userId)).kind === 'other';

/** Compares the states that are stored with a user before and after a sync. */
export function changesBetween(before: CrmState, after: CrmState): ContactChange[] {
  const changes: ContactChange[] = [];
  if (after.contactId !== before.contactId) changes.push('created');
  else if (!isDeepStrictEqual(after.fingerprint, before.fingerprint)) changes.push('updated');
  if (!isDeepStrictEqual(new Set(after.tagIds), new Set(before.tagIds))) changes.push('tagged');
  return changes;
}

interface UserSync {
  user: User;
  desired: DesiredState;
  catalog: Catalog;
  /** The CRM does not know the stored contact. */
  isGone: boolean;
  options: SyncUserOptions;
}

/** Receives what is done: the state after each step, and other users who have to be synced. */
interface Recorder {
  state(crm: CrmState): void;
  affected(users: readonly AffectedUser[]): void;
  /** A former contact has lost what the sync wrote to it. */
  left(contactId: number): void;
  /** The CRM does not know a contact, perhaps for a while only. */
  missing(): void;
}

/**
 * Makes one attempt. A step that fails throws, and the last recorded state holds.
 *
 * @returns `repeat` when the CRM's answer shows that the contact was changed by others.
 */
async function makeMatch(
  { user, desired, catalog, isGone, options }: UserSync,
  dependencies: SyncUserDependencies,
  record: Recorder,
): Promise<'done' | 'repeat'> {
  const { mapping, claims, now } = dependencies;
  const { userId, crm: stored = {} } = user;
  if (!isGone && isInSync(stored, desired, catalog, mapping)) return 'done';

  const email = desired.fields.EMAIL1 ?? '';
  const alwaysLookUp = !mergesArrays(catalog, now());
  const { target, affected, isLost, duplicates } = await resolve(
    user,
    email,
    catalog,
    { isGone, alwaysLookUp, changedAt: options.changedAt },
    dependencies,
  );
  record.affected(affected);

  const holder =
    target.kind === 'update' && !target.isClaimed
      ? await claims.claimContact(target.contactId, userId, isGone)
      : undefined;
  if (holder?.kind === 'other') {
    if (!isGone) throw new ConflictError(holder.other, 'has the contact');
    record.affected([{ userId: holder.other.userId, cause: 'resync' }]);
  }
  const isUncertain = target.kind === 'update' && isUncertainBefore(target, stored, holder);
  const start = startingState(
    withFormer(isGone || isLost ? withoutContact(stored) : stored, duplicates),
    target,
    email,
    now(),
  );
  // A backfill does not wait for a user who was rejected before, so its tag job can come too early.
  const tagsLater = options.tagsLater && stored.contactId === undefined && !stored.rejection;
  // If the user has been deleted in the meantime, the contact has to be retired.
  if (holder && holder.kind !== 'new') record.state(start);
  const planned = checkpointOf(
    isUncertain ? uncertainState(start, catalog, mapping) : start,
    tagsLater ? { ...desired, tags: [] } : desired,
    catalog,
    mapping,
  );
  const saved = await options.save(planned);
  record.state(saved);

  const isRepeated = stored.attempt !== undefined;
  const { contactId, observed, isInherited, isChanged } = await writeFields(
    { userId, crm: saved, desired, catalog, target, isRepeated },
    dependencies,
  );
  const isNewToUser = contactId !== stored.contactId;
  const written = tagsAfterWrite(
    { ...omit(saved, 'attempt'), contactId, fingerprint: fingerprintOf(desired.fields) },
    observed,
    { isUncertain: isUncertain || isInherited, isNewToUser },
    catalog,
  );
  record.state(tagsLater ? withTagsLater(written, observed, catalog) : written);
  if (isChanged) {
    record.state({ ...written, untrusted: true });
    return 'repeat';
  }

  if (!tagsLater) {
    const contact = { contactId, crm: written, observed };
    record.state(await applyTags(contact, desired.tags, catalog, dependencies, record.state));
  }

  for (const former of written.formerContactIds ?? []) {
    await leaveOrConfirmGone(() => dependencies.leaveContact(former, userId, catalog), stored, record, now());
    record.left(former);
  }
  return 'done';
}

/** Whether nothing is known about the values of the contact: the state may be that of another contact, or of an earlier life of this one. */
function isUncertainBefore(
  { contactId, isForeign }: Extract<Target, { kind: 'update' }>,
  { contactId: storedId, untrusted }: CrmState,
  holder: ContactHolder | undefined,
): boolean {
  if (isForeign) return true;
  const wasClaimed = holder !== undefined && holder.kind !== 'new';
  return wasClaimed || (contactId === storedId && untrusted === true);
}

/** Leaves a former contact. One that the CRM does not know counts as gone when it still does not know it a minute later. */
async function leaveOrConfirmGone(
  leave: () => Promise<void>,
  { missingSince }: CrmState,
  record: Recorder,
  now: number,
): Promise<void> {
  try {
    await leave();
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const remainingMs = (missingSince ? Date.parse(missingSince) : now) + GONE_AFTER_MS - now;
    if (remainingMs <= 0) return;
    record.missing();
    throw new RetryableError('The CRM does not know a former contact', {
      cause: error,
      afterMs: remainingMs,
    });
  }
}
