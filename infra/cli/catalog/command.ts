import { writeFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { missingFrom, problemsOf } from '../../../shared/infusionsoft/catalog/account.ts';
import { refusalLines } from '../../../shared/infusionsoft/catalog/refusals.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { requirementsOf } from '../../../shared/user/requirements.ts';
import { createCommand } from '../create-command.ts';
import { UsageError } from '../support/command-error.ts';
import { connect } from '../support/connect.ts';
import { inspectAccount } from '../support/inspect-account.ts';
import { DEFAULT_MAPPING, loadMapping } from '../support/load-mapping.ts';
import { quotaSettingsFrom } from '../support/quota-report.ts';
import { catalogPage } from './page.ts';
import { catalogReport } from './report.ts';

const TIMEOUT_MS = 90_000;

export default createCommand({
  metadata: {
    description:
      'Checks the mapping of this working tree against the CRM account: ids, types, options, and what is missing. Exits with 1 when the mapping does not fit.',
    examples: [
      ['catalog', 'check the mapping of the stack'],
      ['catalog --create', 'create missing tags and fields'],
      ['catalog --write docs/catalog.md', 'write the reference page of fields and tags'],
    ],
  },
  target: 'system',
  options: {
    mapping: {
      value: 'file',
      description: 'another mapping, deployed or not (default: the one of the stack)',
    },
    create: { description: 'create what is missing' },
    write: { value: 'file', description: 'only write the reference page of fields and tags' },
  },
  async handler({ options, print }) {
    if (options.write !== undefined) {
      if (options.create) throw new UsageError('--write and --create cannot be used together.');
      const file = options.mapping ?? DEFAULT_MAPPING;
      writeFileSync(options.write, catalogPage(await loadMapping(file), file));
      print({ written: options.write }, () => `Written: ${options.write}\n`);
      return;
    }
    const outputs = await connect(options);
    const mapping = await loadMapping(options.mapping ?? outputs.get('Mapping'));
    const table = syncTable(new DynamoDBClient(), outputs.get('SyncTableName'));
    const { account, inspectedAt } = await inspectAccount(new SQSClient(), table, {
      queueUrl: outputs.get('QueueUrl'),
      command: outputs.command,
      requirements: requirementsOf(mapping),
      create: options.create,
      budget: quotaSettingsFrom(outputs.get('QuotaSettings')),
      timeoutMs: TIMEOUT_MS,
    });
    const catalog = await table.readCatalog();
    const problems = problemsOf(account);
    if (problems.length > 0) process.exitCode = 1;
    const { staff, ...rest } = account;
    const now = Date.now();
    const refusals = refusalLines((await table.refusals.read())?.value, now);
    const report = {
      ...rest,
      staff: staff && Object.keys(staff).length,
      arrays: catalog?.arrays ?? null,
      missing: missingFrom(account),
      problems,
      refusals,
      inspectedAt,
    };
    print(report, () => catalogReport(account, catalog, refusals, now));
  },
});
