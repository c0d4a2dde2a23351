import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { mapping } from '#mapping';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { claims } from '../../shared/contacts/claims.ts';
import { companies } from '../../shared/contacts/companies.ts';
import { tagRequests } from '../../shared/contacts/tag-requests.ts';
import { secretCredentials } from '../../shared/infusionsoft/auth/credentials.ts';
import { catalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import { infusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { circuitBreaker } from '../../shared/infusionsoft/http/circuit-breaker.ts';
import { pacedFetch } from '../../shared/infusionsoft/http/paced-fetch.ts';
import { requestGate } from '../../shared/infusionsoft/http/request-gate.ts';
import { requestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { newEnvironment } from '../../shared/invocation.ts';
import { rateLimiter } from '../../shared/quota/rate-limiter.ts';
import { budgetOf, marginOf } from '../../shared/quota/remaining-quota.ts';
import { claimStore } from '../../shared/store/claim-store.ts';
import { erasureRecordStore } from '../../shared/store/erasure-records.ts';
import { postponedStore } from '../../shared/store/postponed-store.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { userTable } from '../../shared/store/user-table.ts';
import { failureQueue } from './failure-queue.ts';
import { processBatch } from './process-batch.ts';
import { progressKeeper } from './progress-keeper.ts';
import { quotaKeeper } from './quota-keeper.ts';
import { readSettings } from './settings.ts';

const settings = readSettings(process.env);
const logger = new Logger();
const metrics = new Metrics();
const dynamodb = new DynamoDBClient({ requestHandler });

let running = newEnvironment();
const invocation = () => running;

// Made once for each environment: what it knows of the quota has to stay across invocations, and so may the catalog.
const budget = budgetOf(settings);
const gate = requestGate(marginOf(budget.limits));
const journal = requestJournal();
const users = userTable(dynamodb, settings.USER_TABLE);
const store = syncTable(dynamodb, settings.SYNC_TABLE);
const client = infusionsoftClient({
  url: settings.CRM_URL,
  fetch: pacedFetch({
    rateLimiter: rateLimiter({ schedule: settings.SLOT_SCHEDULE, store: store.slots }),
    credentials: secretCredentials(settings.CRM_SECRET_ID, {
      onTokenAge: (ms) => metrics.addMetric('TokenAge', MetricUnit.Seconds, ms / 1000),
    }),
    gate,
    breaker: circuitBreaker(),
    deadline: () => running.endsAt,
    onRequest(request) {
      const { status, durationMs } = request;
      journal.record(request);
      metrics.addMetric('CrmRequests', MetricUnit.Count, 1);
      metrics.addMetric('CrmLatency', MetricUnit.Milliseconds, durationMs);
      if (status === 429) metrics.addMetric('CrmThrottles', MetricUnit.Count, 1);
    },
  }),
});
const environment = { table: store, client, invocation, now: Date.now };
const dependencies = {
  client,
  table: store,
  catalog: catalogSource({
    ...environment,
    mapping,
    onRefresh({ problems }) {
      if (problems.length > 0) logger.error('The mapping does not fit the account', { problems });
    },
    onLeftover: (problem, contactId) => logger.warn(problem, { contactId }),
  }),
  companies: companies(environment),
  users,
  claims: claims({
    store: claimStore(dynamodb, settings.SYNC_TABLE),
    users,
    mapping,
    invocation,
    now: Date.now,
  }),
  queue: failureQueue({
    queueUrl: settings.SYNC_QUEUE_URL,
    deadLetterQueueUrl: settings.DEAD_LETTER_QUEUE_URL,
  }),
  postponed: postponedStore(dynamodb, settings.SYNC_TABLE),
  quota: quotaKeeper({
    store: store.ledger,
    gate,
    budget,
    logger,
    now: Date.now,
  }),
  progress: progressKeeper({ store: store.progress, logger, now: Date.now }),
  mapping,
  tags: tagRequests(client, {
    batch: settings.TAG_BATCH,
    atOnce: settings.SLOT_SCHEDULE.burst,
  }),
  tagBatch: settings.TAG_BATCH,
  erasureRecords: erasureRecordStore(dynamodb, settings.SYNC_TABLE),
  deletionPolicy: settings.DELETION_POLICY,
  forgetPolicy: settings.FORGET_POLICY,
  journal,
  logger,
  invocation,
  now: Date.now,
};

/**
 * Makes the CRM match the users that a batch of the queue names, at the pace that all environments keep together. The only
 * caller of the CRM's API, apart from a person's commands.
 */
export const handler = middy<SQSEvent, SQSBatchResponse>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(({ Records }, context) => {
    running = {
      ...running,
      number: running.number + 1,
      endsAt: Date.now() + context.getRemainingTimeInMillis(),
    };
    return processBatch(Records, {
      ...dependencies,
      lag: (ms) => metrics.addMetric('SyncLag', MetricUnit.Milliseconds, ms),
      count: (outcome) => metrics.addMetric(`Users.${outcome}`, MetricUnit.Count, 1),
      did: (change) => metrics.addMetric(`Users.${change}`, MetricUnit.Count, 1),
    });
  });
