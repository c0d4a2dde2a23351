import { rmSync } from 'node:fs';
import { DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCloud, startLocalCloud } from '../../../infra/local/local-cloud.ts';
import { temporaryDirectory } from '../../infra/local/write-bundle.ts';
import { writeAssembly } from './write-assembly.ts';

/** Counts; fails or hangs as it is told; and starts an execution of the state machine itself. */
const STEP = `
  import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
  let flaky = 0;
  class FlakyError extends Error { name = 'FlakyError'; }
  export const handler = async ({ count, until, wanted, executionArn, stateMachineArn }) => {
    if (wanted === 'flaky' && flaky++ < 2) throw new FlakyError('not yet');
    if (wanted === 'broken') throw new TypeError('no hope');
    if (wanted === 'slow') await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (wanted === 'another') {
      const input = JSON.stringify({ count: 0, until: 1, wanted: 'nothing' });
      await new SFNClient().send(new StartExecutionCommand({ stateMachineArn, name: 'another', input }));
    }
    return { count: count + 1, until, wanted, done: count + 1 >= until, waitSeconds: 30, executionArn };
  };`;

const SEEN = `
  export const handler = async ({ Records }) => {
    for (const { dynamodb } of Records) console.log('seen ' + dynamodb.Keys.id.S);
  };`;

const WAIT_SCALE = 1 / 100;
const EXISTING = 2010;

const STATES = {
  'Enough?': {
    Type: 'Choice',
    Choices: [{ Variable: '$.done', BooleanEquals: true, Next: 'Done' }],
    Default: 'Pause',
  },
  Pause: { Type: 'Wait', SecondsPath: '$.waitSeconds', Next: 'Step' },
  Late: { Type: 'Fail', Error: 'Late', Cause: 'it took too long' },
  Done: { Type: 'Succeed' },
};
const STEP_STATE = {
  Type: 'Task',
  OutputPath: '$.Payload',
  Retry: [
    { ErrorEquals: ['FlakyError'], IntervalSeconds: 1, MaxAttempts: 2, BackoffRate: 1 },
    { ErrorEquals: ['Sandbox.Timedout'], MaxAttempts: 0 },
  ],
  Catch: [{ ErrorEquals: ['Sandbox.Timedout'], ResultPath: '$.problem', Next: 'Late' }],
  Next: 'Enough?',
};
const PAYLOAD = {
  'count.$': '$.count',
  'until.$': '$.until',
  'wanted.$': '$.wanted',
  'executionArn.$': '$$.Execution.Id',
  'stateMachineArn.$': '$$.StateMachine.Id',
};

/** As CDK writes it: a text with references in between. */
const DEFINITION = {
  'Fn::Join': [
    '',
    [
      `{"StartAt":"Step","TimeoutSeconds":86400,"States":${JSON.stringify(STATES).slice(0, -1)},`,
      `"Step":${JSON.stringify(STEP_STATE).slice(0, -1)},"Resource":"arn:`,
      { Ref: 'AWS::Partition' },
      ':states:::lambda:invoke","Parameters":{"FunctionName":"',
      { 'Fn::GetAtt': ['Step', 'Arn'] },
      `","Payload":${JSON.stringify(PAYLOAD)}}}}}`,
    ],
  ],
};

const RoleArn = { 'Fn::GetAtt': ['Role', 'Arn'] };
const lambda = (name: string) => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: 'assets', S3Key: `${name}.zip` },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Role: RoleArn,
    Timeout: 2,
  },
});

const TEMPLATE = {
  Resources: {
    Machine: {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: {
        DefinitionString: DEFINITION,
        RoleArn,
        LoggingConfiguration: { Level: 'ERROR' },
        TracingConfiguration: { Enabled: true },
      },
    },
    Nightly: {
      Type: 'AWS::Scheduler::Schedule',
      Properties: {
        ScheduleExpression: 'cron(0 3 * * ? *)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        State: 'ENABLED',
        Target: { Arn: { Ref: 'Machine' }, RoleArn, Input: '{}' },
      },
    },
    Role: { Type: 'AWS::IAM::Role' },
    Step: lambda('step'),
    Seen: lambda('seen'),
    UsersTable: {
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      },
    },
    Stream: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: {
        FunctionName: { Ref: 'Seen' },
        EventSourceArn: { 'Fn::GetAtt': ['UsersTable', 'StreamArn'] },
        StartingPosition: 'TRIM_HORIZON',
      },
    },
  },
  Outputs: { Machine: { Value: { Ref: 'Machine' } }, Users: { Value: { Ref: 'UsersTable' } } },
};

const directory = temporaryDirectory();
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const lines: string[] = [];
let cloud: LocalCloud;
let sfn: SFNClient;

async function* existingUsers() {
  for (let index = 0; index < EXISTING; index++) yield { id: { S: `existing-${index}` } };
}

