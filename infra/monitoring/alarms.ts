import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { maxEventLag } from '../../lambdas/check-health/check-health.ts';
import type { CrmEvents } from '../constructs/crm-events.ts';
import { type MonitoredSystem, ownMetric } from './metrics.ts';

/** The condition of an alarm, and its meaning. */
interface AlarmDefinition {
  /** Heading of the article in the runbook, and id of the alarm. */
  article: string;
  /** One sentence for the alarm's description. The article explains the threshold. */
  meaning: string;
  metric: IMetric;
  /** The alarm is raised at or above this value. */
  threshold: number;
  /** Periods to evaluate; one by default. */
  periods?: number;
  /** Periods that must reach the threshold; all by default. */
  datapoints?: number;
  whenMissing: TreatMissingData;
}

/**
 * Treatment of missing data, by the kind of metric (CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data"):
 *
 * - Health: whether changes reach the CRM. check-health always measures it, so missing data means that the state is unknown, which raises
 *   the alarm.
 * - Condition: lasts until a measurement shows that it has ended, so the alarm keeps its state. Failure queues belong here too, because SQS
 *   sends no metrics of a queue without activity for six hours, even if it has messages (SQS developer guide, "Available CloudWatch
 *   metrics").
 * - Event, such as an error: missing data means that none happened.
 */
const HEALTH = TreatMissingData.BREACHING;
const CONDITION = TreatMissingData.IGNORE;
const EVENT = TreatMissingData.NOT_BREACHING;

/** An alarm for every condition that needs an operator, and the topic that they notify. docs/runbook.md has an article for each. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly alarms: Alarm[];

  constructor(scope: Construct, id: string, system: MonitoredSystem) {
    super(scope, id);
    const { email, runbookUrl } = system.config.alarms;
    this.topic = new Topic(this, 'Topic', { enforceSSL: true, ...system.encryption.ofTopic });
    if (email) this.topic.addSubscription(new EmailSubscription(email));
    this.alarms = definitions(system).map((definition) => {
      const { article, meaning, metric, threshold, periods = 1, datapoints, whenMissing } = definition;
      const alarm = new Alarm(this, article, {
        alarmDescription: `${meaning} Runbook: ${runbookUrl}#${article.toLowerCase()}`,
        metric,
        threshold,
        evaluationPeriods: periods,
        ...(datapoints !== undefined && { datapointsToAlarm: datapoints }),
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: whenMissing,
      });
      alarm.addAlarmAction(new SnsAction(this.topic));
      alarm.addOkAction(new SnsAction(this.topic));
      return alarm;
    });
    // With this policy, the topic loses the default one, which allows everything in the account to publish.
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarmsOfThisStack',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { ArnEquals: { 'aws:SourceArn': this.alarms.map(({ alarmArn }) => alarmArn) } },
      }),
    );
  }
}

const MINUTES_5 = Duration.minutes(5);
const SECOND_MS = 1000;
/** In periods of five minutes. */
const HALF_AN_HOUR = 6;
const AN_HOUR = 12;
/** Other alarms report an outage after half an hour and stuck users after one. This one reports what remains, such as a long pause. */
const OLDEST_CHANGE_SECONDS = 2 * 3600;
/** A quarter of the 24 hours that the stream keeps records: leaves a night to react. */
const ITERATOR_AGE_MS = 6 * 3600 * SECOND_MS;
const QUOTA_PERCENT = 80;

