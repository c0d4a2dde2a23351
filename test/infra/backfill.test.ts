import { describe, expect, it } from 'vitest';
import { synthesizedDefinition } from '../lambdas/backfill/definition.ts';
import { properties, resources, templateWith } from './template-with.ts';

describe('the backfill', () => {
  const template = templateWith();

  it('plans, feeds and waits in turn, and reports', () => {
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
      'New or continued?': ['Choice', 'Plan the run'],
      'Plan the run': ['Task', 'Already running?'],
      'Already running?': ['Choice', 'Feed'],
      Feed: ['Task', 'What next?'],
      'What next?': ['Choice', 'Report'],
      'Wait for users in flight': ['Wait', 'Feed'],
      'Wait for the quota': ['Wait', 'Feed'],
      'Go on as a new execution': ['Task', 'Continued'],
      Report: ['Task', 'Done'],
      Continued: ['Succeed', undefined],
      Skipped: ['Succeed', undefined],
      Done: ['Succeed', undefined],
    });
  });

  it('feeds again whatever failed, unless another run took over', () => {
    const { States } = synthesizedDefinition() as {
      States: Record<string, { Retry?: { ErrorEquals: string[]; MaxAttempts: number }[] }>;
    };
    const retries = States['Feed']?.Retry?.map(({ ErrorEquals, MaxAttempts }) => [ErrorEquals, MaxAttempts]);
    expect(retries?.slice(1)).toEqual([
      [['SupersededError'], 0],
      [['States.ALL'], 8],
    ]);
  });

  it('knows the pace, the limits and the reserve of the settings', () => {
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

  it('logs every event of an execution, and none of its data', () => {
    const { LoggingConfiguration } = properties(
      template,
      'AWS::StepFunctions::StateMachine',
      'BackfillStateMachine',
    );
    expect(LoggingConfiguration).toEqual({ Destinations: [expect.anything()], Level: 'ALL' });
  });

  it('refreshes active users every day unless that is off', () => {
    expect(Object.values(resources(template, 'AWS::Scheduler::Schedule'))).toMatchObject([
      {
        Properties: {
          ScheduleExpression: 'cron(0 3 * * ? *)',
          ScheduleExpressionTimezone: 'Etc/UTC',
          State: 'ENABLED',
          Target: { Input: '{"mode":"refresh"}' },
        },
      },
    ]);
    const off = templateWith({ backfill: { refreshSchedule: 'off' } });
    expect(resources(off, 'AWS::Scheduler::Schedule')).toEqual({});
  });
});
