import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { missingFrom, problemsOf } from '../../../shared/infusionsoft/catalog/account.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { requirementsOf } from '../../../shared/user/requirements.ts';
import { changeFeedProblemOf } from '../support/change-feed.ts';
import { checkConcurrency, concurrencyReservedBy } from '../support/check-concurrency.ts';
import { CommandError, NoStackError } from '../support/command-error.ts';
import { connect, type Outputs, type Target } from '../support/connect.ts';
import { credentialsStatus } from '../support/credentials-status.ts';
import { inspectAccount } from '../support/inspect-account.ts';
import { loadMapping } from '../support/load-mapping.ts';
import { quotaSettingsFrom } from '../support/quota-report.ts';
import { stackOption } from '../support/stack-option.ts';

/** The result of one check. */
export interface Check {
  name: string;
  /** `missing` must be fixed; `skipped` does not apply, or could not run because an earlier check failed. */
  result: 'ok' | 'missing' | 'skipped';
  /** What was found; for `missing`, what to do. */
  detail: string;
}

export interface DoctorOptions extends Target {
  /** Environments that the stack reserves, from the settings. Undefined if cdk.json does not have the stack. */
  neededConcurrency: number | undefined;
  /** How long to wait for the sync to inspect the account, in milliseconds. */
  inspectionTimeoutMs?: number;
}

const MIN_NODE = 24;
const MIN_JAVA = 17;
const INSPECTION_TIMEOUT_MS = 60_000;
const BOOTSTRAP_STACK = 'CDKToolkit';

/** Runs all checks. A check whose precondition failed is skipped. */
export async function runChecks(options: DoctorOptions): Promise<Check[]> {
  const checks = [checkNode(process.versions.node), await checkJava(options.local === true)];
  const target = await findSystem(options);
  checks.push(...target.checks);
  if (!target.outputs) return [...checks, ...SYSTEM_CHECKS.map((name) => skipped(name, 'needs the stack'))];
  return [...checks, await checkChangeFeed(target.outputs), ...(await checkCrm(target.outputs, options))];
}

const SYSTEM_CHECKS = ['Change feed', 'Credentials', 'CRM', 'Mapping'] as const;

const ok = (name: string, detail: string): Check => ({ name, result: 'ok', detail });
const missing = (name: string, detail: string): Check => ({ name, result: 'missing', detail });
const skipped = (name: string, detail: string): Check => ({ name, result: 'skipped', detail });

/** Checks the Node version that runs the commands. */
export function checkNode(version: string): Check {
  return Number.parseInt(version, 10) >= MIN_NODE
    ? ok('Node', version)
    : missing(
        'Node',
        `${version} is too old. Run npm ci, and start commands with npx, which uses Node ${MIN_NODE}.`,
      );
}

/** Checks for Java, which only the system on this machine needs (DynamoDB Local). */
async function checkJava(isLocal: boolean): Promise<Check> {
  const name = 'Java';
  const version = await promisify(execFile)('java', ['-version']).then(
    ({ stderr }) => /version "(\d+[^"]*)"/.exec(stderr)?.[1],
    (error: { code?: unknown }) => {
      // Without Java, macOS has a stub that exits with 1.
      if (error.code === 'ENOENT' || typeof error.code === 'number') return undefined;
      throw error;
    },
  );
  if (version && Number.parseInt(version, 10) >= MIN_JAVA) return ok(name, version);
  const problem = `${version ? `${version} is too old` : 'not installed'}; npm start and --local need Java ${MIN_JAVA} or newer`;
  return isLocal ? missing(name, `${problem}. Install it.`) : skipped(name, problem);
}

interface FoundSystem {
  checks: Check[];
  outputs?: Outputs;
}

async function findSystem({ local, stack, neededConcurrency }: DoctorOptions): Promise<FoundSystem> {
  const aws = ['AWS', 'CDK bootstrap', 'Concurrency'].map((name) => skipped(name, 'not needed with --local'));
  if (local) {
    const found = await attempt(() => connect({ local, stack }));
    return 'value' in found
      ? { checks: [...aws, ok('Stack', 'runs on this machine')], outputs: found.value }
      : { checks: [...aws, missing('Stack', found.problem)] };
  }
  const found = await attempt(() => connect({ stack }));
  const isMissing = 'error' in found && found.error instanceof NoStackError;
  if ('error' in found && !isMissing)
    return {
      checks: [
        missing('AWS', found.problem),
        ...['CDK bootstrap', 'Concurrency', 'Stack'].map((name) => skipped(name, 'needs AWS')),
      ],
    };
  return {
    checks: [
      ok('AWS', 'credentials and region are set'),
      await checkBootstrap(),
      await checkRoom(stack, neededConcurrency, isMissing),
      isMissing
        ? missing(
            'Stack',
            `${stack} is not deployed. Next step: npx --no user-sync deploy${stackOption(stack)}`,
          )
        : ok('Stack', stack),
    ],
    ...('value' in found && { outputs: found.value }),
  };
}

