import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { type MonitoredSystem, ownMetric } from './metrics.ts';

/** When an alarm rings, and why. */
interface AlarmDefinition {
  /** Heading of the article in the runbook, and the alarm's own name. */
  article: string;
  /** What it means, in a sentence. The article argues for the threshold. */
  meaning: string;
  metric: IMetric;
  /** At or above this. */
  threshold: number;
  /** Periods of the metric that are looked at; one by default. */
  periods?: number;
  /** How many of them have to reach the threshold; all by default. */
  datapoints?: number;
  whenMissing: TreatMissingData;
}

/**
 * What no data means, by what the metric measures (CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data"):
 *
 * - The promise that changes reach the CRM. check-health measures it at all times, so no data means that nobody knows: that rings.
 * - A condition that lasts until somebody measures that it has ended: the alarm keeps its state. This also holds for queues of failures, since SQS
 *   sends no metrics of a queue that nobody has used for six hours, whatever is in it (SQS developer guide, "Available CloudWatch metrics").
 * - Events, such as errors: no data means that none happened.
 */
const PROMISE = TreatMissingData.BREACHING;
const CONDITION = TreatMissingData.IGNORE;
const EVENT = TreatMissingData.NOT_BREACHING;

/** Alarms on all that needs a person, the topic that notifies them, and for each alarm an article in docs/runbook.md. */
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
        alarmDescription: `${meaning} What to do: ${runbookUrl}#${article.toLowerCase()}`,
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
    // A topic with a policy no longer has the default one, by which everything in the account may publish.
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
/** Half an hour, in periods. */
const HALF_AN_HOUR = 6;
const AN_HOUR = 12;
/** Two hours: outages ring after half an hour and stuck users after one, so what is left is lateness itself, as in a long pause. */
const OLDEST_CHANGE_SECONDS = 2 * 3600;
/** The stream keeps records for 24 hours: a quarter of that leaves a night's sleep. */
const ITERATOR_AGE_MS = 6 * 3600 * SECOND_MS;
const QUOTA_PERCENT = 80;

function definitions(system: MonitoredSystem): AlarmDefinition[] {
  const { config, contactSync, changeFeed, backfill, secret } = system;
  const visible = (queue: typeof contactSync.queue) =>
    queue.metricApproximateNumberOfMessagesVisible({ period: MINUTES_5, statistic: 'Maximum' });
  const functions = {
    DiffUser: changeFeed.diffUser,
    SyncContact: contactSync.syncContact,
    Backfill: backfill.feeder,
  };
  return [
    {
      article: 'NothingSucceeds',
      meaning: 'For half an hour there was something to do, and nothing has reached the CRM.',
      metric: ownMetric(config, 'NothingSucceeds', 'Maximum'),
      threshold: 1,
      periods: HALF_AN_HOUR,
      whenMissing: PROMISE,
    },
    {
      article: 'OldestChange',
      meaning: 'A change has been waiting for two hours, and not because of one user alone.',
      metric: ownMetric(config, 'OldestChangeAge', 'Maximum'),
      threshold: OLDEST_CHANGE_SECONDS,
      // A stuck user is set aside unless several fail, which happens for seconds on any day.
      periods: 3,
      whenMissing: PROMISE,
    },
    {
      article: 'StuckUsers',
      meaning: 'Every attempt to sync some users has failed for an hour.',
      metric: ownMetric(config, 'StuckUsers', 'Maximum'),
      threshold: 1,
      whenMissing: CONDITION,
    },
    {
      article: 'SyncLag',
      meaning: `One user in a hundred is in the CRM later than ${config.alarms.lagSeconds} s after the change.`,
      metric: ownMetric(config, 'SyncLag', 'p99'),
      threshold: config.alarms.lagSeconds * SECOND_MS,
      periods: 3,
      whenMissing: CONDITION,
    },
    {
      article: 'DeadLetters',
      meaning: 'Users are not in the CRM, for a reason that time does not fix.',
      metric: visible(contactSync.deadLetterQueue),
      threshold: 1,
      whenMissing: CONDITION,
    },
    {
      article: 'StreamFailures',
      meaning: 'Stream records could not be processed: the sync does not know of changes of some users.',
      metric: visible(changeFeed.failureQueue),
      threshold: 1,
      whenMissing: CONDITION,
    },
    {
      article: 'IteratorAge',
      meaning: 'diff-user is hours behind the stream, which keeps records for 24.',
      metric: changeFeed.diffUser.metric('IteratorAge', { period: MINUTES_5, statistic: 'Maximum' }),
      threshold: ITERATOR_AGE_MS,
      whenMissing: CONDITION,
    },
    {
      article: 'QuotaDay',
      meaning: `${QUOTA_PERCENT} % of the day's requests are used.`,
      metric: ownMetric(config, 'QuotaDayUsed', 'Maximum'),
      threshold: QUOTA_PERCENT,
      whenMissing: CONDITION,
    },
    {
      article: 'QuotaMonth',
      meaning: `${QUOTA_PERCENT} % of the month's requests are used.`,
      metric: ownMetric(config, 'QuotaMonthUsed', 'Maximum'),
      threshold: QUOTA_PERCENT,
      whenMissing: CONDITION,
    },
    {
      article: 'Paused',
      meaning: "No requests are made: the day's or month's quota is spent, or a person has paused them.",
      metric: ownMetric(config, 'Paused', 'Maximum'),
      threshold: 1,
      // A person who pauses for some minutes needs no reminder.
      periods: 3,
      whenMissing: CONDITION,
    },
    {
      article: 'CatalogProblems',
      meaning: 'The account cannot take some of what the mapping writes: those fields are left as they are.',
      metric: ownMetric(config, 'CatalogProblems', 'Maximum'),
      threshold: 1,
      whenMissing: CONDITION,
    },
    {
      article: 'BackfillFailed',
      meaning: 'A backfill, or the daily refresh, failed.',
      metric: backfill.stateMachine.metricFailed({ period: MINUTES_5, statistic: 'Sum' }),
      threshold: 1,
      whenMissing: EVENT,
    },
    ...Object.entries(functions).flatMap(([name, lambda]): AlarmDefinition[] => [
      {
        article: `${name}Errors`,
        meaning: `${lambda.node.id} fails, and not for one user: what it was given is tried again.`,
        metric: lambda.metricErrors({ period: MINUTES_5, statistic: 'Sum' }),
        threshold: 1,
        // A message that kills the function comes back only after the visibility time-out: that is never twice in five minutes.
        periods: AN_HOUR,
        datapoints: 3,
        whenMissing: EVENT,
      },
      {
        article: `${name}Throttles`,
        meaning: `AWS Lambda does not run ${lambda.node.id}: the concurrency is used up.`,
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
            meaning: 'The CRM no longer accepts the refresh token: a person has to authorize again.',
            metric: ownMetric(config, 'AuthorizationLost', 'Maximum'),
            threshold: 1,
            whenMissing: CONDITION,
          },
          {
            article: 'RotationFailed',
            meaning:
              "The CRM's tokens could not be renewed. The current one is valid for 24 hours from its issue.",
            metric: secret.rotation.rotateToken.metricErrors({ period: Duration.hours(1), statistic: 'Sum' }),
            threshold: 1,
            whenMissing: CONDITION,
          },
        ]
      : []),
  ];
}
