import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { countMessages } from '../../shared/queue/count-messages.ts';
import { budgetOf, budgetSettings } from '../../shared/quota/remaining-quota.ts';
import { eventStore } from '../../shared/store/event-store.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { filledText } from '../../shared/zod-types.ts';
import { changeFeedProblem } from './change-feed.ts';
import { checkHealth, type HealthReport } from './check-health.ts';
import '../../shared/zod-messages.ts';

const settings = z
  .object({
    USER_TABLE: filledText,
    /** UUID of the event source mapping of diff-user. */
    CHANGE_FEED_MAPPING_ID: filledText,
    SYNC_TABLE: filledText,
    SYNC_QUEUE_URL: z.url(),
    /** Names of the polls of changes in the CRM, separated by commas. Unset: changes make no events. */
    EVENT_POLLS: z.optional(filledText),
    /** Names of the polls that read the whole list of a resource, separated by commas. Unset: there are none. */
    EVENT_LISTINGS: z.optional(filledText),
    ...budgetSettings,
  })
  .parse(process.env);
const dynamodb = new DynamoDBClient({ requestHandler });
const table = syncTable(dynamodb, settings.SYNC_TABLE);
const events =
  settings.EVENT_POLLS === undefined
    ? undefined
    : {
        store: eventStore(dynamodb, settings.SYNC_TABLE),
        polls: settings.EVENT_POLLS.split(','),
        listings: settings.EVENT_LISTINGS?.split(',') ?? [],
      };
const changeFeed = { mappingId: settings.CHANGE_FEED_MAPPING_ID, userTable: settings.USER_TABLE };
const lambda = new LambdaClient({ requestHandler });
const sqs = new SQSClient({ requestHandler });
const logger = new Logger();
const metrics = new Metrics();

type Gauge = keyof HealthReport['gauges'];

const UNITS = {
  NothingSucceeds: MetricUnit.Count,
  ChangeFeedStopped: MetricUnit.Count,
  OldestChangeAge: MetricUnit.Seconds,
  StuckUsers: MetricUnit.Count,
  Paused: MetricUnit.Count,
  QuotaDayUsed: MetricUnit.Percent,
  QuotaMonthUsed: MetricUnit.Percent,
  CatalogProblems: MetricUnit.Count,
  EventLag: MetricUnit.Seconds,
} satisfies Record<Gauge, string>;

/**
 * Measures every five minutes whether changes reach diff-user, and from there the CRM. Runs on a schedule, so it does not depend on a
 * working consumer.
 */
export const handler = middy<unknown, void>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(async () => {
    const {
      gauges,
      health,
      changeFeedProblem: problem,
    } = await checkHealth({
      countMessages: () => countMessages(sqs, settings.SYNC_QUEUE_URL),
      table,
      events,
      changeFeedProblem: () => changeFeedProblem({ lambda, dynamodb }, changeFeed),
      budget: budgetOf(settings),
      now: Date.now,
    });
    for (const name of Object.keys(UNITS) as Gauge[]) {
      const value = gauges[name];
      if (value !== undefined) metrics.addMetric(name, UNITS[name], value);
    }
    if (problem !== undefined) logger.warn('The change feed is stopped', { problem });
    if (health.stuck.length > 0) logger.warn('Users are stuck', { groups: health.stuck });
  });
