import { type Catalog, mergesArrays } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { DesiredState } from '../sync/desired-state.ts';
import { fingerprintOf, UNCERTAIN } from '../sync/plan.ts';
import { refusalWarning, refusedHash, withoutRefused } from '../sync/refused-fields.ts';
import type { CrmState, User } from '../user/user.ts';
import { type ApplyTagsDependencies, applyTags } from './apply-tags.ts';
import { type ConsentDependencies, type ConsentRecorder, carryOutConsent } from './carry-out-consent.ts';
import { checkpointOf, uncertainState } from './checkpoint.ts';
import type { ContactHolder } from './claims.ts';
import { ConflictError } from './conflict.ts';
import {
  isInSync,
  omit,
  startingState,
  tagsAfterWrite,
  withFormer,
  withNewestEmail,
  withoutContact,
  withTagsLater,
} from './contact-state.ts';
import { findMerged } from './find-owned-contacts.ts';
import { mayComeBack } from './missing-contact.ts';
import { type ResolveDependencies, resolve, type Target } from './resolve.ts';
import { type WriteFieldsDependencies, writeFields } from './write-fields.ts';

export interface MakeMatchDependencies extends ResolveDependencies, WriteFieldsDependencies {
  client: ResolveDependencies['client'] &
    WriteFieldsDependencies['client'] &
    ApplyTagsDependencies['client'] &
    ConsentDependencies['client'];
  catalogSource: Pick<CatalogSource, 'current' | 'newerThan' | 'withProvinces'>;
  claims: ResolveDependencies['claims'] & WriteFieldsDependencies['claims'];
  /** Removes what the sync wrote to a contact that the user no longer has. */
  leaveContact: (contactId: number, userId: string, catalog: Catalog) => Promise<void>;
  /** Counts fields whose values the CRM has refused. */
  countRefusals: (fields: readonly string[]) => Promise<void>;
}

/** One attempt to make a contact match. */
export interface UserSync {
  user: User;
  desired: DesiredState;
  catalog: Catalog;
  /** Whether the stored contact is gone: the CRM does not know it. */
  isGone: boolean;
  /** Whether the tags of a new contact are left to a tag job. */
  tagsLater: boolean;
  /** The change that the messages are about, in epoch milliseconds. */
  changedAt: number;
}

/** Receives the state after each step, and what was found out on the way. */
export interface Recorder extends ConsentRecorder {
  /** A former contact has lost what the sync wrote to it. */
  left(contactId: number): void;
  /** The CRM does not know a contact, perhaps for a while only. */
  missing(contactId: number): void;
}

/**
 * Makes one attempt to make a contact match. If a step throws, the last recorded state is the state to store.
 *
 * @returns `repeat` if the CRM's answer shows that others changed the contact, or if a refused field still has an older value of the sync.
 */
export async function makeMatch(
  { user, desired, catalog, isGone, ...options }: UserSync,
  dependencies: MakeMatchDependencies,
  record: Recorder,
): Promise<'done' | 'repeat'> {
  const { mapping, now } = dependencies;
  const { userId, crm: stored = {} } = user;
  if (!isGone && isInSync(stored, desired, catalog, mapping)) return 'done';

  const email = desired.fields.EMAIL1 ?? '';
  const alwaysLookUp = !mergesArrays(catalog, 'put', now());
  const { target, isLost, duplicates } = await resolve(
    user,
    email,
    catalog,
    { isGone, alwaysLookUp, changedAt: options.changedAt },
    dependencies,
  );

  const holder =
    target.kind === 'update' && !target.isClaimed
      ? await claimFor(user, target.contactId, isGone, dependencies)
      : undefined;
  const isUncertain = target.kind === 'update' && isUncertainBefore(target, stored, holder);
  const start = startingState(
    withFormer(isGone || isLost ? withoutContact(stored) : stored, duplicates),
    target,
    email,
    now(),
  );
  // A backfill stops waiting for a user who is rejected after it was sent, so its tag job can run before this sync.
  const tagsLater = options.tagsLater && stored.contactId === undefined && !stored.rejection;
  // Recorded before the checkpoint: if the user was deleted in the meantime, this contact has to be retired.
  if (isUncertain) record.state(start);
  const planned = checkpointOf(
    isUncertain ? uncertainState(start, catalog, mapping) : start,
    tagsLater ? { ...desired, tags: [] } : desired,
    catalog,
    mapping,
  );
  const saved = await record.save(planned);
  record.state(saved);

  const store = async (id: number, isInherited: boolean): Promise<void> => {
    const found = { ...omit(saved, 'attempt'), contactId: id, ...(isInherited && { untrusted: true }) };
    // Known also if it cannot be stored, because the user was deleted in the meantime.
    record.state(found);
    record.state(await record.save(found));
  };
  const known = new Set(Object.keys((isUncertain ? planned : start).fingerprint ?? {}));
  const { contactId, answer, observed, isInherited, isChanged, refused, stale, canClear } = await writeFields(
    { userId, crm: saved, desired, catalog, target, known, store },
    dependencies,
  );
  const isNewToUser = contactId !== stored.contactId;
  const written = tagsAfterWrite(
    withNewestEmail(withRefusals({ ...omit(saved, 'attempt'), contactId }, desired, refused, stale)),
    observed,
    { isUncertain: isUncertain || isInherited, isNewToUser },
    catalog,
  );
  const recorded = tagsLater ? withTagsLater(written, observed, catalog) : written;
  record.state(recorded);
  await noteRefusals(refused, record, dependencies);
  if (isChanged) {
    record.state({ ...written, untrusted: true });
    return 'repeat';
  }

  // The next attempt leaves out what was refused, and clears what the sync had written before. If it cannot, the next sync does.
  if (stale.length > 0 && canClear) return 'repeat';

  const consented = await carryOutConsent({ contactId, answer }, recorded, desired, record, dependencies);
  if (consented === 'changed') {
    record.state({ ...recorded, untrusted: true });
    return 'repeat';
  }
  if (!tagsLater) {
    const contact = { contactId, crm: consented, observed };
    record.state(await applyTags(contact, desired.tags, catalog, dependencies, record.state));
  }

  await leaveFormer(userId, written, catalog, dependencies, record);
  return 'done';
}

