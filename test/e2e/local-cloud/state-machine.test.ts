import { rmSync } from 'node:fs';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUNDLES, TEMPLATE } from '../../local-cloud/fixtures/loop-stack.ts';
import { writeAssembly } from '../../local-cloud/fixtures/write-assembly.ts';
import { temporaryDirectory } from '../../local-cloud/fixtures/write-bundle.ts';
import { type LocalCloud, startLocalCloud } from '../../local-cloud/local-cloud.ts';

const WAIT_SCALE = 1 / 100;

const directory = temporaryDirectory();
let cloud: LocalCloud;
let sfn: SFNClient;

beforeAll(async () => {
  writeAssembly(directory, TEMPLATE, BUNDLES);
  cloud = await startLocalCloud({
    assembly: directory,
    waitScale: WAIT_SCALE,
  });
  sfn = new SFNClient(cloud.sdk('SFN'));
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
const describeExecution = (executionArn: string) => sfn.send(new DescribeExecutionCommand({ executionArn }));
const finish = async (executionArn: string) => {
  await expect
    .poll(async () => (await describeExecution(executionArn)).status, { timeout: 60_000 })
    .not.toBe('RUNNING');
  return describeExecution(executionArn);
};
const typesOf = async (executionArn: string) => {
  const { events = [] } = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
  return events.map(({ type }) => type);
};
const statisticsOf = (name: string) => cloud.statistics().stateMachines['Fixture-Machine']?.[name];
const invocations = () => cloud.statistics().functions['Fixture-Step']?.invocations;

describe('a state machine of a stack in the local cloud', () => {
  it('runs its loop with the functions of the stack and scaled waits', async () => {
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
    // Start and end, three tasks of five events, three choices and two waits of two, one success of two.
    expect(statisticsOf('loop')).toEqual({ status: 'SUCCEEDED', historyEvents: 2 + 15 + 6 + 4 + 2 });
    expect(await typesOf(executionArn)).toHaveLength(29);
  });

  it('retries by error name', async () => {
    const executionArn = await start('flaky', 'flaky');
    expect(await finish(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await typesOf(executionArn)).filter((type) => type === 'TaskFailed')).toHaveLength(2);
    expect(statisticsOf('flaky')?.historyEvents).toBe(2 + 5 + 2 * 3 + 2 + 2);
  });

  it('fails with the name of an uncaught error', async () => {
    const { status, error, cause = '' } = await finish(await start('broken', 'broken'));
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'TypeError' });
    expect(JSON.parse(cause)).toMatchObject({ errorType: 'TypeError', errorMessage: 'no hope' });
  });

  it('catches the timeout of a function', async () => {
    expect(await finish(await start('slow', 'slow'))).toMatchObject({
      status: 'FAILED',
      error: 'Late',
      cause: 'it took too long',
    });
  });

  it('stops on request', async () => {
    const executionArn = await start('stopped', 'nothing', 1000);
    await expect.poll(() => typesOf(executionArn), { timeout: 10_000 }).toContain('WaitStateExited');
    await sfn.send(new StopExecutionCommand({ executionArn, error: 'Enough', cause: 'by hand' }));
    expect(await describeExecution(executionArn)).toMatchObject({
      status: 'ABORTED',
      error: 'Enough',
      cause: 'by hand',
    });
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
