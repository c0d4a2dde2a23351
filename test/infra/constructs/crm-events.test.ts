import { describe, expect, it } from 'vitest';
import { CALLBACK_RETRY } from '../../../shared/quota/retry-policy.ts';
import { messageSchema } from '../../../shared/sync/message.ts';
import { properties, readable, resources, templateWith } from '../../support/template-with.ts';

const QUEUE = 'arn:aws:sqs:eu-west-1:123456789012:mine';
const BUS = 'arn:aws:events:eu-west-1:123456789012:event-bus/mine';
const callback = { url: 'https://app.example.com/events' };

it('without the setting, the stack has none of its resources', () => {
  const template = templateWith();
  for (const type of ['AWS::Events::EventBus', 'AWS::Events::Rule'])
    expect(resources(template, type)).toEqual({});
  expect(properties(template, 'AWS::SQS::Queue', 'ContactSyncQueue')).not.toHaveProperty(
    'ContentBasedDeduplication',
  );
  expect(
    JSON.stringify(properties(template, 'AWS::Lambda::Function', 'ContactSyncSyncContact')),
  ).not.toContain('EVENT_');
});

describe('with the setting', () => {
  const template = templateWith({
    events: {
      callback,
      queueArn: QUEUE,
      intervalMinutes: 5,
      listing: 'cron(0 2 * * ? *)',
      timeZone: 'Europe/Berlin',
      resources: ['orders', 'users'],
      startAt: '2027-01-01',
    },
  });

  it('tells the functions what is polled, and where the first poll begins', () => {
    const variables = (id: string) =>
      (properties(template, 'AWS::Lambda::Function', id)['Environment'] as { Variables: object }).Variables;
    expect(variables('ContactSyncSyncContact')).toMatchObject({
      EVENT_RESOURCES: 'orders,users',
      EVENT_START: '2027-01-01T00:00:00.000Z',
    });
    expect(variables('HealthCheckCheckHealth')).toMatchObject({
      EVENT_POLLS: 'contacts,tags,orders',
      EVENT_LISTINGS: 'orders-listing,users-listing',
    });
    expect(readable(template.findOutputs('EventSettings')['EventSettings']?.['Value'])).toBe(
      JSON.stringify({
        intervalMinutes: 5,
        optOutMinutes: 60,
        listing: 'cron(0 2 * * ? *)',
        resources: ['orders', 'users'],
      }),
    );
  });

  it('schedules send messages that the consumer understands, in a group of their own', () => {
    const schedules = Object.entries(resources(template, 'AWS::Scheduler::Schedule')).filter(([id]) =>
      id.startsWith('CrmEvents'),
    );
    const polls = schedules.map(([, { Properties }]) => {
      const { ScheduleExpression, ScheduleExpressionTimezone, Target } = Properties as {
        ScheduleExpression: string;
        ScheduleExpressionTimezone: string;
        Target: { Arn: unknown; Input: string; SqsParameters: unknown };
      };
      expect(readable(Target.Arn)).toBe('ContactSyncQueue.Arn');
      expect(Target.SqsParameters).toEqual({ MessageGroupId: 'poll-crm' });
      const sent = Target.Input.replace('<aws.scheduler.scheduled-time>', '2026-11-29T00:00:00Z');
      const message = messageSchema.parse(JSON.parse(sent));
      return ['poll' in message && message.poll, ScheduleExpression, ScheduleExpressionTimezone];
    });
    expect(polls).toEqual([
      ['changes', 'rate(5 minutes)', 'Etc/UTC'],
      ['opt-outs', 'rate(1 hour)', 'Etc/UTC'],
      ['listing', 'cron(0 2 * * ? *)', 'Europe/Berlin'],
    ]);
  });

  it('the queue accepts messages without a deduplication id, as the scheduler sends them', () => {
    expect(properties(template, 'AWS::SQS::Queue', 'ContactSyncQueue')['ContentBasedDeduplication']).toBe(
      true,
    );
  });

  it('rules send the events of this stack to the queue of the app and to that of the callback', () => {
    const rules = Object.values(resources(template, 'AWS::Events::Rule')).map(
      ({ Properties }) =>
        Properties as { EventPattern: unknown; Targets: { Arn: unknown; InputPath: string }[] },
    );
    expect(rules.map(({ Targets }) => readable(Targets[0]?.Arn))).toEqual([
      QUEUE,
      'CrmEventsCallbackQueue.Arn',
    ]);
    for (const { EventPattern, Targets } of rules) {
      expect(EventPattern).toEqual({ source: ['user-sync'], detail: { source: ['/user-sync/user-sync'] } });
      expect(Targets[0]?.InputPath).toBe('$.detail');
    }
  });

  it('an event has as many attempts as the retry policy, and then becomes a dead letter', () => {
    expect(properties(template, 'AWS::SQS::Queue', 'CrmEventsCallbackQueue')['RedrivePolicy']).toMatchObject({
      maxReceiveCount: CALLBACK_RETRY.delaysMs.length + 1,
    });
  });
});

it('an existing bus is used, and the listing can be off', () => {
  const template = templateWith({ events: { bus: BUS, listing: 'off', callback } });
  expect(resources(template, 'AWS::Events::EventBus')).toEqual({});
  expect(JSON.stringify(properties(template, 'AWS::Lambda::Function', 'ContactSyncSyncContact'))).toContain(
    BUS,
  );
  const ids = Object.keys(resources(template, 'AWS::Scheduler::Schedule'));
  expect(ids.filter((id) => id.startsWith('CrmEventsListing'))).toEqual([]);
});
