import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { checkHealth, maxEventLag } from '../../../lambdas/check-health/check-health.ts';
import { polledLists } from '../../../shared/polls/polled-lists.ts';
import { countMessages } from '../../../shared/queue/count-messages.ts';
import { rateOf } from '../../../shared/quota/limits.ts';
import { eventStore } from '../../../shared/store/event-store.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { createCommand } from '../create-command.ts';
import { pollSettingsSchema } from '../events/requests-a-day.ts';
import { changeFeedProblemOf } from '../support/change-feed.ts';
import { connect } from '../support/connect.ts';
import { credentialsStatus } from '../support/credentials-status.ts';
import { describeQuota, quotaSettingsFrom } from '../support/quota-report.ts';
import { backfillStatuses } from './backfill-status.ts';
import { cloudWatchMetrics, localMetrics } from './metrics.ts';
import { problemsOf, type Status, statusText } from './report.ts';

const HOUR_SECONDS = 3600;

export default createCommand({
  metadata: {
    description:
      'Shows lag, backlog, quota, failures and backfills on one screen. Exits with 1 when something needs a person.',
    examples: [
      ['status', 'the stack user-sync'],
      ['status --stack user-sync-sandbox --json', 'another stack, as JSON for a script'],
    ],
  },
  target: 'system',
  options: {},
  async handler({ options, print }) {
    const outputs = await connect(options);
    const now = Date.now();
    const budget = quotaSettingsFrom(outputs.get('QuotaSettings'));
    const sqs = new SQSClient();
    const countOf = (output: string) => countMessages(sqs, outputs.get(output));
    const dynamodb = new DynamoDBClient();
    const table = syncTable(dynamodb, outputs.get('SyncTableName'));
    const eventSettings = outputs.get('EventSettings');
    const polls = eventSettings === 'off' ? undefined : pollSettingsSchema.parse(JSON.parse(eventSettings));
    const hasCallback = outputs.get('CallbackQueueUrl') !== 'off';
    const sources = {
      stack: options.stack,
      queueName: outputs.get('QueueUrl').split('/').at(-1) ?? '',
      diffUserName: outputs.get('DiffUserFunctionName'),
    };
    const [
      metrics,
      queue,
      deadLetters,
      streamFailures,
      refusedEvents,
      catalog,
      ledger,
      checked,
      credentials,
      backfills,
    ] = await Promise.all([
      outputs.logFile
        ? localMetrics(outputs.logFile, now - HOUR_SECONDS * 1000)
        : cloudWatchMetrics(new CloudWatchClient(), sources, HOUR_SECONDS, now),
      countOf('QueueUrl'),
      countOf('DeadLetterQueueUrl'),
      countOf('StreamFailureQueueUrl'),
      hasCallback ? countOf('CallbackDeadLetterQueueUrl') : undefined,
      table.readCatalog(),
      table.ledger.read(),
      checkHealth({
        countMessages: () => countOf('QueueUrl'),
        table,
        events: polls && {
          store: eventStore(dynamodb, outputs.get('SyncTableName')),
          ...polledLists(polls.resources),
        },
        changeFeedProblem: () => changeFeedProblemOf(outputs),
        budget,
        now: () => now,
      }),
      credentialsStatus(new SecretsManagerClient(), outputs.get('SecretArn')),
      backfillStatuses(new SFNClient(), outputs.get('BackfillStateMachineArn')),
    ]);
    const status: Status = {
      at: new Date(now).toISOString(),
      metrics,
      requestsPerSecond: rateOf(budget.limits),
      queue,
      deadLetters: deadLetters.visible,
      streamFailures: streamFailures.visible,
      events: polls
        ? {
            lagSeconds: checked.gauges.EventLag ?? null,
            maxLagSeconds: maxEventLag(polls.intervalMinutes),
            refused: refusedEvents?.visible ?? 0,
          }
        : null,
      health: checked.health,
      changeFeedProblem: checked.changeFeedProblem ?? null,
      quota: describeQuota(ledger?.value, budget, now),
      catalog: catalog ? { refreshedAt: catalog.refreshedAt, problems: catalog.problems } : null,
      credentials,
      backfills,
    };
    const problems = problemsOf(status, outputs.command);
    if (problems.length > 0) process.exitCode = 1;
    print({ ...status, problems }, () => statusText(status, problems, now));
  },
});
