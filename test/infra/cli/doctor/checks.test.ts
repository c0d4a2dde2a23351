import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudFormationClient,
  DescribeStacksCommand,
  ListStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { DescribeTableCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import {
  GetAccountSettingsCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Check, checkNode, checksText, runChecks } from '../../../../infra/cli/doctor/checks.ts';
import { PRESETS } from '../../../../shared/quota/limits.ts';

const cloudFormation = mockClient(CloudFormationClient);
const lambda = mockClient(LambdaClient);
const secrets = mockClient(SecretsManagerClient);
const sqs = mockClient(SQSClient);
const dynamodb = mockClient(DynamoDBClient);
const noSuchStack = Object.assign(new Error('does not exist'), { name: 'ValidationError' });
const OUTPUTS = {
  SecretArn: 'arn:secret',
  ChangeFeedMappingId: 'mapping',
  UserTableName: 'users',
  SyncTableName: 'sync',
  QueueUrl: 'https://queue',
  Mapping: 'shared/user/mapping.ts',
  QuotaSettings: JSON.stringify({ limits: PRESETS.team, liveReserve: 0.2, tagBatch: 100, windowSlackMs: 50 }),
  CrmUrl: 'https://crm.example.com',
};
const stackWith = (outputs: Record<string, string>) => ({
  Stacks: [
    {
      Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
    } as never,
  ],
});

beforeEach(() => {
  for (const mock of [cloudFormation, lambda, secrets, sqs, dynamodb]) mock.reset();
  process.env['AWS_REGION'] = 'eu-west-1';
  cloudFormation.on(DescribeStacksCommand, { StackName: 'CDKToolkit' }).resolves(stackWith({}));
  cloudFormation.on(DescribeStacksCommand, { StackName: 'user-sync' }).resolves(stackWith(OUTPUTS));
  lambda
    .on(GetAccountSettingsCommand)
    .resolves({ AccountLimit: { ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: 900 } });
  cloudFormation.on(ListStackResourcesCommand).resolves({ StackResourceSummaries: [] });
  sqs.on(SendMessageCommand).resolves({});
  dynamodb.on(GetItemCommand).resolves({});
  lambda
    .on(GetEventSourceMappingCommand, { UUID: 'mapping' })
    .resolves({ State: 'Enabled', EventSourceArn: 'arn:stream' });
  dynamodb
    .on(DescribeTableCommand, { TableName: 'users' })
    .resolves({ Table: { StreamSpecification: { StreamEnabled: true }, LatestStreamArn: 'arn:stream' } });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const run = (stack = 'user-sync') => runChecks({ stack, neededConcurrency: 12, inspectionTimeoutMs: 1 });
const summaryOf = (checks: readonly Check[]) =>
  Object.fromEntries(checks.filter(({ name }) => name !== 'Java').map(({ name, result }) => [name, result]));
const detailOf = (checks: readonly Check[], name: string) =>
  checks.find((check) => check.name === name)?.detail;

describe('doctor', () => {
  it('reports a Node that is too old', () => {
    expect(checkNode('24.1.0').result).toBe('ok');
    expect(checkNode('20.20.2')).toMatchObject({
      result: 'missing',
      detail: expect.stringMatching(/npm ci/),
    });
  });

  it('treats the stub that macOS has in place of Java as no Java', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'java-stub-'));
    writeFileSync(join(bin, 'java'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    vi.stubEnv('PATH', bin);
    expect(detailOf(await run(), 'Java')).toMatch(/^not installed/);
  });

  it('without AWS credentials says what to set, and skips what needs AWS', async () => {
    cloudFormation.on(DescribeStacksCommand).rejects(new Error('Could not load credentials'));
    const checks = await run();
    expect(detailOf(checks, 'AWS')).toMatch(/Could not load credentials.*AWS_PROFILE/);
    expect(summaryOf(checks)).toEqual({
      ...{ Node: 'ok', AWS: 'missing', 'CDK bootstrap': 'skipped', Concurrency: 'skipped' },
      ...{
        Stack: 'skipped',
        'Change feed': 'skipped',
        Credentials: 'skipped',
        CRM: 'skipped',
        Mapping: 'skipped',
      },
    });
  });

  it.each([
    ['user-sync', 'npx --no user-sync deploy'],
    ['user-sync-sandbox', 'npx --no user-sync deploy --stack user-sync-sandbox'],
  ])('before the first deploy of %s names the deploy as the next step', async (stack, commandLine) => {
    cloudFormation.on(DescribeStacksCommand, { StackName: stack }).rejects(noSuchStack);
    cloudFormation.on(DescribeStacksCommand, { StackName: 'CDKToolkit' }).rejects(noSuchStack);
    const checks = await run(stack);
    expect(detailOf(checks, 'Stack')).toBe(`${stack} is not deployed. Next step: ${commandLine}`);
    expect(detailOf(checks, 'CDK bootstrap')).toMatch(/npx cdk bootstrap/);
    expect(summaryOf(checks)).toMatchObject({ AWS: 'ok', Concurrency: 'ok', Credentials: 'skipped' });
  });

  it('reports an account without room for the reserved concurrency', async () => {
    lambda.on(GetAccountSettingsCommand).resolves({ AccountLimit: { ConcurrentExecutions: 10 } });
    expect(detailOf(await run(), 'Concurrency')).toMatch(/Service Quotas/);
  });

  it('reports a change feed that is stopped', async () => {
    expect(summaryOf(await run())).toMatchObject({ 'Change feed': 'ok' });
    lambda.on(GetEventSourceMappingCommand).resolves({ State: 'Disabled', EventSourceArn: 'arn:stream' });
    const checks = await run();
    expect(summaryOf(checks)).toMatchObject({ 'Change feed': 'missing' });
    expect(detailOf(checks, 'Change feed')).toMatch(/event source is Disabled.*runbook\.md#changefeed/);
  });

  it.each([
    ['no credentials', '{}', /none stored.*authorize/],
    [
      'expired tokens',
      JSON.stringify({
        ...{ kind: 'oauth', clientId: 'c', clientSecret: 's', accessToken: 'a', refreshToken: 'r' },
        ...{ issuedAt: '2020-01-01T00:00:00.000Z', expiresAt: '2020-01-02T00:00:00.000Z' },
      }),
      /oauth, expired 2020-01-02.*authorize/,
    ],
  ])('reports %s', async (_, SecretString, expected) => {
    secrets.on(GetSecretValueCommand).resolves({ SecretString });
    const checks = await run();
    expect(detailOf(checks, 'Credentials')).toMatch(expected);
    expect(summaryOf(checks)).toMatchObject({ CRM: 'skipped', Mapping: 'skipped' });
  });

  it('reports a sync that does not inspect the account', async () => {
    secrets.on(GetSecretValueCommand).resolves({ SecretString: '{"kind":"service-account-key","key":"k"}' });
    const checks = await run();
    expect(detailOf(checks, 'CRM')).toMatch(/not inspected within.*npx --no user-sync quota/);
    expect(summaryOf(checks)).toMatchObject({ Credentials: 'ok', CRM: 'missing', Mapping: 'skipped' });
  });

  it('prints one line for each check', () => {
    expect(
      checksText([
        { name: 'Node', result: 'ok', detail: '24.1.0' },
        { name: 'Stack', result: 'missing', detail: 'Deploy it' },
        { name: 'CRM', result: 'skipped', detail: 'needs the stack' },
      ]),
    ).toBe('✓ Node   24.1.0\n✗ Stack  Deploy it\n– CRM    needs the stack\n');
  });
});