async function checkRoom(stack: string, needed: number | undefined, isMissing: boolean): Promise<Check> {
  const name = 'Concurrency';
  if (needed === undefined) return skipped(name, `cdk.json does not have ${stack}`);
  const room = await attempt(async () => {
    const lambda = new LambdaClient();
    const reserved = isMissing ? 0 : await concurrencyReservedBy(stack, lambda, new CloudFormationClient());
    await checkConcurrency(lambda, needed, reserved);
  });
  return 'value' in room ? ok(name, `room for ${needed} environments`) : missing(name, room.problem);
}

async function checkBootstrap(): Promise<Check> {
  const name = 'CDK bootstrap';
  const found = await attempt(() =>
    new CloudFormationClient().send(new DescribeStacksCommand({ StackName: BOOTSTRAP_STACK })),
  );
  if ('value' in found) return ok(name, BOOTSTRAP_STACK);
  // "If the stack doesn't exist, a ValidationError is returned" (CloudFormation API reference, DescribeStacks).
  return found.error instanceof Error && found.error.name === 'ValidationError'
    ? missing(name, 'this account and region are not bootstrapped. Run: npx cdk bootstrap')
    : missing(name, found.problem);
}

/** Checks that diff-user reads the stream of the user table. */
async function checkChangeFeed(outputs: Outputs): Promise<Check> {
  const name = 'Change feed';
  const checked = await attempt(async () => changeFeedProblemOf(outputs));
  if ('error' in checked) return missing(name, checked.problem);
  return checked.value === undefined
    ? ok(name, 'diff-user reads the stream of the user table')
    : missing(name, `stopped, ${checked.value}. See docs/runbook.md#changefeed`);
}

async function checkCrm(outputs: Outputs, options: DoctorOptions): Promise<Check[]> {
  const credentials = await checkCredentials(outputs);
  if (credentials.result !== 'ok')
    return [credentials, skipped('CRM', 'needs credentials'), skipped('Mapping', 'needs credentials')];
  const inspected = await attempt(async () =>
    inspectAccount(new SQSClient(), syncTable(new DynamoDBClient(), outputs.get('SyncTableName')), {
      queueUrl: outputs.get('QueueUrl'),
      command: outputs.command,
      requirements: requirementsOf(await loadMapping(outputs.get('Mapping'))),
      create: false,
      budget: quotaSettingsFrom(outputs.get('QuotaSettings')),
      timeoutMs: options.inspectionTimeoutMs ?? INSPECTION_TIMEOUT_MS,
    }),
  );
  if ('error' in inspected)
    return [credentials, missing('CRM', inspected.problem), skipped('Mapping', 'needs the CRM')];
  const { account } = inspected.value;
  const problems = problemsOf(account);
  const absent = missingFrom(account).length;
  const detail =
    absent > 0 ? `fits; the first sync creates ${absent} missing tags and fields` : 'fits the account';
  return [
    credentials,
    ok('CRM', `${outputs.get('CrmUrl')} accepts the credentials`),
    problems.length > 0
      ? missing(
          'Mapping',
          `does not fit the account: ${problems.join('; ')}. See ${outputs.command('catalog')}`,
        )
      : ok('Mapping', detail),
  ];
}

async function checkCredentials(outputs: Outputs): Promise<Check> {
  const name = 'Credentials';
  const found = await attempt(() => credentialsStatus(new SecretsManagerClient(), outputs.get('SecretArn')));
  if ('error' in found) return missing(name, found.problem);
  const { kind, expiresAt } = found.value;
  if (kind === 'none') return missing(name, `none stored. Run: ${outputs.command('authorize')}`);
  if (expiresAt === null) return ok(name, kind);
  return Date.parse(expiresAt) > Date.now()
    ? ok(name, `${kind}, expires ${expiresAt}`)
    : missing(name, `${kind}, expired ${expiresAt}. Run: ${outputs.command('authorize')}`);
}

/** Runs a check that may fail: `doctor` reports failures instead of stopping at the first. */
async function attempt<Value>(
  run: () => Promise<Value>,
): Promise<{ value: Value } | { error: unknown; problem: string }> {
  try {
    return { value: await run() };
  } catch (error) {
    const isKnown = error instanceof CommandError;
    const problem =
      error instanceof Error ? `${isKnown ? '' : `${error.name}: `}${error.message}` : String(error);
    return { error, problem };
  }
}

const MARKS = { ok: '✓', missing: '✗', skipped: '–' } as const;

/** Formats the checks for a terminal, one line each. */
export function checksText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks
    .map(({ name, result, detail }) => `${MARKS[result]} ${name.padEnd(width)}  ${detail}\n`)
    .join('');
}
