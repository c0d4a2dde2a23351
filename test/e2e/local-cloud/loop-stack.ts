import { lambda, Role, schedule, stateMachine } from '../../local-cloud/template-parts.ts';

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

/** A state machine that goes round a loop with a function, and is started each night. */
export const TEMPLATE = {
  Resources: {
    Machine: stateMachine(DEFINITION, {
      LoggingConfiguration: { Level: 'ERROR' },
      TracingConfiguration: { Enabled: true },
    }),
    Nightly: schedule({ Ref: 'Machine' }, { ScheduleExpression: 'cron(0 3 * * ? *)', State: 'ENABLED' }),
    Role,
    Step: lambda({ Timeout: 2 }, 'step'),
  },
  Outputs: { Machine: { Value: { Ref: 'Machine' } } },
};

export const BUNDLES = { step: STEP };
