import type { LambdaFunction } from './lambda/lambda-function.ts';
import { LocalStateMachine } from './state-machines/state-machine.ts';

interface Count {
  count: number;
  done?: boolean;
  waitSeconds?: number;
}

const ARN = 'arn:aws:states:us-east-1:000000000000:stateMachine:loop';
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:step';

/** A task that invokes the function. */
export const task = (properties: Record<string, unknown>) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Parameters: { FunctionName: FUNCTION, 'Payload.$': '$' },
  OutputPath: '$.Payload',
  ...properties,
});

/** Counts up in a function until it says that it is done, and waits in between. */
export const LOOP = {
  StartAt: 'Step',
  States: {
    Step: task({
      Retry: [
        { ErrorEquals: ['Flaky', 'Lambda.TooManyRequestsException'], IntervalSeconds: 1, MaxAttempts: 2 },
      ],
      Next: 'Enough?',
    }),
    'Enough?': {
      Type: 'Choice',
      Choices: [{ Variable: '$.done', BooleanEquals: true, Next: 'Done' }],
      Default: 'Pause',
    },
    Pause: { Type: 'Wait', SecondsPath: '$.waitSeconds', Next: 'Step' },
    Done: { Type: 'Succeed' },
  },
};

/** A state machine whose tasks invoke what is given, in the place of a function of a template. */
export function machineWith(
  invoke: (payload: Count) => unknown,
  definition: unknown = LOOP,
  waitScale = 1,
): LocalStateMachine {
  const step = { arn: FUNCTION, invoke: async (payload: unknown) => invoke(payload as Count) };
  return new LocalStateMachine({
    arn: ARN,
    name: 'loop',
    roleArn: 'arn:aws:iam::000000000000:role/loop',
    definition: JSON.stringify(definition),
    waitScale,
    functionOf(name) {
      if (name === FUNCTION) return step as unknown as LambdaFunction;
      throw new Error(`no function ${name}`);
    },
  });
}

/** Counts up to an end. */
export const countTo =
  (end: number, waitSeconds = 0) =>
  ({ count }: Count): Count => ({ count: count + 1, done: count + 1 >= end, waitSeconds });