/**
 * Claims a contact for a user. After a merge, it is claimed also from another living user, who is notified first.
 *
 * @throws ConflictError when another living user has it.
 */
async function claimFor(
  { userId }: User,
  contactId: number,
  isMerged: boolean,
  { claims, notify }: Pick<MakeMatchDependencies, 'claims' | 'notify'>,
): Promise<ContactHolder> {
  const before = isMerged ? await claims.holderOf(contactId, userId) : undefined;
  if (before?.kind === 'other') await notify([{ userId: before.other.userId, cause: 'resync' }]);
  const holder = await claims.claimContact(contactId, userId, { force: isMerged });
  if (holder.kind === 'other' && !isMerged) throw new ConflictError(holder.other, 'has the contact');
  return holder;
}

/** The state after a write: a hash of each accepted value, and of each refused one. */
function withRefusals(
  { refusedFields: _, ...crm }: CrmState,
  { fields, refused: remembered = {} }: DesiredState,
  refused: readonly string[],
  stale: readonly string[],
): CrmState {
  const refusedFields = {
    ...remembered,
    ...Object.fromEntries(refused.map((key) => [key, refusedHash(key, fields)])),
  };
  const accepted = withoutRefused({ fields, tags: [], warnings: [] }, refusedFields).fields;
  const uncertain = Object.fromEntries(stale.map((key) => [key, UNCERTAIN]));
  return {
    ...crm,
    fingerprint: { ...fingerprintOf(accepted), ...uncertain },
    ...(Object.keys(refusedFields).length > 0 && { refusedFields }),
  };
}

/** Reports the fields that the CRM refused: as warnings about the user, and in the counts of all refusals. */
async function noteRefusals(
  refused: readonly string[],
  record: Pick<Recorder, 'warning'>,
  { countRefusals }: Pick<MakeMatchDependencies, 'countRefusals'>,
): Promise<void> {
  if (refused.length === 0) return;
  for (const key of refused) record.warning(refusalWarning(key));
  await countRefusals(refused);
}

/** Leaves the contacts that the user had before. */
export async function leaveFormer(
  userId: string,
  { contactId: ownId, emails = [], formerContactIds = [], missingSince }: CrmState,
  catalog: Catalog,
  dependencies: MakeMatchDependencies,
  record: Pick<Recorder, 'left' | 'missing'>,
): Promise<void> {
  const { leaveContact, now } = dependencies;
  for (const contactId of formerContactIds) {
    try {
      await leaveContact(contactId, userId, catalog);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      const wait = mayComeBack(missingSince, contactId, now(), error);
      if (wait) record.missing(contactId);
      if (wait) throw wait;
      for (const { contact } of await findMerged(userId, emails, catalog, dependencies))
        if (contact.id !== ownId) await leaveContact(contact.id, userId, catalog);
    }
    record.left(contactId);
  }
}

/** Whether the values of the contact are unknown: the stored state may be that of another contact, or an older one of this contact. */
function isUncertainBefore(
  { contactId, isForeign }: Extract<Target, { kind: 'update' }>,
  { contactId: storedId, untrusted }: CrmState,
  holder: ContactHolder | undefined,
): boolean {
  if (isForeign) return true;
  const wasClaimed = holder !== undefined && holder.kind !== 'new';
  return wasClaimed || (contactId === storedId && untrusted === true);
}
