import { describe, expect, it } from 'vitest';
import { countTo, LOOP, machineWith, task } from '../fixtures/machine-with.ts';
import { InvocationError } from '../lambda/execution-environment.ts';
import { ThrottledError } from '../lambda/lambda-function.ts';
import type { Execution } from './execution.ts';

const ended = async (execution: Execution | undefined) => {
  await expect.poll(() => execution?.status, { timeout: 20_000 }).not.toBe('RUNNING');
  return execution;
};
const run = (...machine: Parameters<typeof machineWith>) =>
  ended(machineWith(...machine).start('{"count":0}'));
const fail = (errorType: string, errorMessage = 'no hope') => {
  throw new InvocationError('step', { errorType, errorMessage });
};
const typesOf = (execution: Execution | undefined) => execution?.history.map(({ type }) => type);
const only = (state: Record<string, unknown>) => ({ StartAt: 'Only', States: { Only: state } });

describe('a state machine on the local cloud', () => {
  it('runs its definition with the functions of the template', async () => {
    const { outcome } = (await run(countTo(3))) ?? {};
    expect(outcome).toMatchObject({
      status: 'SUCCEEDED',
      output: '{"count":3,"done":true,"waitSeconds":0}',
    });
  });

  it('records the events that Step Functions would record', async () => {
    const types = typesOf(await run(countTo(2)));
    const taskTypes = ['StateEntered', 'Scheduled', 'Started', 'Succeeded', 'StateExited'].map(
      (each) => `Task${each}`,
    );
    expect(types).toEqual([
      'ExecutionStarted',
      ...taskTypes,
      'ChoiceStateEntered',
      'ChoiceStateExited',
      'WaitStateEntered',
      'WaitStateExited',
      ...taskTypes,
      'ChoiceStateEntered',
      'ChoiceStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it('retries the errors of the definition, and fails with the name and message of others', async () => {
    let calls = 0;
    const execution = await run(() => {
      calls++;
      if (calls === 1) throw new ThrottledError('step', 1);
      return fail('Broken');
    });
    expect(calls).toBe(2);
    expect(execution?.outcome).toMatchObject({
      status: 'FAILED',
      error: 'Broken',
      cause: expect.stringContaining('no hope'),
    });
    expect(typesOf(execution)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      ...['TaskScheduled', 'TaskStarted', 'TaskFailed'],
      ...['TaskScheduled', 'TaskStarted', 'TaskFailed'],
      'ExecutionFailed',
    ]);
    expect(execution?.history[4]?.details).toMatchObject({
      taskFailedEventDetails: { error: 'Lambda.TooManyRequestsException', resource: 'invoke' },
    });
  });

  it('continues where an error is caught, with its name and cause', async () => {
    const definition = {
      StartAt: 'Step',
      States: {
        Step: task({
          Catch: [{ ErrorEquals: ['Broken'], ResultPath: '$.problem', Next: 'Mended' }],
          End: true,
        }),
        Mended: { Type: 'Pass', End: true },
      },
    };
    const execution = await run(() => fail('Broken'), definition);
    const cause = JSON.stringify({ errorType: 'Broken', errorMessage: 'no hope' });
    expect(execution?.outcome).toMatchObject({
      status: 'SUCCEEDED',
      output: JSON.stringify({ count: 0, problem: { Error: 'Broken', Cause: cause } }),
    });
    expect(typesOf(execution)).toEqual([
      'ExecutionStarted',
      ...['TaskStateEntered', 'TaskScheduled', 'TaskStarted', 'TaskFailed', 'TaskStateExited'],
      ...['PassStateEntered', 'PassStateExited'],
      'ExecutionSucceeded',
    ]);
  });

  it('fails in a Fail state', async () => {
    const execution = await run(countTo(1), only({ Type: 'Fail', Error: 'Hopeless', Cause: 'it is late' }));
    expect(execution?.outcome).toMatchObject({ status: 'FAILED', error: 'Hopeless', cause: 'it is late' });
    expect(typesOf(execution)).toEqual(['ExecutionStarted', 'FailStateEntered', 'ExecutionFailed']);
  });

  it('ends when the timeout of the definition has passed', async () => {
    const wait = only({ Type: 'Wait', Seconds: 60, End: true });
    const execution = await run(countTo(1), { ...wait, TimeoutSeconds: 1 });
    expect(execution?.status).toBe('TIMED_OUT');
    expect(typesOf(execution)?.at(-1)).toBe('ExecutionTimedOut');
  });

  it('does nothing more after it was stopped in a wait', async () => {
    let calls = 0;
    const loop = machineWith((payload) => {
      calls++;
      return countTo(9, 1)(payload);
    });
    const execution = loop.start('{"count":0}', 'one');
    await expect.poll(() => typesOf(execution)).toContain('WaitStateEntered');
    if (execution) loop.stop(execution, 'Enough', 'by hand');
    const before = calls;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(calls).toBe(before);
    expect(execution?.outcome).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'by hand' });
    expect(typesOf(execution)?.at(-1)).toBe('ExecutionAborted');
  });

  it('invokes nothing after it was stopped between two retries', async () => {
    let calls = 0;
    const loop = machineWith(() => {
      calls++;
      return fail('Flaky');
    });
    const execution = loop.start('{"count":0}');
    await expect.poll(() => typesOf(execution)).toContain('TaskFailed');
    if (execution) loop.stop(execution);
    const before = calls;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(calls).toBe(before);
  });

  it('starts nothing after the cloud has stopped', async () => {
    const loop = machineWith(countTo(9, 60));
    const running = loop.start('{"count":0}');
    loop.shutDown();
    const late = loop.start('{"count":0}');
    expect([running?.status, late?.status]).toEqual(['ABORTED', 'ABORTED']);
  });

  it('starts an execution with the same name only once', async () => {
    const loop = machineWith(countTo(2, 1));
    const first = loop.start('{"count":0}', 'one');
    expect(loop.start('{"count":0}', 'one')).toBe(first);
    expect(loop.start('{"count":5}', 'one')).toBeUndefined();
    await ended(first);
    expect(loop.start('{"count":0}', 'one')).toBeUndefined();
    expect(loop.statistics).toEqual({ one: { status: 'SUCCEEDED', historyEvents: 20 } });
  });

  it('scales waits', async () => {
    const execution = await run(countTo(3, 3600), LOOP, 1 / 36_000);
    expect(execution?.status).toBe('SUCCEEDED');
  });

  it('does not wait for a time in the past', async () => {
    const past = only({ Type: 'Wait', Timestamp: '2020-01-01T00:00:00Z', End: true });
    expect((await run(countTo(1), past))?.outcome).toMatchObject({ output: '{"count":0}' });
  });

  it('does not end a wait at once that is longer than a timer can be', async () => {
    const loop = machineWith(countTo(9, 40 * 24 * 3600));
    const execution = loop.start('{"count":0}');
    await expect.poll(() => typesOf(execution)).toContain('WaitStateEntered');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(typesOf(execution)?.at(-1)).toBe('WaitStateEntered');
    loop.shutDown();
  });

  it('rejects a wait that is not a number of seconds', async () => {
    const execution = await run(() => ({ count: 1, done: false, waitSeconds: 'soon' }));
    expect(execution?.outcome).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
  });

  it('fails when its history is full, like the service', async () => {
    const again = {
      Type: 'Choice',
      Choices: [{ Variable: '$.end', IsPresent: true, Next: 'End' }],
      Default: 'On',
    };
    const States = { Again: again, On: { Type: 'Pass', Next: 'Again' }, End: { Type: 'Succeed' } };
    const execution = await run(countTo(1), { StartAt: 'Again', States });
    expect(execution?.outcome).toMatchObject({
      error: 'States.Runtime',
      cause: 'The execution reached the maximum number of history events (25000).',
    });
    expect(execution?.history).toHaveLength(25_000);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'another service',
      task({ Resource: 'arn:aws:states:::sqs:sendMessage', End: true }),
      /only lambda:invoke/,
    ],
    [
      'a callback',
      task({ Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken', End: true }),
      /only lambda:invoke/,
    ],
    ['a kind of state', { Type: 'Map', End: true }, /States\.Only\.Type/],
    ['a field', { Type: 'Pass', Assign: { x: 1 }, End: true }, /"Assign".*States\.Only/s],
    ['a language', { Type: 'Pass', QueryLanguage: 'JSONata', End: true }, /States\.Only\.QueryLanguage/],
    ['a next state', { Type: 'Pass', Next: 'Nowhere' }, /Nowhere/],
    ['a function', task({ Parameters: { FunctionName: 'nobody' }, End: true }), /no function nobody/],
  ])('is rejected when its definition uses %s that is not supported', (_, state, message) => {
    expect(() => machineWith(countTo(1), only(state))).toThrow(message);
  });
});
