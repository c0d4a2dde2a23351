/** `npm run deploy`: what would change, a question, the deploy, and whether it works. */
import { createInterface } from 'node:readline/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Command } from 'commander';
import { paceFor } from '../../shared/quota/pace.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { ConfigError } from '../config.ts';
import { askForInspection } from './ask-for-inspection.ts';
import { CommandError, NoStackError } from './command-error.ts';
import { connect, type Outputs } from './connect.ts';
import { checkConcurrency } from './deploy/check-concurrency.ts';
import { hasBackfilled } from './deploy/has-backfilled.ts';
import { nextSteps } from './deploy/next-steps.ts';
import { runCdk } from './deploy/run-cdk.ts';
import { loadMapping } from './load-mapping.ts';
import { readAppConfigs } from './read-app-configs.ts';
import { runCommand } from './run-command.ts';
import { credentialsStatus } from './status/credentials-status.ts';

const INSPECTION_MS = 60_000;

const command = new Command('npm run deploy --')
  .description('Shows what a deploy would change, asks, deploys, and checks that it works.')
  .argument('[stack]', 'name of the stack; may be left out where there is one')
  .option('--yes', 'do not ask')
  .parse();
const { yes } = command.opts<{ yes?: true }>();

await runCommand(async () => {
  const config = chosen(command.args[0]);
  const { stackName } = config;
  const existing = await connect({ stack: stackName }).catch((error: unknown) => {
    if (error instanceof NoStackError) return undefined;
    throw error;
  });
  const rotation = config.crm.tokenRotationHours === 'off' ? 0 : 1;
  const needed = paceFor(config.crm).environments + rotation;
  await checkConcurrency(new LambdaClient(), needed, existing ? needed : 0);
  await runCdk('diff', stackName);
  if (!yes && !(await confirmed(`Deploy ${stackName}?`))) {
    process.stdout.write('Nothing was deployed.\n');
    return;
  }
  await runCdk('deploy', stackName, '--require-approval', 'never');
  const outputs = await connect({ stack: stackName });
  const steps = nextSteps({ stack: stackName, ...(await smoke(outputs)) });
  process.stdout.write(
    `\n✓ ${stackName} is deployed. Next:\n${steps.map((step, index) => `  ${index + 1}. ${step}\n`).join('')}`,
  );
});

/** @throws CommandError when the settings are wrong, or do not say which stack. */
function chosen(name: string | undefined) {
  try {
    const configs = readAppConfigs();
    const found = configs.filter(({ stackName }) => name === undefined || stackName === name);
    const [config] = found;
    if (config && found.length === 1) return config;
    const names = configs.map(({ stackName }) => stackName).join(', ');
    throw new CommandError(`Name one stack: npm run deploy -- NAME. There are ${names}.`);
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${question} (y/N) `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Reads the account by way of the new functions, if they are let in. */
async function smoke(outputs: Outputs) {
  const credentials = await credentialsStatus(new SecretsManagerClient(), outputs.get('SecretArn'));
  const isBackfilled = await hasBackfilled(new SFNClient(), outputs.get('BackfillStateMachineArn'));
  const table = syncTable(new DynamoDBClient(), outputs.get('SyncTableName'));
  const account =
    credentials.kind === 'none'
      ? undefined
      : await askForInspection(new SQSClient(), table, {
          queueUrl: outputs.get('QueueUrl'),
          needs: requirementsOf(await loadMapping(outputs.get('Mapping'))),
          create: false,
          timeoutMs: INSPECTION_MS,
        }).then(
          (inspection) => inspection.account,
          (error: unknown) => {
            if (error instanceof CommandError) return undefined;
            throw error;
          },
        );
  return { credentials, account, isBackfilled };
}
