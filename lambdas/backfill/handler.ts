import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { mapping } from '#mapping';
import { requestHandler } from '../../shared/aws/request-handler.ts';
import { budgetOf, budgetSettings } from '../../shared/quota/remaining-quota.ts';
import { BACKFILL_CALL_MS } from '../../shared/quota/retry-policy.ts';
import { filledText } from '../../shared/zod-types.ts';
import { openUsers } from './estimated-end.ts';
import { awsPorts } from './ports.ts';
import type { Report, Run, SkippedRun } from './run.ts';
import { advanceRun, continueRun, reportRun, type StepContext, startRun } from './steps.ts';
import '../../shared/zod-messages.ts';

const settings = z
  .object({
    USER_TABLE: filledText,
    SYNC_TABLE: filledText,
    SYNC_QUEUE_URL: z.url(),
    REQUESTS_PER_SECOND: z.coerce.number().check(z.positive()),
    TAG_BATCH: z.coerce.number().check(z.int(), z.positive()),
    IN_FLIGHT: z.coerce.number().check(z.int(), z.positive()),
    ...budgetSettings,
  })
  .parse(process.env);
const clients = {
  dynamodb: new DynamoDBClient({ requestHandler }),
  sqs: new SQSClient({ requestHandler }),
  sfn: new SFNClient({ requestHandler }),
};
const logger = new Logger();
const metrics = new Metrics();

/** A task of the state machine. Its input is the output of an earlier task, so it is not validated, apart from the input of `start`. */
type Task =
  | { step: 'start'; input: unknown; executionArn: string; stateMachineArn: string }
  | { step: 'enqueue' | 'continue' | 'report'; input: Run; executionArn: string; stateMachineArn: string };

/** Runs a step of the state machine in `infra/constructs/backfill.ts`. */
export const handler = middy<Task, Run | SkippedRun | Report>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler(async (task) => {
    const result = await runStep(task, {
      executionArn: task.executionArn,
      ports: awsPorts({
        ...clients,
        userTable: settings.USER_TABLE,
        syncTable: settings.SYNC_TABLE,
        queueUrl: settings.SYNC_QUEUE_URL,
        stateMachineArn: task.stateMachineArn,
        onFailure: (error) => logger.warn('Call ended early, the next one continues', { error }),
      }),
      options: {
        mapping,
        budget: budgetOf(settings),
        requestsPerSecond: settings.REQUESTS_PER_SECOND,
        tagBatch: settings.TAG_BATCH,
        inFlight: settings.IN_FLIGHT,
        callMs: BACKFILL_CALL_MS,
      },
    });
    if ('shareDone' in result) metrics.addMetric('BackfillDone', MetricUnit.Percent, 100 * result.shareDone);
    logger.info('Backfill step completed', { step: task.step, result: withoutUserLists(result) });
    return result;
  });

function runStep(task: Task, context: StepContext): Promise<Run | SkippedRun | Report> {
  switch (task.step) {
    case 'start':
      return startRun(task.input, context);
    case 'enqueue':
      return advanceRun(task.input, context);
    case 'continue':
      return continueRun(task.input, context);
    case 'report':
      return reportRun(task.input, context);
  }
}

/** The lists would make every log line long. */
function withoutUserLists(result: Run | SkippedRun | Report): object {
  if (!('ready' in result)) return result;
  const {
    ready: _,
    readyForTags: __,
    sent: ___,
    pendingTags: ____,
    tagJob: _____,
    tagEstimate: ______,
    ...rest
  } = result;
  return { ...rest, openUsers: openUsers(result) };
}