function definitions(system: MonitoredSystem): AlarmDefinition[] {
  const { config, scheduleGroup, contactSync, changeFeed, backfill, secret, crmEvents } = system;
  const visible = (queue: typeof contactSync.queue) =>
    queue.metricApproximateNumberOfMessagesVisible({ period: MINUTES_5, statistic: 'Maximum' });
  const functions = {
    DiffUser: changeFeed.diffUser,
    SyncContact: contactSync.syncContact,
    Backfill: backfill.fn,
    ...(crmEvents?.callback && { SendCallback: crmEvents.callback.sendCallback }),
  };
  return [
    {
      article: 'NothingSucceeds',
      meaning: 'Changes have been waiting for half an hour, and none has reached the CRM.',
      metric: ownMetric(config, 'NothingSucceeds', 'Maximum'),
      threshold: 1,
      periods: HALF_AN_HOUR,
      whenMissing: HEALTH,
    },
    {
      article: 'OldestChange',
      meaning: 'A change has been waiting for two hours, and the cause is not a single user who fails.',
      metric: ownMetric(config, 'OldestChangeAge', 'Maximum'),
      threshold: OLDEST_CHANGE_SECONDS,
      // check-health leaves out a user who is stuck alone. While another user fails too, it counts: normal for one check, not for three.
      periods: 3,
      whenMissing: HEALTH,
    },
    {
      article: 'StuckUsers',
      meaning: 'Syncing at least one user has failed for an hour.',
      metric: ownMetric(config, 'StuckUsers', 'Maximum'),
      threshold: 1,
      whenMissing: CONDITION,
    },
    {
      article: 'SyncLag',
      meaning: `1 % of changes take more than ${config.alarms.lagSeconds} s to reach the CRM.`,
      metric: ownMetric(config, 'SyncLag', 'p99'),
      threshold: config.alarms.lagSeconds * SECOND_MS,
      periods: 3,
      whenMissing: CONDITION,
    },
    {
      article: 'DeadLetters',
      meaning: 'Users could not be synced, for a reason that retries do not fix.',
      metric: visible(contactSync.deadLetterQueue),
      threshold: 1,
      whenMissing: CONDITION,
    },
    {
      article: 'ChangeFeed',
      meaning: 'Changes of users do not reach diff-user. The stream keeps them for 24 hours.',
      metric: ownMetric(config, 'ChangeFeedStopped', 'Maximum'),
      threshold: 1,
      // A failed invocation, or an event source that a deployment changes, is normal for one check, not for three.
      periods: 3,
      whenMissing: CONDITION,
    },
    {
      article: 'StreamFailures',
      meaning: 'Stream records could not be processed, so changes of some users are not synced.',
      metric: visible(changeFeed.failureQueue),
      threshold: 1,
      whenMissing: CONDITION,
    },
    {
      article: 'IteratorAge',
      meaning: 'diff-user is 6 hours behind the stream, which keeps records for 24 hours.',
      metric: changeFeed.diffUser.metric('IteratorAge', { period: MINUTES_5, statistic: 'Maximum' }),
      threshold: ITERATOR_AGE_MS,
      whenMissing: CONDITION,
    },
    {
      article: 'QuotaDay',
      meaning: `${QUOTA_PERCENT} % of the daily request quota is used up.`,
      metric: ownMetric(config, 'QuotaDayUsed', 'Maximum'),
      threshold: QUOTA_PERCENT,
      whenMissing: CONDITION,
    },
    {
      article: 'QuotaMonth',
      meaning: `${QUOTA_PERCENT} % of the monthly request quota is used up.`,
      metric: ownMetric(config, 'QuotaMonthUsed', 'Maximum'),
      threshold: QUOTA_PERCENT,
      whenMissing: CONDITION,
    },
    {
      article: 'Paused',
      meaning: 'Requests are paused: the daily or monthly quota is used up, or an operator paused them.',
      metric: ownMetric(config, 'Paused', 'Maximum'),
      threshold: 1,
      // An operator who pauses for some minutes needs no reminder.
      periods: 3,
      whenMissing: CONDITION,
    },
    {
      article: 'CatalogProblems',
      meaning:
        'The account lacks fields or tags of the mapping, or has fields with another type. They are not synced.',
      metric: ownMetric(config, 'CatalogProblems', 'Maximum'),
      threshold: 1,
      whenMissing: CONDITION,
    },
    ...(crmEvents ? eventAlarms(system, crmEvents) : []),
    {
      article: 'BackfillFailed',
      meaning: 'A backfill or the daily refresh failed.',
      metric: backfill.stateMachine.metricFailed({ period: MINUTES_5, statistic: 'Sum' }),
      threshold: 1,
      whenMissing: EVENT,
    },
    {
      article: 'Schedules',
      meaning: 'EventBridge Scheduler could not start the daily refresh, the health check or a poll.',
      metric: scheduleGroup.metricDropped({ period: MINUTES_5, statistic: 'Sum' }),
      threshold: 1,
      whenMissing: EVENT,
    },
    ...Object.entries(functions).flatMap(([name, lambda]): AlarmDefinition[] => [
      {
        article: `${name}Errors`,
        meaning: `Invocations of ${name} fail as a whole. They are retried.`,
        metric: lambda.metricErrors({ period: MINUTES_5, statistic: 'Sum' }),
        threshold: 1,
        // A message that kills the function returns after the visibility timeout, so never twice in five minutes.
        periods: AN_HOUR,
        datapoints: 3,
        whenMissing: EVENT,
      },
      {
        article: `${name}Throttles`,
        meaning: `AWS Lambda throttles ${name}: its concurrency is used up.`,
        metric: lambda.metricThrottles({ period: MINUTES_5, statistic: 'Sum' }),
        threshold: 10,
        periods: 3,
        whenMissing: EVENT,
      },
    ]),
    ...(secret.rotation
      ? [
          {
            article: 'AuthorizationLost',
            meaning: 'The CRM rejects the refresh token: an operator must authorize again.',
            metric: ownMetric(config, 'AuthorizationLost', 'Maximum'),
            threshold: 1,
            whenMissing: CONDITION,
          },
          {
            article: 'RotationFailed',
            meaning:
              "The CRM's tokens could not be renewed. The current access token is valid for 24 hours from its issue.",
            metric: secret.rotation.rotateToken.metricErrors({ period: Duration.hours(1), statistic: 'Sum' }),
            threshold: 1,
            whenMissing: CONDITION,
          },
        ]
      : []),
  ];
}

