import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandError, NoStackError } from '../../../../infra/cli/support/command-error.ts';
import { connect } from '../../../../infra/cli/support/connect.ts';
import { publishConnection } from '../../../../infra/cli/support/connection-file.ts';

const cloudFormation = mockClient(CloudFormationClient);
const directory = mkdtempSync(join(tmpdir(), 'connect-'));
afterAll(() => rmSync(directory, { recursive: true }));
const before = { ...process.env };
beforeEach(() => cloudFormation.reset());
afterEach(() => {
  process.env = { ...before };
});

describe('a command finds the system', () => {
  it('in AWS by the outputs of its stack', async () => {
    cloudFormation.on(DescribeStacksCommand, { StackName: 'user-sync' }).resolves({
      Stacks: [{ Outputs: [{ OutputKey: 'QueueUrl', OutputValue: 'https://queue' }] } as never],
    });
    const outputs = await connect({ stack: 'user-sync' });
    expect(outputs.get('QueueUrl')).toBe('https://queue');
    expect(outputs.command('quota')).toBe('npx --no user-sync quota');
    expect(() => outputs.get('Other')).toThrow(/no output Other\. Deploy this version/);
  });

  it('and shows commands about the same one', async () => {
    cloudFormation.on(DescribeStacksCommand, { StackName: 'other' }).resolves({ Stacks: [{}] as never });
    const { command } = await connect({ stack: 'other' });
    expect(command('redrive --dry-run')).toBe('npx --no user-sync redrive --dry-run --stack other');
  });

  it('or fails when the stack does not exist or AWS is not reachable', async () => {
    const missing = Object.assign(new Error('Stack with id other'), { name: 'ValidationError' });
    cloudFormation.on(DescribeStacksCommand).rejects(missing);
    const noStack = connect({ stack: 'other' });
    await expect(noStack).rejects.toThrow(NoStackError);
    await expect(noStack).rejects.toThrow(
      /no stack other.*\(npx --no user-sync deploy --stack other\), or name another with --stack/,
    );
    await expect(connect({ stack: 'user-sync' })).rejects.toThrow(/\(npx --no user-sync deploy\)/);
    cloudFormation.on(DescribeStacksCommand).rejects(new Error('Region is missing: it does not exist'));
    const failure = connect({ stack: 'other' });
    await expect(failure).rejects.toThrow(CommandError);
    await expect(failure).rejects.not.toThrow(NoStackError);
    await expect(failure).rejects.toThrow(/Region is missing.*AWS_PROFILE/);
  });

  it('on this machine by its connection file, while it runs', async () => {
    process.env['USER_SYNC_CONNECTION_FILE'] = join(directory, 'cloud.json');
    const withdraw = publishConnection({
      logFile: '/tmp/functions.log',
      environment: { AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1' },
      outputs: { QueueUrl: 'http://queue' },
    });
    const outputs = await connect({ local: true, stack: 'any' });
    expect(outputs.get('QueueUrl')).toBe('http://queue');
    expect(outputs.command('redrive --dry-run')).toBe('npx --no user-sync redrive --dry-run --local');
    expect(process.env['AWS_ENDPOINT_URL_SQS']).toBe('http://127.0.0.1:1');
    withdraw();
    await expect(connect({ local: true, stack: 'any' })).rejects.toThrow(/npm start -- --keep/);
  });
});
