/** `npm run preview`: what the sync would do, without doing it. */
import { readFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Command, InvalidArgumentError } from 'commander';
import type { DeletionPolicy } from '../../shared/contacts/retire-contact.ts';
import { rateOf } from '../../shared/quota/limits.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { userTable } from '../../shared/store/user-table.ts';
import { desiredState } from '../../shared/sync/desired-state.ts';
import { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import { InvalidUserError, readUser } from '../../shared/user/read-user.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { CommandError } from './command-error.ts';
import { connect, type Outputs } from './connect.ts';
import { readContactOf } from './crm-reader.ts';
import { loadMapping } from './load-mapping.ts';
import { compare, comparisonText } from './preview/comparison.ts';
import { type PreviewContext, previewUser } from './preview/preview-user.ts';
import { provisionalCatalog } from './preview/provisional-catalog.ts';
import { summarise } from './preview/summary.ts';
import { estimate, summaryText } from './preview/summary-text.ts';
import { usersToLookAt } from './preview/users-to-look-at.ts';
import { quotaSettingsFrom } from './quota-report.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

function moment(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('It must be a date, as 2027-01-01.');
  return value;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a number of users.');
  return value;
}

interface Options extends TargetOptions {
  user?: string;
  file?: string;
  all?: true;
  sample?: number;
  at?: number;
  mapping?: string;
}

const options = withTarget(
  new Command('npm run preview --')
    .description(
      'Shows what the CRM shows of a user beside what it should show, and the requests between the two. Changes nothing.',
    )
    .option('--user <id>', 'a user of the table')
    .option('--file <file>', "a user that does not exist yet: a table's item as JSON")
    .option('--all', 'all users in sum, by what the sync remembers of them; makes no requests')
    .option('--sample <n>', 'with --all: only so many, and an estimate for all', count)
    .option('--at <date>', 'as of another day: some tags depend on time alone', moment)
    .option('--mapping <file>', "the mapping, deployed or not; the stack's own unless named"),
)
  .parse()
  .opts<Options>();

await runCommand(async () => {
  const { user, file, all } = options;
  if ([user, file, all].filter((choice) => choice !== undefined).length !== 1)
    throw new CommandError('Name what to preview: --user ID, --file user.json, or --all [--sample 500].');
  const now = options.at ?? Date.now();
  const outputs = await connect(options);
  const mapping = await loadMapping(options.mapping ?? outputs.get('Mapping'));
  const dynamodb = new DynamoDBClient();
  const store = syncTable(dynamodb, outputs.get('SyncTableName'));
  const { catalog, created } = provisionalCatalog(await store.readCatalog(), requirementsOf(mapping), now);
  const deletionPolicy = outputs.get('DeletionPolicy') as DeletionPolicy;
  const context: PreviewContext = { mapping, catalog, deletionPolicy, now };
  if (all) return previewAll(context, created, outputs, dynamodb);

  const { user: found } =
    file === undefined ? await fromTable(user ?? '', outputs, dynamodb) : fromFile(file);
  const email = desiredState(mapping, found, now).fields.EMAIL1;
  const contact = await readContactOf({ contactId: found.crm?.contactId, email }, outputs, store).catch(
    explain,
  );
  const comparison = compare(found.userId, contact, await previewUser(found, contact, context), context);
  process.stdout.write(options.json ? `${JSON.stringify(comparison)}\n` : comparisonText(comparison));
});

async function previewAll(
  context: PreviewContext,
  created: readonly string[],
  outputs: Outputs,
  dynamodb: DynamoDBClient,
): Promise<void> {
  const { total, users } = await usersToLookAt(dynamodb, outputs.get('UserTableName'), options.sample);
  const { limits, tagBatch } = quotaSettingsFrom(outputs.get('QuotaSettings'));
  const summary = estimate(await summarise(users, context, tagBatch), {
    total,
    created,
    requestsPerSecond: rateOf(limits),
    requestsPerDay: limits.day,
  });
  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : summaryText(summary));
}

async function fromTable(userId: string, outputs: Outputs, dynamodb: DynamoDBClient) {
  const table = outputs.get('UserTableName');
  const found = await userTable(dynamodb, table).read(userId);
  if (!found) throw new CommandError(`There is no user ${userId} in the table ${table}.`);
  return found;
}

function fromFile(file: string) {
  try {
    return readUser(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    if (
      error instanceof InvalidUserError ||
      error instanceof SyntaxError ||
      (error as NodeJS.ErrnoException).code
    )
      throw new CommandError(
        `${file} holds no user (${problem}). It has to be JSON as {"userId": "…", "email": "…", …}: see shared/user/user.ts.`,
        { cause: error },
      );
    throw error;
  }
}

function explain(error: unknown): never {
  if (error instanceof RetryableError || error instanceof RejectedError)
    throw new CommandError(
      `The CRM cannot be read: ${error.message}. See npm run quota, and npm run authorize.`,
      {
        cause: error,
      },
    );
  throw error;
}
