import { readFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DeletionPolicy } from '../../../shared/contacts/retire-contact.ts';
import { rateOf } from '../../../shared/quota/limits.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { userTable } from '../../../shared/store/user-table.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { InvalidUserError, readUser } from '../../../shared/user/read-user.ts';
import { requirementsOf } from '../../../shared/user/requirements.ts';
import type { User } from '../../../shared/user/user.ts';
import { createCommand } from '../create-command.ts';
import { CommandError, UsageError } from '../support/command-error.ts';
import { connect, type Outputs } from '../support/connect.ts';
import { readContactOf } from '../support/crm-reader.ts';
import { loadMapping } from '../support/load-mapping.ts';
import { idOfUser, integer, timestamp } from '../support/option-parsers.ts';
import { quotaSettingsFrom } from '../support/quota-report.ts';
import { compare, comparisonText } from './comparison.ts';
import { type PreviewContext, previewUser } from './preview-user.ts';
import { provisionalCatalog } from './provisional-catalog.ts';
import { summarise } from './summary.ts';
import { estimate, summaryText } from './summary-report.ts';
import { usersOfTable } from './users-of-table.ts';

export default createCommand({
  metadata: {
    description:
      'Shows the current and the desired state of a user in the CRM, and the requests that the sync would make. Changes nothing.',
    examples: [
      ['preview --user u-17', 'a user of the table'],
      ['preview --file user.json', 'a user that does not exist yet'],
      ['preview --user u-17 --at 2027-01-01', 'the same user on another day'],
      ['preview --all --sample 500', 'all users, estimated from a sample'],
    ],
  },
  target: 'system',
  options: {
    user: { value: 'id', description: 'id of a user in the table', parse: idOfUser },
    file: { value: 'file', description: 'a user that does not exist yet: an item of the table as JSON' },
    all: { description: "totals for all users, from the sync's own records; makes no requests" },
    sample: { value: 'n', description: 'with --all: estimate from this many users', parse: integer(1) },
    at: { value: 'date', description: 'preview another day: some tags depend on the date', parse: timestamp },
    mapping: {
      value: 'file',
      description: 'another mapping, deployed or not (default: the one of the stack)',
    },
  },
  async handler({ options, print }) {
    const { user, file, all } = options;
    if ([user !== undefined, file !== undefined, all].filter(Boolean).length !== 1)
      throw new UsageError('Give exactly one of --user ID, --file user.json, and --all [--sample 500].');
    if (options.sample !== undefined && !all) throw new UsageError('--sample is for --all.');
    const now = options.at ?? Date.now();
    const outputs = await connect(options);
    const mapping = await loadMapping(options.mapping ?? outputs.get('Mapping'));
    const dynamodb = new DynamoDBClient();
    const store = syncTable(dynamodb, outputs.get('SyncTableName'));
    const { catalog, created } = provisionalCatalog(await store.readCatalog(), requirementsOf(mapping), now);
    const deletionPolicy = outputs.get('DeletionPolicy') as DeletionPolicy;
    const context: PreviewContext = { mapping, catalog, deletionPolicy, now };
    if (all) {
      const summary = await summariseAll(context, created, outputs, dynamodb, options.sample);
      print(summary, () => summaryText(summary));
      return;
    }
    const found =
      file === undefined ? await readFromTable(user ?? '', outputs, dynamodb) : readFromFile(file);
    const email = desiredState(mapping, found, now).fields.EMAIL1;
    const contact = await readContactOf({ contactId: found.crm?.contactId, email }, outputs, dynamodb).catch(
      throwReadable(outputs.command),
    );
    const comparison = compare(found.userId, contact, await previewUser(found, contact, context), context);
    print(comparison, () => comparisonText(comparison));
  },
});

async function summariseAll(
  context: PreviewContext,
  created: readonly string[],
  outputs: Outputs,
  dynamodb: DynamoDBClient,
  sample: number | undefined,
) {
  const { total, users } = await usersOfTable(dynamodb, outputs.get('UserTableName'), sample);
  const { limits, tagBatch } = quotaSettingsFrom(outputs.get('QuotaSettings'));
  return estimate(await summarise(users, context, tagBatch), {
    total,
    created,
    problems: context.catalog.problems,
    requestsPerSecond: rateOf(limits),
    requestsPerDay: limits.day,
  });
}

async function readFromTable(userId: string, outputs: Outputs, dynamodb: DynamoDBClient): Promise<User> {
  const table = outputs.get('UserTableName');
  const found = await userTable(dynamodb, table).read(userId);
  if (!found) throw new CommandError(`There is no user ${userId} in the table ${table}.`);
  return found.user;
}

function readFromFile(file: string): User {
  try {
    return readUser(JSON.parse(readFileSync(file, 'utf8'))).user;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    if (
      error instanceof InvalidUserError ||
      error instanceof SyntaxError ||
      (error as NodeJS.ErrnoException).code
    )
      throw new CommandError(
        `${file} contains no user (${problem}). It must be JSON such as {"userId": "…", "email": "…"}: see shared/user/user.ts.`,
        { cause: error },
      );
    throw error;
  }
}

const throwReadable =
  (command: Outputs['command']) =>
  (error: unknown): never => {
    if (error instanceof RetryableError || error instanceof RejectedError)
      throw new CommandError(
        `The CRM could not be read: ${error.message}. See ${command('quota')} and ${command('authorize')}.`,
        { cause: error },
      );
    throw error;
  };
