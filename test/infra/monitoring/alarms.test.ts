import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMAND_GROUPS } from '../../../infra/cli/registry.ts';
import { alarmSchema } from '../../support/cloudwatch-alarm.ts';
import { properties, readable, resources, templateWith } from '../../support/template-with.ts';

const RUNBOOK = readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8');
const SCRIPTS = Object.keys(
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).scripts,
);
const COMMANDS = COMMAND_GROUPS.flatMap(({ commands }) => commands.map(({ name }) => name));
const articles = [...RUNBOOK.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading);
const template = templateWith({
  alarms: { email: 'ops@example.com' },
  events: {
    callback: { url: 'https://app.example.com/events' },
    queueArn: 'arn:aws:sqs:eu-west-1:123456789012:app-events',
  },
});
const alarms = resources(template, 'AWS::CloudWatch::Alarm');
const propertiesOf = (alarm: Record<string, unknown>) => alarm['Properties'] as Record<string, unknown>;

describe('alarms', () => {
  it('have one article each in the runbook, and every article has an alarm', () => {
    expect(
      Object.keys(alarms)
        .map((id) => id.replace(/^Alarms/, ''))
        .sort(),
    ).toEqual([...articles].sort());
  });

  it.each(articles)('have an article with its meaning, diagnosis, fix and end: %s', (heading) => {
    const article = RUNBOOK.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
    const parts = article.split(/\*\*(Meaning|Diagnose|Fix|Resolved when)\*\* /);
    expect(parts.filter((_, index) => index % 2 === 1)).toEqual([
      'Meaning',
      'Diagnose',
      'Fix',
      'Resolved when',
    ]);
    expect(parts[4]).toMatch(/user-sync [a-z]+|[Tt]he log of `\w+`|Step Functions, "|Lambda, /);
    for (const [, script = ''] of article.matchAll(/npm run ([a-z:]+)/g)) expect(SCRIPTS).toContain(script);
    for (const [, name = ''] of article.matchAll(/user-sync ([a-z]+)/g)) expect(COMMANDS).toContain(name);
    for (const [, anchor = ''] of article.matchAll(/\]\(#(\w+)\)/g))
      expect(articles.map((each) => each.toLowerCase())).toContain(anchor);
  });

  it('link to their article', () => {
    for (const [id, alarm] of Object.entries(alarms)) {
      const anchor = id.replace(/^Alarms/, '').toLowerCase();
      expect(propertiesOf(alarm)['AlarmDescription']).toMatch(new RegExp(`docs/runbook\\.md#${anchor}$`));
    }
    const elsewhere = templateWith({ alarms: { runbookUrl: 'https://wiki.example.com/sync' } });
    expect(properties(elsewhere, 'AWS::CloudWatch::Alarm', 'AlarmsPaused')['AlarmDescription']).toMatch(
      /https:\/\/wiki\.example\.com\/sync#paused$/,
    );
  });

  it('notify the topic when they start and when they end', () => {
    for (const alarm of Object.values(alarms)) {
      const { AlarmActions, OKActions } = propertiesOf(alarm) as Record<string, unknown[]>;
      expect(AlarmActions?.map(readable)).toEqual(['AlarmsTopic']);
      expect(OKActions?.map(readable)).toEqual(['AlarmsTopic']);
    }
  });

  it('watch a single metric each, because emulators reject metric math', () => {
    for (const alarm of Object.values(alarms))
      expect(alarmSchema.safeParse(propertiesOf(alarm)).error).toBe(undefined);
  });

  it.each([
    ['are raised for health', 'breaching', ['NothingSucceeds', 'OldestChange']],
    [
      'keep their state for conditions',
      'ignore',
      [
        'StuckUsers',
        'SyncLag',
        'DeadLetters',
        'ChangeFeed',
        'StreamFailures',
        'IteratorAge',
        'QuotaDay',
        'QuotaMonth',
        'Paused',
        'CatalogProblems',
        'EventLag',
        'CallbackDeadLetters',
        'AuthorizationLost',
        'RotationFailed',
      ],
    ],
    [
      'end for events',
      'notBreaching',
      [
        'EventQueue',
        'EventCallback',
        'BackfillFailed',
        'Schedules',
        ...['DiffUser', 'SyncContact', 'Backfill', 'SendCallback'].flatMap((name) => [
          `${name}Errors`,
          `${name}Throttles`,
        ]),
      ],
    ],
  ])('without data %s', (_, treatment, names) => {
    const treated = Object.entries(alarms)
      .filter(([, alarm]) => propertiesOf(alarm)['TreatMissingData'] === treatment)
      .map(([id]) => id.replace(/^Alarms/, ''));
    expect(treated.toSorted()).toEqual(names.toSorted());
  });

  it('notify only the email address of the settings', () => {
    expect(Object.values(resources(template, 'AWS::SNS::Subscription')).map(propertiesOf)).toMatchObject([
      { Protocol: 'email', Endpoint: 'ops@example.com' },
    ]);
    expect(resources(templateWith(), 'AWS::SNS::Subscription')).toEqual({});
  });

  it.each<[string, number, string, number, number, number?]>([
    ['SyncLag', 900_000, 'p99', 300, 3],
    ['NothingSucceeds', 1, 'Maximum', 300, 6],
    ['OldestChange', 7200, 'Maximum', 300, 3],
    ['StuckUsers', 1, 'Maximum', 300, 1],
    ['DeadLetters', 1, 'Maximum', 300, 1],
    ['ChangeFeed', 1, 'Maximum', 300, 3],
    ['StreamFailures', 1, 'Maximum', 300, 1],
    ['IteratorAge', 21_600_000, 'Maximum', 300, 1],
    ['QuotaDay', 80, 'Maximum', 300, 1],
    ['Paused', 1, 'Maximum', 300, 3],
    ['EventLag', 7200, 'Maximum', 300, 1],
    ['CallbackDeadLetters', 1, 'Maximum', 300, 1],
    ['SyncContactErrors', 1, 'Sum', 300, 12, 3],
  ])(
    '%s is raised at %d (%s of %d s, %d periods)',
    (id, threshold, statistic, period, periods, datapoints) => {
      const alarm = properties(template, 'AWS::CloudWatch::Alarm', `Alarms${id}`);
      expect(alarm).toMatchObject({ Threshold: threshold, Period: period, EvaluationPeriods: periods });
      // Without this property, all periods.
      expect(alarm['DatapointsToAlarm']).toBe(datapoints);
      expect(alarm['Statistic'] ?? alarm['ExtendedStatistic']).toBe(statistic);
    },
  );

  it.each(
    (['EventQueue', 'EventCallback'] as const).flatMap((name) => [
      { name, bus: 'create', dimensions: { EventBusName: 'CrmEventsBus' } },
      {
        name,
        bus: 'arn:aws:events:eu-west-1:123456789012:event-bus/mine',
        dimensions: { EventBusName: 'mine' },
      },
      { name, bus: 'arn:aws:events:eu-west-1:123456789012:event-bus/default', dimensions: {} },
    ]),
  )('$name watches its rule on the bus $bus', ({ name, bus, dimensions }) => {
    const withRules = templateWith({
      stackName: 'a-very-long-name-of-a-stack-that-is-as-long-as-the-settings-allow-it-12',
      events: {
        bus,
        queueArn: 'arn:aws:sqs:eu-west-1:123456789012:app-events',
        callback: { url: 'https://app.example.com/events' },
      },
    });
    const rule = `CrmEvents${name.replace('Event', '')}Rule`;
    const { Name } = properties(withRules, 'AWS::Events::Rule', rule);
    expect(Name).toMatch(/^[\w.-]{1,64}$/);
    const { Namespace, MetricName, Dimensions } = alarmSchema.parse(
      properties(withRules, 'AWS::CloudWatch::Alarm', `Alarms${name}`),
    );
    expect([Namespace, MetricName]).toEqual(['AWS/Events', 'FailedInvocations']);
    expect(Object.fromEntries(Dimensions.map((each) => [each.Name, readable(each.Value)]))).toEqual({
      ...dimensions,
      RuleName: Name,
    });
  });

  it('on tokens exist only if this system renews them', () => {
    const ids = Object.keys(
      resources(templateWith({ crm: { tokenRotationHours: 'off' } }), 'AWS::CloudWatch::Alarm'),
    );
    expect(ids).not.toContain('AlarmsAuthorizationLost');
    expect(ids).not.toContain('AlarmsRotationFailed');
    expect(ids).toContain('AlarmsDeadLetters');
  });
});
