import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { mapping } from '#mapping';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { secretCredentials } from '../../shared/infusionsoft/auth/credentials.ts';
import { eventBridgePublisher } from '../../shared/polls/event-publisher.ts';
import { sendPoll } from '../../shared/polls/send-poll.ts';
import { rateLimiter } from '../../shared/quota/rate-limiter.ts';
import { budgetOf } from '../../shared/quota/remaining-quota.ts';
import { claimStore } from '../../shared/store/claim-store.ts';
import { erasureRecordStore } from '../../shared/store/erasure-records.ts';
import { eventStore } from '../../shared/store/event-store.ts';
import { postponedStore } from '../../shared/store/postponed-store.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { userTable } from '../../shared/store/user-table.ts';
import { createConsumer } from './consumer.ts';
import { failureQueue } from './failure-queue.ts';
import { cloudWatchMetrics } from './metrics.ts';
import { pacedClient } from './paced-client.ts';
import { readSettings } from './settings.ts';

const settings = readSettings(process.env);
const logger = new Logger();
const metrics = new Metrics();
const syncMetrics = cloudWatchMetrics(metrics);
const dynamodb = new DynamoDBClient({ requestHandler });
const sqs = new SQSClient({ requestHandler });
const table = syncTable(dynamodb, settings.SYNC_TABLE);

const consumer = createConsumer({
  connect: pacedClient({
    url: settings.CRM_URL,
    credentials: secretCredentials(settings.CRM_SECRET_ID, { onTokenAge: syncMetrics.recordTokenAge }),
    rateLimiter: rateLimiter({ schedule: settings.SLOT_SCHEDULE, store: table.slots }),
  }),
  users: userTable(dynamodb, settings.USER_TABLE),
  table,
  claimStore: claimStore(dynamodb, settings.SYNC_TABLE),
  erasureRecords: erasureRecordStore(dynamodb, settings.SYNC_TABLE),
  postponed: postponedStore(dynamodb, settings.SYNC_TABLE),
  queue: failureQueue({
    queueUrl: settings.SYNC_QUEUE_URL,
    deadLetterQueueUrl: settings.DEAD_LETTER_QUEUE_URL,
  }),
  metrics: syncMetrics,
  logger,
  mapping,
  settings: {
    budget: budgetOf(settings),
    tagBatch: settings.TAG_BATCH,
    maxConcurrentTagRequests: settings.SLOT_SCHEDULE.burst,
    deletionPolicy: settings.DELETION_POLICY,
    forgetPolicy: settings.FORGET_POLICY,
  },
  events: settings.EVENT_BUS
    ? {
        store: eventStore(dynamodb, settings.SYNC_TABLE),
        publisher: eventBridgePublisher(new EventBridgeClient({ requestHandler }), settings.EVENT_BUS),
        source: settings.EVENT_SOURCE ?? '',
        continuePoll: (message) => sendPoll(sqs, settings.SYNC_QUEUE_URL, message),
        resources: settings.EVENT_RESOURCES,
        startAt: settings.EVENT_START === undefined ? undefined : Date.parse(settings.EVENT_START),
      }
    : undefined,
  now: Date.now,
});

/** Makes the CRM match the users that a batch of messages names. Apart from commands, only this function calls the CRM's API. */
export const handler = middy<SQSEvent, SQSBatchResponse>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(({ Records }, context) =>
    consumer.processBatch(Records, Date.now() + context.getRemainingTimeInMillis()),
  );