beforeAll(async () => {
  writeAssembly(directory, TEMPLATE, { step: STEP, seen: SEEN });
  cloud = await startLocalCloud({
    assembly: directory,
    existingItems: { Users: existingUsers() },
    waitScale: WAIT_SCALE,
    log: ({ line }) => lines.push(line),
  });
  const { AWS_REGION: region = '', AWS_ENDPOINT_URL_SFN: endpoint = '' } = cloud.environment;
  sfn = new SFNClient({ region, endpoint, credentials });
});
afterAll(async () => {
  sfn?.destroy();
  await cloud?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const start = async (name: string, wanted: string, until = 1) => {
  const { executionArn = '' } = await sfn.send(
    new StartExecutionCommand({
      stateMachineArn: cloud.outputs['Machine'] ?? '',
      name,
      input: JSON.stringify({ count: 0, until, wanted }),
    }),
  );
  return executionArn;
};
const look = (executionArn: string) => sfn.send(new DescribeExecutionCommand({ executionArn }));
const finish = async (executionArn: string) => {
  await expect.poll(async () => (await look(executionArn)).status, { timeout: 60_000 }).not.toBe('RUNNING');
  return look(executionArn);
};
const typesOf = async (executionArn: string) => {
  const { events = [] } = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
  return events.map(({ type }) => type);
};
const statisticsOf = (name: string) => cloud.statistics().stateMachines['Fixture-Machine']?.[name];
const invocations = () => cloud.statistics().functions['Fixture-Step']?.invocations;

describe('a state machine of a stack in the local cloud', () => {
  it('goes round its loop with the functions of the stack, its waits scaled', async () => {
    const executionArn = await start('loop', 'nothing', 3);
    const { status, output = '' } = await finish(executionArn);
    expect(status).toBe('SUCCEEDED');
    expect(JSON.parse(output)).toEqual({
      count: 3,
      until: 3,
      wanted: 'nothing',
      done: true,
      waitSeconds: 30,
      executionArn,
    });
    // Its start and end, three tasks of five, three choices and two waits of two, one success of two.
    expect(statisticsOf('loop')).toEqual({ status: 'SUCCEEDED', historyEvents: 2 + 15 + 6 + 4 + 2 });
    expect(await typesOf(executionArn)).toHaveLength(29);
  });

  it('tries again by the name of the error', async () => {
    const executionArn = await start('flaky', 'flaky');
    expect(await finish(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await typesOf(executionArn)).filter((type) => type === 'TaskFailed')).toHaveLength(2);
    expect(statisticsOf('flaky')?.historyEvents).toBe(2 + 5 + 2 * 3 + 2 + 2);
  });

  it('fails with the name of an error that nothing catches', async () => {
    const { status, error, cause = '' } = await finish(await start('broken', 'broken'));
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'TypeError' });
    expect(JSON.parse(cause)).toMatchObject({ errorType: 'TypeError', errorMessage: 'no hope' });
  });

  it('goes where the time-out of a function is caught', async () => {
    expect(await finish(await start('slow', 'slow'))).toMatchObject({
      status: 'FAILED',
      error: 'Late',
      cause: 'it took too long',
    });
  });

  it('stops when it is told to', async () => {
    const executionArn = await start('stopped', 'nothing', 1000);
    await expect.poll(() => typesOf(executionArn), { timeout: 10_000 }).toContain('WaitStateExited');
    await sfn.send(new StopExecutionCommand({ executionArn, error: 'Enough', cause: 'by hand' }));
    expect(await look(executionArn)).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'by hand' });
    await cloud.untilIdle(10_000);
    const before = invocations();
    await new Promise((resolve) => setTimeout(resolve, 30_000 * WAIT_SCALE * 3));
    expect(invocations()).toBe(before);
  });

  it('can be started by a function of the stack', async () => {
    await finish(await start('starter', 'another'));
    await expect.poll(() => statisticsOf('another')?.status, { timeout: 10_000 }).toBe('SUCCEEDED');
  });
});

describe('items that a table had before the stack', () => {
  it('are in the table, and in no stream', async () => {
    const { AWS_REGION: region = '', AWS_ENDPOINT_URL_DYNAMODB: endpoint = '' } = cloud.environment;
    const dynamodb = new DynamoDBClient({ region, endpoint, credentials });
    const TableName = cloud.outputs['Users'] ?? '';
    const { Count } = await dynamodb.send(new ScanCommand({ TableName, Select: 'COUNT' }));
    expect(Count).toBe(EXISTING);
    await dynamodb.send(new PutItemCommand({ TableName, Item: { id: { S: 'new' } } }));
    await cloud.untilIdle(30_000);
    expect(lines.filter((line) => line.includes('seen '))).toEqual([expect.stringContaining('seen new')]);
    dynamodb.destroy();
  });

  it('are a mistake when they are of no table of the stack', async () => {
    const mistaken = startLocalCloud({ assembly: directory, existingItems: { People: [] } });
    await expect(mistaken).rejects.toThrow('no table whose logical id begins with People');
  });
});
