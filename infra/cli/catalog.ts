/** `npm run catalog`: what the CRM's account has of that which the mapping asks for. */
import { writeFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Command } from 'commander';
import { missingFrom, problemsOf } from '../../shared/infusionsoft/catalog/account.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { askForInspection } from './ask-for-inspection.ts';
import { catalogPage } from './catalog-page.ts';
import { catalogReport } from './catalog-report.ts';
import { connect } from './connect.ts';
import { DEFAULT_MAPPING, loadMapping } from './load-mapping.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

const TIMEOUT_MS = 90_000;

const options = withTarget(
  new Command('npm run catalog --')
    .description(
      "Checks the mapping of this working tree against the CRM's account: ids, types, options, what is missing.",
    )
    .option('--mapping <file>', "the mapping, deployed or not; the stack's own unless named")
    .option('--create', 'create what is missing')
    .option('--write <file>', 'write the reference page of fields and tags, and do nothing else'),
)
  .parse()
  .opts<TargetOptions & { mapping?: string; create?: true; write?: string }>();

await runCommand(async () => {
  if (options.write !== undefined) {
    const file = options.mapping ?? DEFAULT_MAPPING;
    writeFileSync(options.write, catalogPage(await loadMapping(file), file));
    process.stdout.write(`Written: ${options.write}\n`);
    return;
  }
  const outputs = await connect(options);
  const mapping = await loadMapping(options.mapping ?? outputs.get('Mapping'));
  const table = syncTable(new DynamoDBClient(), outputs.get('SyncTableName'));
  const { account, inspectedAt } = await askForInspection(new SQSClient(), table, {
    queueUrl: outputs.get('QueueUrl'),
    needs: requirementsOf(mapping),
    create: options.create === true,
    timeoutMs: TIMEOUT_MS,
  });
  const catalog = await table.readCatalog();
  const problems = problemsOf(account);
  if (problems.length > 0) process.exitCode = 1;
  const { staff, ...rest } = account;
  const report = {
    ...rest,
    staff: staff && Object.keys(staff).length,
    arrays: catalog?.arrays ?? null,
    missing: missingFrom(account),
    problems,
    inspectedAt,
  };
  process.stdout.write(
    options.json ? `${JSON.stringify(report)}\n` : catalogReport(account, catalog, Date.now()),
  );
});
