import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Ledger, ledgerAt, type Pause, resume } from '../../shared/quota/ledger.ts';
import { MESSAGE_RETENTION_MS } from '../../shared/quota/retry-policy.ts';
import { updateVersioned } from '../../shared/quota/versioned-store.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { createCommand } from './create-command.ts';
import { awsClock } from './support/aws-clock.ts';
import { UsageError } from './support/command-error.ts';
import { connect } from './support/connect.ts';
import { positiveNumber } from './support/option-parsers.ts';
import { describeQuota, quotaSettingsFrom, quotaTable } from './support/quota-report.ts';

const MINUTE_MS = 60_000;

export default createCommand({
  metadata: {
    description:
      "Shows the remaining quota of the CRM's API, as the sync has recorded it. Pauses and resumes all requests.",
    examples: [
      ['quota', 'used, remaining, reserved, and when each window resets'],
      ['quota --pause 60', 'stop all requests for an hour; messages wait in the queue'],
      ['quota --resume', 'lift the pause'],
    ],
  },
  target: 'system',
  options: {
    pause: {
      value: 'minutes',
      description: 'make no requests for this long; messages wait in the queue',
      // Messages stay in the queue for 14 days.
      parse: positiveNumber(MESSAGE_RETENTION_MS / MINUTE_MS),
    },
    resume: {
      description:
        'lift a pause and forget what the CRM reported; postponed users are retried within the hour',
    },
  },
  async handler({ options, print }) {
    if (options.pause !== undefined && options.resume)
      throw new UsageError('--pause and --resume cannot be used together.');
    const outputs = await connect(options);
    const budget = quotaSettingsFrom(outputs.get('QuotaSettings'));
    const { ledger, now } = await changePause(new DynamoDBClient(), outputs.get('SyncTableName'), options);
    const quota = describeQuota(ledger, budget, now);
    print(quota, () => quotaTable(quota, now));
  },
});

/**
 * Pauses all requests (a longer pause stays), lifts a pause, or changes nothing.
 *
 * @returns the ledger afterwards, and the time by the clock of AWS in epoch milliseconds.
 */
export async function changePause(
  dynamodb: DynamoDBClient,
  tableName: string,
  { pause: minutes, resume: lifts }: { pause?: number | undefined; resume?: boolean | undefined },
): Promise<{ ledger: Ledger | undefined; now: number }> {
  const { ledger } = syncTable(dynamodb, tableName);
  const before = (await ledger.read())?.value;
  const now = awsClock(dynamodb)();
  if (minutes !== undefined) {
    const pause: Pause = { reason: 'operator', since: now, until: now + minutes * MINUTE_MS };
    await updateVersioned(ledger, (current) => {
      const known = ledgerAt(current, now);
      return known.pause && known.pause.until > pause.until ? known : { ...known, pause };
    });
  } else if (lifts) {
    await updateVersioned(ledger, (current) => resume(current, now));
  } else {
    return { ledger: before, now };
  }
  return { ledger: (await ledger.read())?.value, now };
}
