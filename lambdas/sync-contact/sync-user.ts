import { isDeepStrictEqual } from 'node:util';
import { type Catalog, customFieldId } from '../../shared/infusionsoft/catalog.ts';
import type { CatalogSource } from '../../shared/infusionsoft/catalog-source.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { contactBody } from '../../shared/infusionsoft/contact-body.ts';
import { NotFound } from '../../shared/infusionsoft/failures.ts';
import type { Contact } from '../../shared/infusionsoft/schemas.ts';
import { type DesiredState, desiredState, isSyncable } from '../../shared/sync/desired-state.ts';
import { Rejected, Retryable } from '../../shared/sync/errors.ts';
import { type FieldPlan, fingerprintOf, planFields } from '../../shared/sync/plan.ts';
import { type Mapping, managedFields } from '../../shared/user/define-mapping.ts';
import type { CrmState, User } from '../../shared/user/user.ts';
import { type Progress, swapTags } from './swap-tags.ts';

export interface SyncUserDependencies {
  client: InfusionsoftClient;
  catalog: CatalogSource;
  mapping: Mapping;
  /** Epoch milliseconds. */
  now: () => number;
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
  const { catalog, mapping, now } = dependencies;
  const stored = user.crm ?? {};
  const desired = desiredState(mapping, user, now());
  const progress: Progress = { crm: stored, observedTags: undefined };
  let failure: unknown;
  try {
    if (!isSyncable(desired))
      throw new Rejected('no-usable-email', 'The user has no email that the CRM takes');
    const names = await catalog.current();
    await bringUpToDate(progress, desired, names, dependencies).catch(async (error: unknown) => {
      if (!(error instanceof NotFound)) throw error;
      // The contact was deleted or merged: it is found or created by its email, as for a new user.
      progress.crm = {};
      progress.observedTags = undefined;
      await bringUpToDate(progress, desired, names, dependencies);
    });
    const { rejection: _, ...healthy } = progress.crm;
    progress.crm = healthy;
  } catch (error) {
    failure =
      error instanceof NotFound ? new Retryable('The contact vanished twice', { cause: error }) : error;
    if (failure instanceof Rejected) {
      const { reason, errorId } = failure;
      progress.crm = { ...progress.crm, rejection: { reason, errorId, at: new Date(now()).toISOString() } };
    }
  }
  const unchanged = isDeepStrictEqual(progress.crm, stored);
  if (!unchanged && !failure) progress.crm = { ...progress.crm, syncedAt: new Date(now()).toISOString() };
  return { crm: progress.crm, unchanged, desired, ...(failure !== undefined && { failure }) };
}

async function bringUpToDate(
  progress: Progress,
  desired: DesiredState,
  names: Catalog,
  dependencies: SyncUserDependencies,
): Promise<void> {
  await writeFields(progress, desired, names, dependencies);
  await swapTags(progress, desired.tags, names, dependencies);
}

async function writeFields(
  progress: Progress,
  desired: DesiredState,
  names: Catalog,
  { client, mapping }: SyncUserDependencies,
): Promise<void> {
  const { contactId, fingerprint = {} } = progress.crm;
  const plan = planFields(desired.fields, contactId ? fingerprint : {}, managedFields(mapping));
  const body = contactBody(plan, (label) => customFieldId(names, label));
  let contact: Contact | undefined;
  if (!contactId) contact = await client.upsertContact(body);
  else if (!isEmpty(plan)) contact = await client.updateContact(contactId, body);

  progress.observedTags = contact?.tag_ids ?? undefined;
  const written = { ...progress.crm, fingerprint: fingerprintOf(desired.fields) };
  progress.crm = contact ? { ...written, contactId: contact.id } : written;
}

const isEmpty = ({ write, clear }: FieldPlan): boolean => Object.keys(write).length + clear.length === 0;