function eventAlarms(
  { config }: MonitoredSystem,
  { bus, callback, queueRuleName, callbackRuleName }: CrmEvents,
): AlarmDefinition[] {
  const seconds = maxEventLag(config.events?.intervalMinutes ?? 0);
  const lost = [
    { article: 'EventQueue', RuleName: queueRuleName, receiver: 'app' },
    { article: 'EventCallback', RuleName: callbackRuleName, receiver: 'callback' },
  ];
  return [
    {
      article: 'EventLag',
      meaning: `Changes in the CRM have not been read for ${seconds} s, so the app gets no events about them.`,
      metric: ownMetric(config, 'EventLag', 'Maximum'),
      threshold: seconds,
      whenMissing: CONDITION,
    },
    ...lost.flatMap(({ article, RuleName, receiver }): AlarmDefinition[] => {
      if (RuleName === undefined) return [];
      return [
        {
          article,
          meaning: `Events about changes in the CRM were lost: EventBridge could not send them to the queue of the ${receiver}.`,
          metric: new Metric({
            namespace: 'AWS/Events',
            metricName: 'FailedInvocations',
            // The metrics of the default bus have the rule only (EventBridge user guide, "Monitoring Amazon EventBridge").
            dimensionsMap: {
              RuleName,
              ...(bus.eventBusName !== 'default' && { EventBusName: bus.eventBusName }),
            },
            period: MINUTES_5,
            statistic: 'Sum',
          }),
          threshold: 1,
          whenMissing: EVENT,
        },
      ];
    }),
    ...(callback
      ? [
          {
            article: 'CallbackDeadLetters',
            meaning: 'The callback of the app has not accepted some events for a day.',
            metric: callback.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
              period: MINUTES_5,
              statistic: 'Maximum',
            }),
            threshold: 1,
            whenMissing: CONDITION,
          },
        ]
      : []),
  ];
}
