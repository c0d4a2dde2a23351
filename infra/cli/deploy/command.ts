import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { requirementsOf } from '../../../shared/user/requirements.ts';
import type { Config } from '../../config.ts';
import { createCommand } from '../create-command.ts';
import { readAppConfigs } from '../support/app-configs.ts';
import {
  checkConcurrency,
  concurrencyReservedBy,
  reservedConcurrency,
} from '../support/check-concurrency.ts';
import { CommandError, NoStackError, UsageError } from '../support/command-error.ts';
import { confirm } from '../support/confirm.ts';
import { connect, type Outputs } from '../support/connect.ts';
import { credentialsStatus } from '../support/credentials-status.ts';
import { inspectAccount } from '../support/inspect-account.ts';
import { loadMapping } from '../support/load-mapping.ts';
import { quotaSettingsFrom } from '../support/quota-report.ts';
import { type DeployResult, hasBackfilled, nextSteps } from './next-steps.ts';

const INSPECTION_TIMEOUT_MS = 60_000;
const CDK = fileURLToPath(new URL('../../../node_modules/.bin/cdk', import.meta.url));
/** Directory of the assembly that `cdk diff` synthesizes, relative to the root. It is then deployed, so the changes are those that were shown. */
const ASSEMBLY = 'cdk.out';
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export default createCommand({
  metadata: {
    description: 'Shows what a deploy would change, asks, deploys, and checks the result.',
    examples: [
      ['deploy', 'the stack of cdk.json, if it has only one'],
      ['deploy --stack user-sync-sandbox', 'one of several stacks'],
      ['deploy --yes', 'without asking, for a pipeline'],
    ],
  },
  target: 'none',
  options: {
    stack: {
      value: 'name',
      description: 'name of the stack (default: the one in cdk.json, if it has only one)',
    },
    yes: { description: 'deploy without asking' },
  },
  async handler({ options, print }) {
    const config = selectConfig(options.stack);
    const { stackName } = config;
    const existing = await connect({ stack: stackName }).catch((error: unknown) => {
      if (error instanceof NoStackError) return undefined;
      throw error;
    });
    const needed = reservedConcurrency(config);
    const lambda = new LambdaClient();
    const reserved = existing
      ? await concurrencyReservedBy(stackName, lambda, new CloudFormationClient())
      : 0;
    await checkConcurrency(lambda, needed, reserved);
    await runCdk(options.json, 'diff', stackName, '--output', ASSEMBLY);
    if (!options.yes && !(await confirm(`Deploy ${stackName}?`))) {
      print({ stack: stackName, deployed: false }, () => 'Nothing was deployed.\n');
      return;
    }
    await runCdk(options.json, 'deploy', stackName, '--app', ASSEMBLY, '--require-approval', 'never');
    const steps = nextSteps({
      stack: stackName,
      ...(await checkDeployed(await connect({ stack: stackName }))),
    });
    print(
      { stack: stackName, deployed: true, nextSteps: steps },
      () =>
        `\n✓ ${stackName} is deployed. Next:\n${steps.map((step, index) => `  ${index + 1}. ${step}\n`).join('')}`,
    );
  },
});

/** @throws CommandError when the settings are wrong, or name several stacks and none is selected. */
function selectConfig(name: string | undefined): Config {
  const configs = readAppConfigs();
  const [config, another] = configs.filter(({ stackName }) => name === undefined || stackName === name);
  if (config && !another) return config;
  const names = configs.map(({ stackName }) => stackName).join(', ');
  const problem =
    name === undefined
      ? 'Name one stack: npx --no user-sync deploy --stack NAME.'
      : `cdk.json has no stack ${name}.`;
  throw new UsageError(`${problem} Stacks in cdk.json: ${names}.`);
}

/** Runs the CDK CLI in this terminal. @param toStderr keeps standard output free for the result. @throws CommandError when it fails. */
async function runCdk(toStderr: boolean, ...args: string[]): Promise<void> {
  const stdout = toStderr ? process.stderr : 'inherit';
  const child = spawn(CDK, args, { cwd: ROOT, stdio: ['inherit', stdout, 'inherit'] });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new CommandError(`cdk ${args.join(' ')} exited with ${code}. See its output above.`);
}

/** Lets the deployed functions inspect the account, if they have credentials. */
async function checkDeployed(outputs: Outputs): Promise<Omit<DeployResult, 'stack'>> {
  const credentials = await credentialsStatus(new SecretsManagerClient(), outputs.get('SecretArn'));
  const isBackfilled = await hasBackfilled(new SFNClient(), outputs.get('BackfillStateMachineArn'));
  if (credentials.kind === 'none') return { credentials, isBackfilled, account: undefined };
  const table = syncTable(new DynamoDBClient(), outputs.get('SyncTableName'));
  const inspection = await inspectAccount(new SQSClient(), table, {
    queueUrl: outputs.get('QueueUrl'),
    command: outputs.command,
    requirements: requirementsOf(await loadMapping(outputs.get('Mapping'))),
    create: false,
    budget: quotaSettingsFrom(outputs.get('QuotaSettings')),
    timeoutMs: INSPECTION_TIMEOUT_MS,
  }).catch((error: unknown) => {
    if (error instanceof CommandError) return { account: undefined, problem: error.message };
    throw error;
  });
  return { credentials, isBackfilled, ...inspection };
}
