import { expect, it } from 'vitest';
import { properties, readable, resources, templateWith } from '../../support/template-with.ts';

const template = templateWith();

it('health is checked once per CloudWatch period of five minutes, also without a daily refresh', () => {
  for (const each of [template, templateWith({ backfill: { refreshSchedule: 'off' } })])
    expect(properties(each, 'AWS::Scheduler::Schedule', 'HealthCheckSchedule')).toMatchObject({
      ScheduleExpression: 'cron(2/5 * * * ? *)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: { RetryPolicy: { MaximumRetryAttempts: 0 } },
    });
});

it('the schedule invokes check-health', () => {
  const { Target } = properties(template, 'AWS::Scheduler::Schedule', 'HealthCheckSchedule') as {
    Target: { Arn: unknown };
  };
  expect(readable(Target.Arn)).toBe('HealthCheckCheckHealth.Arn');
});

it('check-health knows the event source of diff-user and the user table', () => {
  const { Environment } = properties(template, 'AWS::Lambda::Function', 'HealthCheckCheckHealth');
  const { Variables } = Environment as { Variables: Record<string, unknown> };
  expect(readable(Variables['CHANGE_FEED_MAPPING_ID'])).toBe('ChangeFeedStream');
  expect(readable(Variables['USER_TABLE'])).toBe('UsersTable');
});

it('check-health depends on no queue, so an outage of the consumer does not stop it', () => {
  const sources = Object.values(resources(template, 'AWS::Lambda::EventSourceMapping')).map(
    ({ Properties }) => readable((Properties as Record<string, unknown>)['FunctionName']),
  );
  expect(sources.length).toBeGreaterThan(0);
  expect(sources).not.toContain('HealthCheckCheckHealth');
});
