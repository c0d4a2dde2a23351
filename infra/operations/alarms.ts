import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { ownMetric, type Watched } from './watched.ts';

/** When somebody is told, and of what. */
interface AlarmDefinition {
  /** Heading of the article in the runbook, and the alarm's own name. */
  article: string;
  /** What it means, in a sentence. The threshold is argued for in the article. */
  meaning: string;
  metric: IMetric;
  /** At or above this. */
  threshold: number;
  /** Periods of the metric in a row; one unless told otherwise. */
  periods?: number;
}

/** Alarms on all that needs a person, a topic that tells, and for each an article in docs/runbook.md. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly alarms: Alarm[];

  constructor(scope: Construct, id: string, watched: Watched) {
    super(scope, id);
    const { email, runbookUrl } = watched.config.alarms;
    this.topic = new Topic(this, 'Topic', { enforceSSL: true, ...watched.encryption.ofTopic });
    if (email) this.topic.addSubscription(new EmailSubscription(email));
    this.alarms = definitions(watched).map(({ article, meaning, metric, threshold, periods = 1 }) => {
      const alarm = new Alarm(this, article, {
        alarmDescription: `${meaning} What to do: ${runbookUrl}#${article.toLowerCase()}`,
        metric,
        threshold,
        evaluationPeriods: periods,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        // A system that has nothing to do writes no metrics.
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(new SnsAction(this.topic));
      alarm.addOkAction(new SnsAction(this.topic));
      return alarm;
    });
    // A topic with a policy has no longer the one by which everything in the account may publish.
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
/** A message may wait for the quota's reset; one that is older than this waits for a person. */
const OLDEST_MESSAGE_SECONDS = 26 * 3600;
/** The stream keeps records for 24 hours: a quarter of that leaves a night's sleep. */
const ITERATOR_AGE_MS = 6 * 3600 * SECOND_MS;
const QUOTA_PERCENT = 80;

function definitions(watched: Watched): AlarmDefinition[] {
  const { config, contactSync, changeFeed, backfill, secret } = watched;
  const visible = (queue: typeof contactSync.queue) =>
    queue.metricApproximateNumberOfMessagesVisible({ period: MINUTES_5, statistic: 'Maximum' });
  const functions = {
    DiffUser: changeFeed.diffUser,
    SyncContact: contactSync.syncContact,
    Backfill: backfill.feeder,
  };
  return [
    {
      article: 'SyncLag',
      meaning: `One user in a hundred is in the CRM later than ${config.alarms.lagSeconds} s after the change.`,
      metric: ownMetric(config, 'SyncLag', 'p99'),
      threshold: config.alarms.lagSeconds * SECOND_MS,
      periods: 3,
    },
    {
      article: 'OldMessages',
      meaning: 'A change has waited for more than a day: longer than the wait for a new day of the quota.',
      metric: contactSync.queue.metricApproximateAgeOfOldestMessage({
        period: MINUTES_5,
        statistic: 'Maximum',
      }),
      threshold: OLDEST_MESSAGE_SECONDS,
    },
    {
      article: 'DeadLetters',
      meaning: 'Users are not in the CRM, for a reason that time does not mend.',
      metric: visible(contactSync.deadLetterQueue),
      threshold: 1,
    },
    {
      article: 'StreamFailures',
      meaning: 'Records of the stream could not be handled: changes of some users are not known to the sync.',
      metric: visible(changeFeed.failureQueue),
      threshold: 1,
    },
    {
      article: 'IteratorAge',
      meaning: 'diff-user is hours behind the stream, which forgets after 24.',
      metric: changeFeed.diffUser.metric('IteratorAge', { period: MINUTES_5, statistic: 'Maximum' }),
      threshold: ITERATOR_AGE_MS,
    },
    {
      article: 'QuotaDay',
      meaning: `${QUOTA_PERCENT} % of the day's requests are used.`,
      metric: ownMetric(config, 'QuotaDayUsed', 'Maximum'),
      threshold: QUOTA_PERCENT,
    },
    {
      article: 'QuotaMonth',
      meaning: `${QUOTA_PERCENT} % of the month's requests are used.`,
      metric: ownMetric(config, 'QuotaMonthUsed', 'Maximum'),
      threshold: QUOTA_PERCENT,
    },
    {
      article: 'Paused',
      meaning: 'No requests are made: a window of the quota is spent, or somebody has paused them.',
      metric: ownMetric(config, 'Paused', 'Maximum'),
      threshold: 1,
      // A minute's window is spent now and then; a quarter of an hour is a day or a person.
      periods: 3,
    },
    {
      article: 'CatalogProblems',
      meaning: 'The account cannot take some of what the mapping writes: those fields are left as they are.',
      metric: ownMetric(config, 'CatalogProblems', 'Maximum'),
      threshold: 1,
    },
    {
      article: 'BackfillFailed',
      meaning: 'A backfill, or the daily refresh, ended with a failure.',
      metric: backfill.stateMachine.metricFailed({ period: MINUTES_5, statistic: 'Sum' }),
      threshold: 1,
    },
    ...Object.entries(functions).flatMap(([name, lambda]): AlarmDefinition[] => [
      {
        article: `${name}Errors`,
        meaning: `${lambda.node.id} fails, and not for one user: what it was given is tried again.`,
        metric: lambda.metricErrors({ period: MINUTES_5, statistic: 'Sum' }),
        threshold: 3,
      },
      {
        article: `${name}Throttles`,
        meaning: `${lambda.node.id} is not let run by AWS Lambda: the concurrency is used up.`,
        metric: lambda.metricThrottles({ period: MINUTES_5, statistic: 'Sum' }),
        threshold: 10,
        periods: 3,
      },
    ]),
    ...(secret.rotation
      ? [
          {
            article: 'AuthorizationLost',
            meaning: 'The CRM does not take the refresh token any more: a person has to authorize again.',
            metric: ownMetric(config, 'AuthorizationLost', 'Sum'),
            threshold: 1,
          },
          {
            article: 'RotationFailed',
            meaning:
              "The CRM's tokens could not be renewed. The one in use is good for 24 hours from its issue.",
            metric: secret.rotation.rotateToken.metricErrors({ period: Duration.hours(1), statistic: 'Sum' }),
            threshold: 1,
          },
        ]
      : []),
  ];
}
