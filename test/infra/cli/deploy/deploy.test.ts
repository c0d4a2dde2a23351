import {
  CloudFormationClient,
  ListStackResourcesCommand,
  type ListStackResourcesCommandOutput,
} from '@aws-sdk/client-cloudformation';
import {
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  type ExecutionListItem,
  ListExecutionsCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { type DeployResult, hasBackfilled, nextSteps } from '../../../../infra/cli/deploy/next-steps.ts';
import { checkConcurrency, concurrencyReservedBy } from '../../../../infra/cli/support/check-concurrency.ts';
import { CommandError } from '../../../../infra/cli/support/command-error.ts';
import { confirm } from '../../../../infra/cli/support/confirm.ts';

const lambdaWith = (ConcurrentExecutions: number, UnreservedConcurrentExecutions: number) => {
  const lambda = mockClient(LambdaClient);
  lambda
    .on(GetAccountSettingsCommand)
    .resolves({ AccountLimit: { ConcurrentExecutions, UnreservedConcurrentExecutions } });
  return lambda as unknown as LambdaClient;
};

describe('an account without room for the reserved concurrency', () => {
  it.each([
    [10, 10, 6, 0],
    [1000, 105, 6, 0],
  ])(
    'of %d with %d unreserved fails before the deploy, with what to do',
    async (limit, unreserved, needed, reserved) => {
      const checked = checkConcurrency(lambdaWith(limit, unreserved), needed, reserved);
      await expect(checked).rejects.toThrow(CommandError);
      await expect(checked).rejects.toThrow(/missing\. Request more .*Service Quotas/);
    },
  );

  it.each([
    [1000, 1000, 6, 0],
    [1000, 106, 6, 0],
    [1000, 100, 6, 6],
  ])(
    'of %d with %d unreserved has room for %d where %d are its own already',
    async (limit, unreserved, needed, reserved) => {
      await expect(
        checkConcurrency(lambdaWith(limit, unreserved), needed, reserved),
      ).resolves.toBeUndefined();
    },
  );
});

it('the concurrency that a deployed stack has reserved is that of its functions, not what it needs with new settings', async () => {
  const cloudFormation = mockClient(CloudFormationClient);
  const functionOf = (PhysicalResourceId?: string) => ({
    ResourceType: 'AWS::Lambda::Function',
    ...(PhysicalResourceId && { PhysicalResourceId }),
  });
  cloudFormation
    .on(ListStackResourcesCommand)
    .resolvesOnce({
      StackResourceSummaries: [
        { ResourceType: 'AWS::SQS::Queue', PhysicalResourceId: 'queue' },
        functionOf('a'),
      ],
      NextToken: 'more',
    } as ListStackResourcesCommandOutput)
    .resolves({
      StackResourceSummaries: [functionOf('b'), functionOf('c'), functionOf()],
    } as ListStackResourcesCommandOutput);
  const lambda = mockClient(LambdaClient);
  lambda.on(GetFunctionConcurrencyCommand).resolves({});
  lambda
    .on(GetFunctionConcurrencyCommand, { FunctionName: 'a' })
    .resolves({ ReservedConcurrentExecutions: 5 });
  lambda
    .on(GetFunctionConcurrencyCommand, { FunctionName: 'c' })
    .resolves({ ReservedConcurrentExecutions: 1 });
  expect(await concurrencyReservedBy('user-sync', new LambdaClient(), new CloudFormationClient())).toBe(6);
});

it('a question without a terminal fails, and says how to run without it', async () => {
  await expect(confirm('Deploy?')).rejects.toThrow(/not a terminal.*--yes/);
});

describe('whether existing users have been brought in', () => {
  const report = (mode: string, dryRun: boolean) => JSON.stringify({ mode, dryRun, scanned: 3 });

  it.each([
    ['no execution', [], false],
    ['a daily refresh', [report('refresh', false)], false],
    ['a dry run', [report('contacts', true)], false],
    ['a backfill before refreshes', [report('refresh', false), report('contacts', false)], true],
    ['a run that continued as a new execution', ['{"runId":"x","continuedIn":"y"}'], false],
  ])('is read from the executions: %s', async (_, outputs, expected) => {
    const client = new SFNClient({ region: 'us-east-1' });
    const sfn = mockClient(client);
    sfn.on(ListExecutionsCommand, { statusFilter: 'SUCCEEDED' }).resolves({
      executions: outputs.map((output) => ({ executionArn: output }) as ExecutionListItem),
    });
    sfn
      .on(DescribeExecutionCommand)
      .callsFake(({ executionArn }: { executionArn: string }) => ({ output: executionArn }));
    expect(await hasBackfilled(client, 'machine')).toBe(expected);
  });
});

describe('what to do after a deploy', () => {
  const done: DeployResult = {
    stack: 'user-sync',
    credentials: { kind: 'service-account-key', issuedAt: null, expiresAt: null },
    account: { tags: [], customFields: [], leadSources: [], contactTypes: [] },
    isBackfilled: true,
  };

  it.each<[string, Partial<DeployResult>, RegExp[]]>([
    [
      'for the first time',
      {
        credentials: { kind: 'none', issuedAt: null, expiresAt: null },
        account: undefined,
        isBackfilled: false,
      },
      [
        /npx --no user-sync authorize$/,
        /npx --no user-sync catalog$/,
        /npx --no user-sync backfill --mode contacts --dry-run, then without --dry-run$/,
        /watch: npx --no user-sync status$/,
      ],
    ],
    [
      'that was not inspected',
      { account: undefined, problem: 'Requests are paused.' },
      [/check the account: Requests are paused\./],
    ],
    [
      'without a backfill so far',
      { isBackfilled: false },
      [
        /bring in existing users.*npx --no user-sync backfill --mode contacts --dry-run, then without/,
        /watch: npx --no user-sync status$/,
      ],
    ],
    [
      'of another stack',
      { stack: 'user-sync-sandbox', isBackfilled: true },
      [/watch: npx --no user-sync status --stack user-sync-sandbox$/],
    ],
    [
      'with a mapping that does not fit',
      {
        account: {
          ...(done.account as NonNullable<DeployResult['account']>),
          customFields: [{ name: 'Plan', type: 'Text', options: [], problem: 'is of type Date' }],
        },
      },
      [/fix the mapping or the account: custom field "Plan": is of type Date/, /watch/],
    ],
  ])('%s', (_, result, expected) => {
    const steps = nextSteps({ ...done, ...result });
    expect(steps).toHaveLength(expected.length);
    for (const [index, step] of steps.entries()) expect(step).toMatch(expected[index] ?? /^$/);
  });
});
