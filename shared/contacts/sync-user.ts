import { isDeepStrictEqual } from 'node:util';
import { type Catalog, managedTagIds } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import { resolveFields, usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { type DesiredState, desiredState, isSyncable } from '../sync/desired-state.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { type FieldPlan, fingerprintOf, planFields, UNCERTAIN } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState, User } from '../user/user.ts';
import { type ApplyTagsDependencies, applyTags, type Progress } from './apply-tags.ts';
import { checkpointOf, trustedFingerprint } from './checkpoint.ts';
import type { Claims } from './claims.ts';
import { withoutLease } from './lease.ts';
import type { DeletionPolicy } from './retire-contact.ts';
import { type WriteContactDependencies, writeContact } from './write-contact.ts';

export interface SyncUserOptions {
  /** Stores a checkpoint before the first request. @returns the state with its new revision. */
  save: (crm: CrmState) => Promise<CrmState>;
  /** Whether the tags of a new contact are left to a tag job. */
  tagsLater: boolean;
}

interface WriteFieldsDependencies extends WriteContactDependencies {
  client: WriteContactDependencies['client'] & ApplyTagsDependencies['client'];
  claims: Pick<Claims, 'claimEmail' | 'claimContact'>;
  mapping: Mapping;
  deletionPolicy: DeletionPolicy;
}

export interface SyncUserDependencies extends WriteFieldsDependencies {
  catalogSource: Pick<CatalogSource, 'current' | 'newerThan'>;
}

interface UserProgress extends Progress {
  userId: string;
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
  /** Why the sync stopped early, if it did. */
  failure?: unknown;
}

/**
 * Makes a user's contact match, with as few requests as possible: none for a user who is in sync, one for the fields, one for the tags to
 * remove and one for the tags to add.
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
  // A backfill does not wait for a user who was rejected before, so its tag job can come too early.
  const tagsLater = options.tagsLater && !stored.contactId && !stored.rejection;
  let desired = desiredState(mapping, user, now());
  const progress: UserProgress = { userId: user.userId, crm: stored, observedTags: undefined };
  let failure: unknown;
  try {
    if (!isSyncable(desired))
      throw new RejectedError('no-usable-email', 'The user has no email that the CRM takes');
    const catalog = await catalogSource.current();
    const resolved = resolveFields(desired, catalog, mapping);
    desired = resolved;
    const checkpoint = checkpointOf(
      stored,
      tagsLater ? { ...resolved, tags: [] } : resolved,
      catalog,
      mapping,
    );
    if (checkpoint) progress.crm = await options.save(checkpoint);
    const writeAndTag = async (): Promise<void> => {
      await writeFields(progress, resolved, catalog, dependencies);
      if (tagsLater) noteUncertainTags(progress, catalog);
      else await applyTags(progress, resolved.tags, catalog, dependencies);
    };
    await writeAndTag().catch(async (error: unknown) => {
      if (!(error instanceof NotFoundError)) throw error;
      // The contact was deleted or merged: it is found or created by its email, as for a new user.
      const { revision, fingerprint } = progress.crm;
      progress.crm = { revision, ...(fingerprint && { fingerprint }) };
      progress.observedTags = undefined;
      await writeAndTag();
    });
    const { rejection: _, ...accepted } = progress.crm;
    progress.crm = accepted;
  } catch (error) {
    failure =
      error instanceof NotFoundError
        ? new RetryableError('The contact vanished twice', { cause: error })
        : error;
    if (failure instanceof RejectedError) {
      const { reason, errorId, otherUserId } = failure;
      const rejection = { reason, errorId, at: new Date(now()).toISOString(), otherUserId };
      progress.crm = { ...progress.crm, rejection };
    }
  }
  const unchanged = isDeepStrictEqual(progress.crm, stored);
  if (!unchanged && !failure) progress.crm = { ...progress.crm, syncedAt: new Date(now()).toISOString() };
  const crm = withoutLease(progress.crm);
  const changes = changesBetween(stored, crm);
  return { crm, unchanged, changes, desired, ...(failure !== undefined && { failure }) };
}

/** Compares the states that are stored with a user before and after a sync. */
export function changesBetween(before: CrmState, after: CrmState): ContactChange[] {
  const changes: ContactChange[] = [];
  if (after.contactId !== before.contactId) changes.push('created');
  else if (!isDeepStrictEqual(after.fingerprint, before.fingerprint)) changes.push('updated');
  if (!isDeepStrictEqual(new Set(after.tagIds), new Set(before.tagIds))) changes.push('tagged');
  return changes;
}

/** Records the managed tags that the contact may have, for the tag job that completes them. */
function noteUncertainTags(progress: Progress, catalog: Catalog): void {
  const managed = managedTagIds(catalog);
  const { tagIds = [], uncertainTagIds = [], ...rest } = progress.crm;
  const possible = [...tagIds, ...uncertainTagIds, ...(progress.observedTags ?? [])].filter((id) =>
    managed.has(id),
  );
  progress.crm = { ...rest, ...(possible.length > 0 && { uncertainTagIds: [...new Set(possible)] }) };
}

async function writeFields(
  progress: UserProgress,
  desired: DesiredState,
  catalog: Catalog,
  dependencies: WriteFieldsDependencies,
): Promise<void> {
  const { mapping, claims } = dependencies;
  const planWrite = () =>
    planFields(desired.fields, trustedFingerprint(progress.crm), usableFields(mapping, catalog));
  let plan = planWrite();
  if (plan.write.EMAIL1 !== undefined) {
    await claims.claimEmail(plan.write.EMAIL1, progress.userId);
    if (await leaveForContactOf(plan.write.EMAIL1, progress, catalog, dependencies)) plan = planWrite();
  }
  const { contactId } = progress.crm;
  const email = desired.fields.EMAIL1 ?? '';
  let contact =
    contactId && isEmpty(plan)
      ? undefined
      : await writeContact({ contactId, email }, plan, catalog, dependencies);
  if (contact && contact.id !== contactId && (await claims.claimContact(contact.id, progress.userId)))
    contact = await clearInherited(contact, desired, catalog, dependencies);

  progress.observedTags = contact?.tag_ids ?? undefined;
  const written = { ...progress.crm, fingerprint: fingerprintOf(desired.fields) };
  progress.crm = contact ? { ...written, contactId: contact.id } : written;
}

/**
 * Clears what the sync wrote to a contact for a deleted user, where the new user has no value. Otherwise a person who signs up again
 * without a phone number would keep the old one.
 */
async function clearInherited(
  contact: Contact,
  { fields }: DesiredState,
  catalog: Catalog,
  dependencies: WriteFieldsDependencies,
): Promise<Contact> {
  const managed = usableFields(dependencies.mapping, catalog);
  const uncertain = Object.fromEntries([...managed].map((key) => [key, UNCERTAIN]));
  const plan = planFields(fields, { ...uncertain, ...fingerprintOf(fields) }, managed);
  if (isEmpty(plan)) return contact;
  return writeContact({ contactId: contact.id, email: '' }, plan, catalog, dependencies);
}

const isEmpty = ({ write, clear }: FieldPlan): boolean => Object.keys(write).length + clear.length === 0;

/**
 * Leaves the user's contact when another contact, of a newsletter sign-up for example, has the user's new email: a second contact with
 * that email would be a duplicate. The old contact loses the managed tags and keeps everything else.
 *
 * @returns whether the user has left its contact.
 */
async function leaveForContactOf(
  email: string,
  progress: Progress,
  catalog: Catalog,
  { client, deletionPolicy }: Pick<WriteFieldsDependencies, 'client' | 'deletionPolicy'>,
): Promise<boolean> {
  const { contactId, revision } = progress.crm;
  if (!contactId) return false;
  const others = (await client.findContactsByEmail(email)).filter(({ id }) => id !== contactId);
  if (others.length === 0) return false;
  if (deletionPolicy !== 'leave') await client.removeTags(contactId, [...managedTagIds(catalog)]);
  progress.crm = { revision };
  return true;
}
