import type { DeletionPolicy } from '../../../lambdas/sync-contact/settings.ts';
import { syncUser } from '../../../shared/contacts/sync-user.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import type { DesiredState } from '../../../shared/sync/desired-state.ts';
import { RejectedError } from '../../../shared/sync/errors.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { dryClient, type PlannedRequest } from './dry-client.ts';

export interface PreviewContext {
  mapping: Mapping;
  catalog: Catalog;
  deletionPolicy: DeletionPolicy;
  /** Epoch milliseconds: another day than today shows the tags that time alone changes. */
  now: number;
}

/** What the sync would do for a user. */
export interface UserPreview {
  desired: DesiredState;
  requests: PlannedRequest[];
  /** Why the CRM would not get this user, if it would not. */
  rejected?: string;
}

/**
 * Runs the very code that syncs a user with a client that makes no request.
 *
 * @param contact the user's contact as the CRM has it now, or undefined where it has none.
 */
export async function previewUser(
  user: User,
  contact: Contact | undefined,
  { mapping, catalog, deletionPolicy, now }: PreviewContext,
): Promise<UserPreview> {
  const requests: PlannedRequest[] = [];
  const client = dryClient({ contact }, requests);
  const { desired, failure } = await syncUser(user, {
    tagsLater: false,
    client,
    mapping,
    deletionPolicy,
    catalog: {
      current: async () => catalog,
      newerThan: async () => catalog,
      exclusively: (work) => work(),
      adopt: async () => {},
    },
    claims: { email: async () => {}, contact: async () => false, retire: async () => false },
    // Nobody knows from here which companies there are: each counts as known, as nearly all are after the first users.
    companies: { idOf: async () => 1 },
    save: async (crm) => crm,
    now: () => now,
  });
  if (failure instanceof RejectedError) return { desired, requests, rejected: failure.reason };
  if (failure) throw failure;
  return { desired, requests };
}

/** The user's contact as the sync remembers it, for a preview that asks the CRM nothing. */
export function storedContact({ crm }: User): Contact | undefined {
  return crm?.contactId ? { id: crm.contactId, tag_ids: crm.tagIds ?? [] } : undefined;
}
