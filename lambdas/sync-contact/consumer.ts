import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { claimIndex } from '../../shared/contacts/claim-index.ts';
import type { AffectedUser } from '../../shared/contacts/conflict.ts';
import { eraseContact, type ForgetPolicy, prove } from '../../shared/contacts/erase-contact.ts';
import { type DeletionPolicy, type Retirement, retireContact } from '../../shared/contacts/retire-contact.ts';
import { retireOrConfirmGone, retireUser } from '../../shared/contacts/retire-user.ts';
import { runTagJob, type TagJobDependencies } from '../../shared/contacts/tag-job.ts';
import { tagRequests } from '../../shared/contacts/tag-requests.ts';
import { type CatalogSource, catalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import { countRefusals } from '../../shared/infusionsoft/catalog/refusals.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { requestGate } from '../../shared/infusionsoft/http/request-gate.ts';
import { requestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { newEnvironment } from '../../shared/invocation.ts';
import { BATCH_SIZE } from '../../shared/quota/pace.ts';
import { type Budget, marginOf } from '../../shared/quota/remaining-quota.ts';
import { BusyError, updateVersioned } from '../../shared/quota/versioned-store.ts';
import type { ClaimStore } from '../../shared/store/claim-store.ts';
import type { ErasureRecordStore } from '../../shared/store/erasure-records.ts';
import type { PostponedStore } from '../../shared/store/postponed-store.ts';
import type { SyncTable } from '../../shared/store/sync-table.ts';
import type { UserTable } from '../../shared/store/user-table.ts';
import { userMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import type { FailureQueue } from './failure-queue.ts';
import { inspectAccount } from './inspect-account.ts';
import type { SyncMetrics } from './metrics.ts';
import type { ClientHooks } from './paced-client.ts';
import { type EventPorts, pollRunner } from './poll-runner.ts';
import { type ProcessBatchDependencies, processBatch } from './process-batch.ts';
import { type ProcessTaskDependencies, processTask } from './process-task.ts';
import { type ProcessUserDependencies, processUser } from './process-user.ts';
import { progressTracker } from './progress-tracker.ts';
import { quotaTracker } from './quota-tracker.ts';
import { userSync } from './user-sync.ts';

/** What sync-contact uses, and tests replace. */
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
  /** Left out: changes in the CRM make no events. */
  events?: EventPorts | undefined;
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
    currentUser: journal.user,
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
        if (problems.length > 0) logger.error('The mapping does not fit the account', { problems });
      },
      onLeftover: (problem, contactId) => logger.warn(problem, { contactId }),
      now,
    });
  const { deletionPolicy, forgetPolicy, tagBatch, maxConcurrentTagRequests: maxConcurrent } = settings;
  const index = claimIndex({ table, store: claimStore, users, mapping, invocation, now });
  const requeue: FailureQueue['requeue'] = (messages) => queue.requeue(messages);
  const notify = (affected: readonly AffectedUser[]) =>
    requeue(affected.map(({ userId, ...why }) => userMessage(userId, { ...why, changedAt: now() })));
  const lastWriteAt = async () => (await table.progress.read())?.value.writtenAt ?? 0;
  const sync = userSync({
    ...ports,
    client,
    catalog,
    deletionPolicy,
    areClaimsComplete: index.isComplete,
    lastWriteAt,
    notify,
    countRefusals: refusalCounter(ports),
    invocation,
  });
  const tagJobRequests = tagRequests(client, { batch: tagBatch, maxConcurrent });
  const retireDependencies = {
    client,
    catalogSource: catalog,
    claims: sync.claims,
    erasureRecords,
    notify,
    mapping,
    now,
  };
  const retire = (retirement: Retirement) =>
    retireOrConfirmGone(retirement, {
      table,
      retire: (each) => retireContact(each, retireDependencies),
      lastWriteAt,
      now,
    });
  const retireUserWith = (policy: DeletionPolicy): ProcessUserDependencies['retireUser'] => {
    const dependencies = { table, client, catalogSource: catalog, erasureRecords, mapping, now };
    return (userId, retirement, living) =>
      retireUser(userId, retirement, living, { ...dependencies, policy, forgetPolicy, retire });
  };
  const userDependencies: ProcessUserDependencies = {
    users,
    syncUser: sync.syncUser,
    retireUser: retireUserWith(deletionPolicy),
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
    eraseContact: (message, requestedAt) =>
      eraseContact(message, requestedAt, {
        users,
        erasureRecords,
        forgetPolicy,
        retirePending: (userId) => retireUserWith(forgetPolicy)(userId, undefined, undefined),
        prove: (contactId, userId) =>
          prove(contactId, userId, { claims: sync.claims, client, catalogSource: catalog, mapping }),
        retire,
        now,
      }),
    inspectAccount: (message) => inspectAccount(message, { client, catalogSource: catalog, table, now }),
    polls: ports.events && {
      ...ports.events,
      run: pollRunner(ports.events, {
        users,
        claimStore,
        erasureRecords,
        client,
        table,
        catalog,
        mapping,
        logger,
        invocation,
        now,
      }),
    },
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

/** Counts refused values for all environments. If many environments write at the same moment, some values are not counted. */
const refusalCounter =
  ({ table, logger, now }: Pick<ConsumerPorts, 'table' | 'logger' | 'now'>) =>
  async (fields: readonly string[]): Promise<void> => {
    try {
      await updateVersioned(table.refusals, (counts = {}) => countRefusals(counts, fields, now()));
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      logger.warn('Could not count refused values', { fields });
    }
  };
