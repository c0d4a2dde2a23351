import { type Claims, claims } from '../../shared/contacts/claims.ts';
import { type CompanyTable, companies } from '../../shared/contacts/companies.ts';
import type { AffectedUser } from '../../shared/contacts/conflict.ts';
import { type DeletionPolicy, leaveContact } from '../../shared/contacts/retire-contact.ts';
import {
  type SyncResult,
  type SyncUserDependencies,
  type SyncUserOptions,
  syncUser,
} from '../../shared/contacts/sync-user.ts';
import type { CatalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import type { Invocation } from '../../shared/invocation.ts';
import type { ClaimStore } from '../../shared/store/claim-store.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';

export interface UserSyncPorts {
  client: InfusionsoftClient;
  users: Pick<UserTable, 'read'>;
  claimStore: ClaimStore;
  table: CompanyTable;
  catalog: CatalogSource;
  mapping: Mapping;
  deletionPolicy: DeletionPolicy;
  /** Whether the claims of all users are recorded. */
  areClaimsComplete: () => boolean;
  /** When a sync of any user last ended with a change that the CRM accepted, in epoch milliseconds. */
  lastWriteAt: () => Promise<number>;
  /** Enqueues other users for a sync. */
  notify: (users: readonly AffectedUser[]) => Promise<void>;
  /** Counts fields whose values the CRM has refused. */
  countRefusals: (fields: readonly string[]) => Promise<void>;
  /** The running invocation. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface UserSync {
  claims: Claims;
  syncUser: (user: User, options: SyncUserOptions) => Promise<SyncResult>;
}

/** Wires the part of the consumer that syncs one user. A preview runs it alone, with ports that change nothing. */
export function userSync(ports: UserSyncPorts): UserSync {
  const { client, users, claimStore, table, catalog, mapping, deletionPolicy, invocation, now } = ports;
  const userClaims = claims({ store: claimStore, users, mapping, invocation, now });
  const knownCompanies = companies({ client, table, invocation, now });
  const dependencies: SyncUserDependencies = {
    client,
    catalogSource: catalog,
    claims: userClaims,
    companies: knownCompanies,
    leaveContact: (contactId, userId, current) =>
      leaveContact(contactId, userId, current, {
        client,
        companies: knownCompanies,
        claims: userClaims,
        notify: ports.notify,
        deletionPolicy,
        mapping,
        now,
      }),
    areClaimsComplete: ports.areClaimsComplete,
    lastWriteAt: ports.lastWriteAt,
    notify: ports.notify,
    countRefusals: ports.countRefusals,
    mapping,
    now,
  };
  return { claims: userClaims, syncUser: (user, options) => syncUser(user, options, dependencies) };
}
