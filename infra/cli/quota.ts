import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ledgerAt, resume } from '../../shared/quota/ledger.ts';
import { updateVersioned } from '../../shared/quota/versioned-store.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { createCommand } from './create-command.ts';
import { UsageError } from './support/command-error.ts';
import { connect } from './support/connect.ts';
import { positiveNumber } from './support/option-parsers.ts';
import { describeQuota, quotaSettingsFrom, quotaTable } from './support/quota-report.ts';

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
      parse: positiveNumber,
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
    const table = syncTable(new DynamoDBClient(), outputs.get('SyncTableName'));
    const now = Date.now();
    if (options.pause !== undefined) {
      const pause = { reason: 'operator', since: now, until: now + options.pause * 60_000 } as const;
      await updateVersioned(table.ledger, (ledger) => ({ ...ledgerAt(ledger, now), pause }));
    } else if (options.resume) {
      await updateVersioned(table.ledger, (ledger) => resume(ledger, now));
    }
    const quota = describeQuota((await table.ledger.read())?.value, budget, now);
    print(quota, () => quotaTable(quota, now));
  },
});
