/** `npm run quota`: how much of the CRM's quota is used and left, and whether the sync is paused. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Command, InvalidArgumentError } from 'commander';
import { ledgerAt } from '../../shared/quota/ledger.ts';
import { updateVersioned } from '../../shared/quota/versioned-store.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { connect } from './connect.ts';
import { describeQuota, quotaSettingsFrom, quotaTable } from './quota-report.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

function minutes(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number of minutes.');
  return value;
}

const options = withTarget(
  new Command('npm run quota --')
    .description("Shows the CRM's quota as the sync has recorded it: used, left, reserve, pause, resets.")
    .option('--pause <minutes>', 'make no requests for so many minutes; messages wait in the queue', minutes)
    .option('--resume', 'lift a pause; users who wait come back within the hour'),
)
  .parse()
  .opts<TargetOptions & { pause?: number; resume?: true }>();

await runCommand(async () => {
  const outputs = await connect(options);
  const budget = quotaSettingsFrom(outputs.get('QuotaSettings'));
  const table = syncTable(new DynamoDBClient(), outputs.get('SyncTableName'));
  const now = Date.now();
  if (options.pause !== undefined) {
    const pause = { reason: 'operator', since: now, until: now + options.pause * 60_000 } as const;
    await updateVersioned(table.ledger, (ledger) => ({ ...ledgerAt(ledger, now), pause }));
  } else if (options.resume) {
    await updateVersioned(table.ledger, (ledger) => ({ ...ledgerAt(ledger, now), pause: null }));
  }
  const quota = describeQuota((await table.ledger.read())?.value, budget, now);
  process.stdout.write(options.json ? `${JSON.stringify(quota)}\n` : quotaTable(quota, now));
});
