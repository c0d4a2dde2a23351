import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { claimIndex } from '../../shared/contacts/claim-index.ts';
import { type Claims, claims } from '../../shared/contacts/claims.ts';
import { type CompanyTable, companies } from '../../shared/contacts/companies.ts';
import {
  type DeletionPolicy,
  eraseContact,
  type ForgetPolicy,
  isProven,
  leaveContact,
  type Retirement,
  retireContact,
} from '../../shared/contacts/retire-contact.ts';
import { retireOrConfirmGone, retireUser } from '../../shared/contacts/retire-user.ts';
import {
  type SyncResult,
  type SyncUserDependencies,
  type SyncUserOptions,
  syncUser,
} from '../../shared/contacts/sync-user.ts';
import { runTagJob, type TagJobDependencies } from '../../shared/contacts/tag-job.ts';
import { tagRequests } from '../../shared/contacts/tag-requests.ts';
import type { Credentials } from '../../shared/infusionsoft/auth/credentials.ts';
import { type CatalogSource, catalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import { type InfusionsoftClient, infusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { circuitBreaker } from '../../shared/infusionsoft/http/circuit-breaker.ts';
import { type PacedFetchOptions, pacedFetch } from '../../shared/infusionsoft/http/paced-fetch.ts';
import { requestGate } from '../../shared/infusionsoft/http/request-gate.ts';
import { requestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { type Invocation, newEnvironment } from '../../shared/invocation.ts';
import { BATCH_SIZE } from '../../shared/quota/pace.ts';
import type { RateLimiter } from '../../shared/quota/rate-limiter.ts';
import { type Budget, marginOf } from '../../shared/quota/remaining-quota.ts';
import type { ClaimStore } from '../../shared/store/claim-store.ts';
import type { ErasureRecordStore } from '../../shared/store/erasure-records.ts';
import type { PostponedStore } from '../../shared/store/postponed-store.ts';
import type { SyncTable } from '../../shared/store/sync-table.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import { userMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { FailureQueue } from './failure-queue.ts';
import { inspectAccount } from './inspect-account.ts';
import type { SyncMetrics } from './metrics.ts';
import { type ProcessBatchDependencies, processBatch } from './process-batch.ts';
import { type ProcessTaskDependencies, processTask } from './process-task.ts';
import { type ProcessUserDependencies, processUser } from './process-user.ts';
import { progressTracker } from './progress-tracker.ts';
import { type QuotaTracker, quotaTracker } from './quota-tracker.ts';

/** What the consumer provides to its CRM client. */
export type ClientHooks = Pick<PacedFetchOptions, 'gate' | 'deadline' | 'onRequest'> &
  Pick<QuotaTracker, 'limit'>;

/** The outside world of sync-contact. */
export interface ConsumerPorts {
  /** Connects to the CRM. In the function, with {@link pacedClient}. */
  connect: (hooks: ClientHooks) => InfusionsoftClient;
  users: UserTable;
  table: SyncTable;
  claimStore: ClaimStore;
  erasureRecords: Pick<ErasureRecordStore, 'read' | 'write'>;
  postponed: Pick<PostponedStore, 'record' | 'clear'>;
  queue: FailureQueue;
  metrics: Omit<SyncMetrics, 'recordTokenAge'>;
  logger: Logger;
  mapping: Mapping;
  settings: ConsumerSettings;
  /** Epoch milliseconds. */
  now: () => number;
  /** Left out: read from the CRM and shared through the sync table. */
  catalog?: CatalogSource;
}

interface ConsumerSettings {
  budget: Budget;
  /** Most contacts that one request can tag. */
  tagBatch: number;
  /** Most requests of a tag job at the same time. */
  maxConcurrentTagRequests: number;
  deletionPolicy: DeletionPolicy;
  forgetPolicy: ForgetPolicy;
}

export interface Consumer {
  /**
   * Handles a batch of the queue.
   *
   * @param endsAt when the invocation ends, in epoch milliseconds.
   * @returns the messages that stay in the queue.
   */
  processBatch(records: readonly SQSRecord[], endsAt: number): Promise<SQSBatchResponse>;
}

/**
 * Wires the parts of sync-contact. Create one consumer for each environment and keep it across invocations: it remembers the quota, the
 * state of the CRM and the catalog.
 */
export function createConsumer(ports: ConsumerPorts): Consumer {
  const {
    users,
    table,
    claimStore,
    erasureRecords,
    postponed,
    queue,
    metrics,
    logger,
    mapping,
    settings,
    now,
  } = ports;
  let running = newEnvironment();
  const invocation = () => running;
  const gate = requestGate(marginOf(settings.budget.limits));
  const quota = quotaTracker({
    store: table.ledger,
    gate,
    budget: settings.budget,
    block: BATCH_SIZE,
    logger,
    now,
  });
  const journal = requestJournal();
  const client = ports.connect({
    gate,
    limit: quota.limit,
    deadline: () => running.endsAt,
    onRequest(request) {
      journal.record(request);
      metrics.recordRequest(request);
    },
  });
  const catalog =
    ports.catalog ??
    catalogSource({
      table,
      client,
      mapping,
      invocation,
      onRefresh({ problems }) {
        if (problems.length > 0) logger.error('The mapping does not match the account', { problems });
      },
      onLeftover: (problem, contactId) => logger.warn(problem, { contactId }),
      now,
    });
  const { deletionPolicy, forgetPolicy, tagBatch, maxConcurrentTagRequests: maxConcurrent } = settings;
  const index = claimIndex({ table, store: claimStore, users, mapping, invocation, now });
  const sync = userSync({
    ...ports,
    client,
    catalog,
    deletionPolicy,
    areClaimsComplete: index.isComplete,
    invocation,
  });
  const tagJobRequests = tagRequests(client, { batch: tagBatch, maxConcurrent });
  const requeue: FailureQueue['requeue'] = (messages) => queue.requeue(messages);
  const retireDependencies = {
    client,
    catalogSource: catalog,
    claims: sync.claims,
    erasureRecords,
    onFound: (userId: string, contactId: number) =>
      queue.requeue([userMessage(userId, { cause: 'resync', contactId, changedAt: now() })]),
    mapping,
    now,
  };
  const retire = (retirement: Retirement) =>
    retireOrConfirmGone(retirement, {
      table,
      retire: (each) => retireContact(each, retireDependencies),
      now,
    });
  const retireUserWith = (policy: DeletionPolicy): ProcessUserDependencies['retireUser'] => {
    const dependencies = { table, client, catalogSource: catalog, erasureRecords, mapping, now };
    return (userId, departure, living) =>
      retireUser(userId, departure, living, { ...dependencies, policy, forgetPolicy, retire });
  };
  const userDependencies: ProcessUserDependencies = {
    users,
    syncUser: sync.syncUser,
    retireUser: retireUserWith(deletionPolicy),
    requeue,
    metrics,
    invocation,
    now,
  };
  const tagJobDependencies: TagJobDependencies = {
    users,
    claims: sync.claims,
    catalogSource: catalog,
    tagRequests: tagJobRequests,
    journal,
    requeue,
    tagBatch,
    mapping,
    invocation,
    now,
  };
  const taskDependencies: ProcessTaskDependencies = {
    processUser: (messages) => processUser(messages, userDependencies),
    runTagJob: (message, onTagged) => runTagJob(message, tagJobDependencies, onTagged),
    eraseContact: (message) =>
      eraseContact(message, {
        users,
        erasureRecords,
        forgetPolicy,
        retirePending: (userId) => retireUserWith(forgetPolicy)(userId, undefined, undefined),
        isProven: (contactId, userId) =>
          isProven(contactId, userId, { claims: sync.claims, client, catalogSource: catalog, mapping }),
        retire,
        now,
      }),
    inspectAccount: (message) => inspectAccount(message, { client, catalogSource: catalog, table, now }),
    journal,
    metrics,
    logger,
    now,
  };
  const batchDependencies: ProcessBatchDependencies = {
    processTask: (task) => processTask(task, taskDependencies),
    quota,
    progress: progressTracker({ store: table.progress, logger, now }),
    queue,
    postponed,
    journal,
    metrics,
    logger,
    now,
  };
  return {
    async processBatch(records, endsAt) {
      running = { ...running, number: running.number + 1, endsAt };
      await index.refresh().catch((error: unknown) => {
        // Without the index, contacts are looked up before they are created.
        logger.warn('Could not record claims, retrying with the next batch', {
          error: error instanceof Error ? error.name : typeof error,
        });
      });
      return processBatch(records, batchDependencies);
    },
  };
}

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
        deletionPolicy,
        mapping,
        now,
      }),
    areClaimsComplete: ports.areClaimsComplete,
    mapping,
    now,
  };
  return { claims: userClaims, syncUser: (user, options) => syncUser(user, options, dependencies) };
}

export interface PacedClientOptions {
  /** Origin of the API. */
  url: string;
  credentials: Credentials;
  rateLimiter: RateLimiter;
}

/** A client that waits for a request slot, stops while the quota is spent and backs off while the CRM is down. */
export const pacedClient =
  ({ url, credentials, rateLimiter }: PacedClientOptions) =>
  (hooks: ClientHooks): InfusionsoftClient =>
    infusionsoftClient({
      url,
      fetch: pacedFetch({
        ...hooks,
        rateLimiter: hooks.limit(rateLimiter),
        credentials,
        breaker: circuitBreaker(),
      }),
    });
