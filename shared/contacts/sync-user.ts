import { isDeepStrictEqual } from 'node:util';
import type { DeletionPolicy } from '../../lambdas/sync-contact/settings.ts';
import { type Catalog, managedTagIds } from '../infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import { resolveFields, usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import { NotFoundError } from '../infusionsoft/http/failures.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { type DesiredState, desiredState, isSyncable } from '../sync/desired-state.ts';
import { RejectedError, RetryableError } from '../sync/errors.ts';
import { type FieldPlan, fingerprintOf, planFields, UNCERTAIN } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState, User } from '../user/user.ts';
import { applyTags, type Progress } from './apply-tags.ts';
import { certainOf, checkpointOf } from './checkpoint.ts';
import type { Claims } from './claims.ts';
import type { Companies } from './companies.ts';
import { released } from './lease.ts';
import { writeContact } from './write-contact.ts';

export interface SyncUserDependencies {
  client: InfusionsoftClient;
  catalog: CatalogSource;
  claims: Claims;
  companies: Companies;
  mapping: Mapping;
  deletionPolicy: DeletionPolicy;
  /** Stores a state before the requests that lead away from it. @returns it with its revision. */
  save: (crm: CrmState) => Promise<CrmState>;
  /** Whether the tags of a contact that is new to the sync are left to others. */
  tagsLater: boolean;
  /** Epoch milliseconds. */
  now: () => number;
}

/** How far a user's contact is, and whose it is. */
interface UserProgress extends Progress {
  userId: string;
}

/** What a user's sync came to: the state to store, and why it stopped early if it did. */
export interface SyncResult {
  crm: CrmState;
  /** Nothing was to be done and nothing has to be stored. */
  unchanged: boolean;
  desired: DesiredState;
  failure?: unknown;
}

/**
 * Makes the CRM show what it should of a user, with as few requests as that takes: none for a user who is already
 * right, one for the fields, one for the tags that go and one for those that come.
 *
 * Never throws: what was done before a failure is in the result, so that it can be stored and is not done twice.
 */
export async function syncUser(user: User, dependencies: SyncUserDependencies): Promise<SyncResult> {
  const { catalog, mapping, save, now } = dependencies;
  const stored = user.crm ?? {};
  // Nobody else waits for one who was rejected before.
  const tagsLater = dependencies.tagsLater && !stored.contactId && !stored.rejection;
  let desired = desiredState(mapping, user, now());
  const progress: UserProgress = { userId: user.userId, crm: stored, observedTags: undefined };
  let failure: unknown;
  try {
    if (!isSyncable(desired))
      throw new RejectedError('no-usable-email', 'The user has no email that the CRM takes');
    const names = await catalog.current();
    const fitting = resolveFields(desired, names, mapping);
    desired = fitting;
    const checkpoint = checkpointOf(stored, tagsLater ? { ...desired, tags: [] } : desired, names, mapping);
    if (checkpoint) progress.crm = await save(checkpoint);
    const bringUpToDate = async (): Promise<void> => {
      await writeFields(progress, fitting, names, dependencies);
      if (tagsLater) noteTags(progress, names);
      else await applyTags(progress, fitting.tags, names, dependencies);
    };
    await bringUpToDate().catch(async (error: unknown) => {
      if (!(error instanceof NotFoundError)) throw error;
      // The contact was deleted or merged: it is found or created by its email, as for a new user.
      const { revision, fingerprint } = progress.crm;
      progress.crm = { revision, ...(fingerprint && { fingerprint }) };
      progress.observedTags = undefined;
      await bringUpToDate();
    });
    const { rejection: _, ...healthy } = progress.crm;
    progress.crm = healthy;
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
  return { crm: released(progress.crm), unchanged, desired, ...(failure !== undefined && { failure }) };
}

/** Leaves the tags to others, who have to know which managed ones the contact may hold already. */
function noteTags(progress: Progress, names: Catalog): void {
  const managed = managedTagIds(names);
  const { tagIds: applied = [], uncertainTagIds: perhaps = [], ...rest } = progress.crm;
  const held = [...applied, ...perhaps, ...(progress.observedTags ?? [])].filter((id) => managed.has(id));
  progress.crm = { ...rest, ...(held.length > 0 && { uncertainTagIds: [...new Set(held)] }) };
}

async function writeFields(
  progress: UserProgress,
  desired: DesiredState,
  names: Catalog,
  dependencies: SyncUserDependencies,
): Promise<void> {
  const { mapping, claims } = dependencies;
  const planned = () => planFields(desired.fields, certainOf(progress.crm), usableFields(mapping, names));
  let plan = planned();
  if (plan.write.EMAIL1 !== undefined) {
    await claims.email(plan.write.EMAIL1, progress.userId);
    if (await leaveForContactOf(plan.write.EMAIL1, progress, names, dependencies)) plan = planned();
  }
  const before = progress.crm.contactId;
  const email = desired.fields.EMAIL1 ?? '';
  let contact =
    before && isEmpty(plan)
      ? undefined
      : await writeContact({ contactId: before, email }, plan, names, dependencies);
  if (contact && contact.id !== before && (await claims.contact(contact.id, progress.userId)))
    contact = await clearInherited(contact, desired, names, dependencies);

  progress.observedTags = contact?.tag_ids ?? undefined;
  const written = { ...progress.crm, fingerprint: fingerprintOf(desired.fields) };
  progress.crm = contact ? { ...written, contactId: contact.id } : written;
}

/**
 * Takes away what the sync wrote to a contact for a user who was deleted, where its user of today has no value: who signs up again
 * without a phone number would else keep the old one.
 */
async function clearInherited(
  contact: Contact,
  { fields }: DesiredState,
  names: Catalog,
  dependencies: SyncUserDependencies,
): Promise<Contact> {
  const managed = usableFields(dependencies.mapping, names);
  const perhaps = Object.fromEntries([...managed].map((key) => [key, UNCERTAIN]));
  const clear = planFields(fields, { ...perhaps, ...fingerprintOf(fields) }, managed);
  if (isEmpty(clear)) return contact;
  return writeContact({ contactId: contact.id, email: '' }, clear, names, dependencies);
}

const isEmpty = ({ write, clear }: FieldPlan): boolean => Object.keys(write).length + clear.length === 0;

/**
 * When a user's new email is that of another contact (a newsletter sign-up, say), that contact is the user's from now on, since
 * a second one with the email would be a duplicate. The old one loses the managed tags, and keeps all else.
 *
 * @returns whether the user has left its contact.
 */
async function leaveForContactOf(
  email: string,
  progress: Progress,
  names: Catalog,
  { client, deletionPolicy }: SyncUserDependencies,
): Promise<boolean> {
  const old = progress.crm.contactId;
  if (!old) return false;
  const others = (await client.findContactsByEmail(email)).filter(({ id }) => id !== old);
  if (others.length === 0) return false;
  if (deletionPolicy !== 'leave') await client.removeTags(old, [...managedTagIds(names)]);
  const { revision } = progress.crm;
  progress.crm = { revision };
  return true;
}
