import { userSync } from '../../../lambdas/sync-contact/user-sync.ts';
import type { DeletionPolicy } from '../../../shared/contacts/retire-contact.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { newEnvironment } from '../../../shared/invocation.ts';
import type { DesiredState } from '../../../shared/sync/desired-state.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
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
  /** Why the sync would be tried again later, if it would: as after a create without an answer, which the CRM may not show yet. */
  postponed?: string;
}

/**
 * Runs the consumer's own sync of a user with a client that makes no request and stores that keep nothing.
 *
 * @param contact the user's contact in the CRM, or undefined when there is none.
 */
export async function previewUser(
  user: User,
  contact: Contact | undefined,
  { mapping, catalog, deletionPolicy, now }: PreviewContext,
): Promise<UserPreview> {
  const requests: PlannedRequest[] = [];
  const environment = newEnvironment();
  const { syncUser } = userSync({
    client: dryClient({ contact, formerContactIds: user.crm?.formerContactIds ?? [] }, requests),
    users: { read: async () => undefined },
    // Every claim succeeds: a preview does not know of other users.
    claimStore: {
      write: async () => ({ stored: true }),
      read: async () => undefined,
      readMany: async () => new Map(),
    },
    // Every company is known, as nearly all are after the first users.
    table: {
      readCompanyId: async () => 1,
      writeCompanyId: async () => {},
      writeOwnCompany: async () => {},
      acquireLease: async () => true,
      releaseLease: async () => {},
    },
    catalog: {
      current: async () => catalog,
      latest: async () => catalog,
      newerThan: async () => catalog,
      withProvinces: async () => catalog,
      exclusively: (work) => work(),
      adopt: async (account) => account,
    },
    mapping,
    deletionPolicy,
    areClaimsComplete: () => true,
    lastWriteAt: async () => 0,
    notify: async () => {},
    countRefusals: async () => {},
    invocation: () => environment,
    now: () => now,
  });
  const { desired, failure } = await syncUser(user, {
    save: async (crm) => crm,
    tagsLater: false,
    changedAt: now,
  });
  if (failure instanceof RejectedError) return { desired, requests, rejected: failure.reason };
  if (failure instanceof RetryableError) return { desired, requests, postponed: failure.message };
  if (failure) throw failure;
  return { desired, requests };
}

/** The user's contact by the sync's own records, for a preview without requests. */
export function storedContact({ crm }: User): Contact | undefined {
  return crm?.contactId ? { id: crm.contactId, tag_ids: crm.tagIds ?? [] } : undefined;
}
