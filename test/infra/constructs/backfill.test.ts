import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../lambdas/backfill/input.ts';
import { MappingDoesNotFitError, SupersededError } from '../../../lambdas/backfill/steps.ts';
import { synthesizedDefinition } from '../../support/backfill-definition.ts';
import { properties, resources, templateWith } from '../../support/template-with.ts';

interface TaskState {
  TimeoutSeconds?: number;
  Retry?: { ErrorEquals: string[]; MaxAttempts?: number; JitterStrategy?: string }[];
}
const stateOf = (name: string): TaskState =>
  (synthesizedDefinition() as { States: Record<string, TaskState> }).States[name] ?? {};
/** The first retrier that matches an error applies (Amazon States Language, "Retry"). */
const retrierOf = (name: string, error: string) =>
  stateOf(name).Retry?.find(({ ErrorEquals }) =>
    ErrorEquals.some((each) => each === error || each === 'States.ALL'),
  );

describe('the backfill', () => {
  const template = templateWith();

  it('starts the run, enqueues users and waits in turn, and reports', () => {
    const { StartAt, States } = synthesizedDefinition() as {
      StartAt: string;
      States: Record<string, { Type: string; Next?: string; Default?: string; Comment?: string }>;
    };
    expect(StartAt).toBe('New or continued?');
    expect(
      Object.fromEntries(
        Object.entries(States).map(([name, { Type, Next, Default }]) => [name, [Type, Next ?? Default]]),
      ),
    ).toEqual({
      'New or continued?': ['Choice', 'Start the run'],
      'Start the run': ['Task', 'Already running?'],
      'Already running?': ['Choice', 'Enqueue users'],
      'Enqueue users': ['Task', 'Next step?'],
      'Next step?': ['Choice', 'Report'],
      'Wait for users in flight': ['Wait', 'Enqueue users'],
      'Wait for the quota': ['Wait', 'Enqueue users'],
      'Continue in a new execution': ['Task', 'Continued'],
      Report: ['Task', 'Done'],
      Continued: ['Succeed', undefined],
      Skipped: ['Succeed', undefined],
      Done: ['Succeed', undefined],
    });
  });

  const STEPS = ['Start the run', 'Enqueue users', 'Continue in a new execution', 'Report'];

  it.each(STEPS)('retries "%s" with jitter on errors that a retry can fix', (name) => {
    // Step Functions developer guide, "Handle Lambda service exceptions" and "Error names".
    for (const error of [
      'Lambda.TooManyRequestsException',
      'Lambda.ServiceException',
      'Lambda.AWSLambdaException',
      'Lambda.SdkClientException',
      'Lambda.ClientExecutionTimeoutException',
      'Lambda.Unknown',
      'Sandbox.Timedout',
      'Runtime.ExitError',
      'States.Timeout',
      'ThrottlingException',
    ]) {
      const retrier = retrierOf(name, error);
      expect(retrier, error).toMatchObject({ JitterStrategy: 'FULL', MaxAttempts: 8, MaxDelaySeconds: 300 });
    }
  });

  it.each(STEPS)('does not retry "%s" on errors that a retry cannot fix', (name) => {
    for (const Final of [InvalidInputError, MappingDoesNotFitError, SupersededError])
      expect(retrierOf(name, new Final().name), Final.name).toMatchObject({ MaxAttempts: 0 });
  });

  it.each(STEPS)('has a timeout for "%s" that is longer than the function’s', (name) => {
    const { Timeout } = properties(template, 'AWS::Lambda::Function', 'BackfillFeeder');
    expect(stateOf(name).TimeoutSeconds).toBeGreaterThan(Number(Timeout));
  });

  it('passes the pace, the limits and the reserve of the settings to the function', () => {
    const settings = {
      crm: { limits: { second: 25, minute: 1500, day: 30_000, month: 500_000 } },
      backfill: { liveReserve: 0.5 },
    };
    const feeder = properties(templateWith(settings), 'AWS::Lambda::Function', 'BackfillFeeder');
    expect(feeder['Environment']).toMatchObject({
      Variables: { LIMITS: JSON.stringify(settings.crm.limits), LIVE_RESERVE: '0.5' },
    });
    const { REQUESTS_PER_SECOND } = (feeder['Environment'] as { Variables: Record<string, string> })
      .Variables;
    expect(Number(REQUESTS_PER_SECOND)).toBeCloseTo(25 / 1.045, 5);
  });

  it('logs every event of an execution, without its data', () => {
    const { LoggingConfiguration } = properties(
      template,
      'AWS::StepFunctions::StateMachine',
      'BackfillStateMachine',
    );
    expect(LoggingConfiguration).toEqual({ Destinations: [expect.anything()], Level: 'ALL' });
  });

  it('refreshes active users every day unless the schedule is off', () => {
    expect(properties(template, 'AWS::Scheduler::Schedule', 'BackfillDailyRefresh')).toMatchObject({
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
      State: 'ENABLED',
      Target: { Input: '{"mode":"refresh"}' },
    });
    const off = templateWith({ backfill: { refreshSchedule: 'off' } });
    expect(resources(off, 'AWS::Scheduler::Schedule')).not.toHaveProperty('BackfillDailyRefresh');
  });
});
