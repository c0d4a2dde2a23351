import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  InvalidExecutionInput,
  InvalidName,
  InvalidToken,
  ListExecutionsCommand,
  paginateGetExecutionHistory,
  paginateListStateMachines,
  SFNClient,
  StartExecutionCommand,
  StateMachineDoesNotExist,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countTo, LOOP, machineWith } from '../fixtures/machine-with.ts';
import { pageOf, type StepFunctions, startStepFunctions } from './step-functions.ts';

const machine = machineWith(({ count }) => countTo(3, count < 0 ? 60 : 0)({ count }));
const stateMachineArn = machine.settings.arn;
let server: StepFunctions;
let sfn: SFNClient;

beforeAll(async () => {
  server = await startStepFunctions();
  server.machines.set(stateMachineArn, machine);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sfn = new SFNClient({ region: 'us-east-1', endpoint: server.endpoint, credentials, maxAttempts: 1 });
});
afterAll(async () => {
  machine.shutDown();
  sfn.destroy();
  await server.stop();
});

const start = async (name: string, input = '{"count":0}') => {
  const { executionArn = '' } = await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }));
  return executionArn;
};
const describeExecution = (executionArn: string) => sfn.send(new DescribeExecutionCommand({ executionArn }));
const finish = async (executionArn: string) => {
  await expect
    .poll(async () => (await describeExecution(executionArn)).status, { timeout: 10_000 })
    .not.toBe('RUNNING');
  return describeExecution(executionArn);
};

describe('Step Functions', () => {
  it('lists and describes the state machines', async () => {
    const names: (string | undefined)[] = [];
    for await (const { stateMachines = [] } of paginateListStateMachines({ client: sfn }, {}))
      names.push(...stateMachines.map(({ name }) => name));
    expect(names).toEqual(['loop']);
    const { definition = '', ...rest } = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
    expect(JSON.parse(definition)).toEqual(LOOP);
    expect(rest).toMatchObject({
      name: 'loop',
      status: 'ACTIVE',
      type: 'STANDARD',
      creationDate: expect.any(Date),
    });
  });

  it('runs an execution and returns its result', async () => {
    expect(await finish(await start('first'))).toMatchObject({
      name: 'first',
      stateMachineArn,
      status: 'SUCCEEDED',
      input: '{"count":0}',
      output: '{"count":3,"done":true,"waitSeconds":0}',
      startDate: expect.any(Date),
      stopDate: expect.any(Date),
    });
  });

  it('returns the history in pages, newest first on request', async () => {
    const executionArn = await start('history');
    await finish(executionArn);
    const ids: (number | undefined)[] = [];
    const pages = paginateGetExecutionHistory({ client: sfn, pageSize: 4 }, { executionArn });
    for await (const { events = [] } of pages) ids.push(...events.map(({ id }) => id));
    expect(ids).toEqual(Array.from({ length: 29 }, (_, index) => index + 1));
    const { events = [], nextToken } = await sfn.send(
      new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 2 }),
    );
    expect(nextToken).toBeDefined();
    expect(events).toMatchObject([
      {
        id: 29,
        type: 'ExecutionSucceeded',
        timestamp: expect.any(Date),
        executionSucceededEventDetails: { output: expect.stringContaining('"count":3') },
      },
      {
        id: 28,
        previousEventId: 27,
        type: 'SucceedStateExited',
        stateExitedEventDetails: { name: 'Done', output: expect.stringContaining('"count":3') },
      },
    ]);
    const other = new GetExecutionHistoryCommand({ executionArn, nextToken: 'nonsense' });
    await expect(sfn.send(other)).rejects.toBeInstanceOf(InvalidToken);
  });

  it('stops an execution, and lists executions by status, newest first', async () => {
    const executionArn = await start('endless', '{"count":-9}');
    const list = async (statusFilter: 'RUNNING' | 'ABORTED' | undefined) => {
      const { executions = [] } = await sfn.send(
        new ListExecutionsCommand({ stateMachineArn, statusFilter }),
      );
      return executions.map(({ name }) => name);
    };
    expect(await list('RUNNING')).toEqual(['endless']);
    const stop = new StopExecutionCommand({ executionArn, error: 'Enough', cause: 'by hand' });
    expect((await sfn.send(stop)).stopDate).toBeInstanceOf(Date);
    expect(await describeExecution(executionArn)).toMatchObject({
      status: 'ABORTED',
      error: 'Enough',
      cause: 'by hand',
    });
    expect(await list('RUNNING')).toEqual([]);
    expect(await list('ABORTED')).toEqual(['endless']);
    expect((await list(undefined))[0]).toBe('endless');
  });

  it('rejects what the service rejects', async () => {
    await start('taken', '{"count":-9}');
    expect(await start('taken', '{"count":-9}')).toMatch(/:execution:loop:taken$/);
    await expect(start('taken', '{"count":1}')).rejects.toBeInstanceOf(ExecutionAlreadyExists);
    await expect(start('broken', 'not json')).rejects.toBeInstanceOf(InvalidExecutionInput);
    await expect(start('a name')).rejects.toBeInstanceOf(InvalidName);
    await expect(describeExecution('arn:other')).rejects.toBeInstanceOf(ExecutionDoesNotExist);
    const other = new ListExecutionsCommand({ stateMachineArn: 'arn:other' });
    await expect(sfn.send(other)).rejects.toBeInstanceOf(StateMachineDoesNotExist);
  });
});

describe('pageOf', () => {
  it('pages through a list, oldest first', () => {
    expect(pageOf(5, { maxResults: 3 })).toEqual({ positions: [0, 1, 2], nextToken: '3' });
    expect(pageOf(5, { maxResults: 3, nextToken: '3' })).toEqual({ positions: [3, 4] });
  });

  it('pages through a list, newest first, without repeats when it grows', () => {
    const newest = { maxResults: 2, reverseOrder: true };
    expect(pageOf(5, newest)).toEqual({ positions: [4, 3], nextToken: '2' });
    expect(pageOf(9, { ...newest, nextToken: '2' })).toEqual({ positions: [2, 1], nextToken: '0' });
    expect(pageOf(9, { ...newest, nextToken: '0' })).toEqual({ positions: [0] });
  });

  it('has 100 entries by default', () => {
    expect(pageOf(250, {}).positions).toHaveLength(100);
    expect(pageOf(250, { maxResults: 0 }).positions).toHaveLength(100);
    expect(pageOf(0, {})).toEqual({ positions: [] });
  });

  it.each(['x', '-1', '5', '1.5'])('rejects the token %s', (nextToken) => {
    expect(() => pageOf(5, { nextToken })).toThrow('Invalid Token');
  });
});
