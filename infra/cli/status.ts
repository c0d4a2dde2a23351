/** `npm run status`: whether it is in sync, how late, how much quota, what is failing. */
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Command } from 'commander';
import { checkHealth } from '../../lambdas/check-health/check-health.ts';
import { countMessages } from '../../shared/queue/count-messages.ts';
import { rateOf } from '../../shared/quota/limits.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { connect } from './connect.ts';
import { describeQuota, quotaSettingsFrom } from './quota-report.ts';
import { runCommand } from './run-command.ts';
import { backfillStatuses } from './status/backfill-status.ts';
import { cloudWatchFigures } from './status/cloudwatch-figures.ts';
import { credentialsStatus } from './status/credentials-status.ts';
import { localFigures } from './status/local-figures.ts';
import { complaintsOf, type Status, statusText } from './status/status-text.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

const HOUR_SECONDS = 3600;

const options = withTarget(
  new Command('npm run status --').description(
    'Shows on one screen whether it is in sync, how late, how much quota is used, and what is failing. Ends with 1 if something needs a person.',
  ),
)
  .parse()
  .opts<TargetOptions>();

await runCommand(async () => {
  const outputs = await connect(options);
  const now = Date.now();
  const budget = quotaSettingsFrom(outputs.get('QuotaSettings'));
  const sqs = new SQSClient();
  const table = syncTable(new DynamoDBClient(), outputs.get('SyncTableName'));
  const figures = outputs.logFile
    ? localFigures(outputs.logFile, now - HOUR_SECONDS * 1000)
    : cloudWatchFigures(
        new CloudWatchClient(),
        {
          stack: options.stack,
          queueName: outputs.get('QueueUrl').split('/').at(-1) ?? '',
          diffUserName: outputs.get('DiffUserFunctionName'),
        },
        HOUR_SECONDS,
        now,
      );
  const [queue, deadLetters, streamFailures, catalog, ledger, { health }, credentials, backfills] =
    await Promise.all([
      countMessages(sqs, outputs.get('QueueUrl')),
      countMessages(sqs, outputs.get('DeadLetterQueueUrl')),
      countMessages(sqs, outputs.get('StreamFailureQueueUrl')),
      table.readCatalog(),
      table.ledger.read(),
      checkHealth({
        countMessages: () => countMessages(sqs, outputs.get('QueueUrl')),
        table,
        budget,
        now: () => now,
      }),
      credentialsStatus(new SecretsManagerClient(), outputs.get('SecretArn')),
      backfillStatuses(new SFNClient(), outputs.get('BackfillStateMachineArn')),
    ]);
  const status: Status = {
    at: new Date(now).toISOString(),
    figures: await figures,
    requestsASecond: rateOf(budget.limits),
    queue,
    deadLetters: deadLetters.visible,
    streamFailures: streamFailures.visible,
    health,
    quota: describeQuota(ledger?.value, budget, now),
    catalog: catalog ? { refreshedAt: catalog.refreshedAt, problems: catalog.problems } : null,
    credentials,
    backfills,
  };
  const complaints = complaintsOf(status);
  if (complaints.length > 0) process.exitCode = 1;
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...status, complaints })}\n` : statusText(status, now),
  );
});
