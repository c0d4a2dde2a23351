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
  /** Epoch milliseconds: some tags depend on the date. */
  now: number;
}

/** What the sync would do for a user. */
export interface UserPreview {
  desired: DesiredState;
  requests: PlannedRequest[];
  /** The reason why the sync would reject this user, if it would. */
  rejected?: string;
}

/**
 * Runs the code that syncs a user with a client that sends no requests.
 *
 * @param contact the user's contact in the CRM, or undefined when there is none.
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
    // Each company counts as existing, as nearly all do after the first users.
    companies: { idOf: async () => 1 },
    save: async (crm) => crm,
    now: () => now,
  });
  if (failure instanceof RejectedError) return { desired, requests, rejected: failure.reason };
  if (failure) throw failure;
  return { desired, requests };
}

/** The user's contact by the sync's own records, for a preview without requests. */
export function storedContact({ crm }: User): Contact | undefined {
  return crm?.contactId ? { id: crm.contactId, tag_ids: crm.tagIds ?? [] } : undefined;
}
