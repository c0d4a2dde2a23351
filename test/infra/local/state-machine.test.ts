import { describe, expect, it } from 'vitest';
import { InvocationError, ThrottledError } from '../../../infra/local/lambda/invocation-error.ts';
import type { LambdaFunction } from '../../../infra/local/lambda/lambda-function.ts';
import { type Execution, LocalStateMachine } from '../../../infra/local/state-machines/state-machine.ts';

const ARN = 'arn:aws:states:us-east-1:000000000000:stateMachine:loop';
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:step';

/** Counts up in a function until it says that it is done, and waits in between. */
const LOOP = {
  StartAt: 'Step',
  States: {
    Step: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Parameters: { FunctionName: FUNCTION, 'Payload.$': '$' },
      OutputPath: '$.Payload',
      Retry: [
        { ErrorEquals: ['Flaky', 'Lambda.TooManyRequestsException'], IntervalSeconds: 1, MaxAttempts: 2 },
      ],
      Next: 'Enough?',
    },
    'Enough?': {
      Type: 'Choice',
      Choices: [{ Variable: '$.done', BooleanEquals: true, Next: 'Done' }],
      Default: 'Pause',
    },
    Pause: { Type: 'Wait', SecondsPath: '$.waitSeconds', Next: 'Step' },
    Done: { Type: 'Succeed' },
  },
};

function machine(invoke: (payload: { count: number }) => unknown, definition: unknown = LOOP) {
  const step = { arn: FUNCTION, invoke: async (payload: unknown) => invoke(payload as { count: number }) };
  return new LocalStateMachine({
    arn: ARN,
    name: 'loop',
    definition: JSON.stringify(definition),
    functionOf: (arn) => (arn === FUNCTION ? (step as unknown as LambdaFunction) : undefined),
  });
}
const countTo =
  (end: number) =>
  ({ count }: { count: number }) => ({ count: count + 1, done: count + 1 >= end, waitSeconds: 0 });
const ended = async (execution: Execution | undefined) => {
  await expect.poll(() => execution?.status, { timeout: 10_000 }).not.toBe('RUNNING');
  return execution;
};

describe('a state machine on the local cloud', () => {
  it('runs its definition with the functions of the template, and counts the events of its history', async () => {
    const execution = await ended(machine(countTo(3)).start('{"count":0}'));
    expect(execution).toMatchObject({
      status: 'SUCCEEDED',
      output: '{"count":3,"done":true,"waitSeconds":0}',
    });
    // Started and succeeded, three tasks of five, three choices and two waits of two, one end of two.
    expect(execution?.historyEvents).toBe(2 + 15 + 6 + 4 + 2);
    expect(execution?.lastExit).toMatchObject({ state: 'Done' });
  });

  it('retries what the definition says, and fails with the name and the message of what it does not', async () => {
    let calls = 0;
    const execution = await ended(
      machine(() => {
        calls++;
        if (calls === 1) throw new ThrottledError('step', 1);
        throw new InvocationError('step', { errorType: 'Broken', errorMessage: 'no hope' });
      }).start('{"count":0}'),
    );
    expect(calls).toBe(2);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'Broken' });
    expect(execution?.cause).toContain('no hope');
  });

  it('can be stopped, and then does nothing more', async () => {
    let calls = 0;
    const loop = machine(() => {
      calls++;
      return { count: calls, done: false, waitSeconds: 1 };
    });
    const execution = loop.start('{"count":0}', 'one');
    await expect.poll(() => calls).toBeGreaterThan(0);
    if (execution) loop.stop(execution, 'Enough', 'by hand');
    const before = calls;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(calls).toBe(before);
    expect(execution).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'by hand' });
  });

  it('starts an execution of one name once', () => {
    const loop = machine(countTo(1));
    const first = loop.start('{"count":0}', 'one');
    expect(loop.start('{"count":0}', 'one')).toBe(first);
    expect(loop.start('{"count":5}', 'one')).toBeUndefined();
  });

  it.each([
    ['another service', { Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage', End: true }],
    ['a kind of state', { Type: 'Map', End: true }],
  ])('is refused when its definition needs %s that the local cloud does not know', (_, state) => {
    expect(() => machine(countTo(1), { StartAt: 'A', States: { A: state } })).toThrow();
  });
});
