import { Duration, TimeZone } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { polledLists } from '../../shared/polls/polled-lists.ts';
import { SCHEDULE_RETRIES } from '../../shared/quota/retry-policy.ts';
import type { EventSettings } from '../config.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { ConstructContext } from './construct-context.ts';
import { budgetVariables, NodeFunction } from './node-function.ts';
import { scheduleRole } from './schedule-role.ts';
import type { SyncTable, UserTable } from './tables.ts';

export interface HealthCheckProps extends ConstructContext {
  userTable: UserTable;
  syncTable: SyncTable;
  changeFeed: ChangeFeed;
  queue: IQueue;
}

/**
 * Once per CloudWatch period of five minutes, and in the middle of it: a start that is a minute late still falls into the same period
 * (EventBridge Scheduler, "Schedule types": within 60 seconds).
 */
const EVERY_FIVE_MINUTES = ScheduleExpression.cron({ minute: '2/5', timeZone: TimeZone.ETC_UTC });

/**
 * Measures the change feed, the queue, the consumer and the quota every five minutes, for alarms. Missing measurements raise an alarm
 * too.
 */
export class HealthCheck extends Construct {
  readonly checkHealth: NodeFunction;

  constructor(scope: Construct, id: string, props: HealthCheckProps) {
    super(scope, id);
    const { config, encryption, scheduleGroup, userTable, syncTable, changeFeed, queue } = props;
    this.checkHealth = new NodeFunction(this, 'CheckHealth', {
      folder: 'check-health',
      description: 'Measures every five minutes whether changes reach the CRM',
      timeout: Duration.seconds(30),
      memorySize: 256,
      environment: {
        USER_TABLE: userTable.tableName,
        CHANGE_FEED_MAPPING_ID: changeFeed.mappingId,
        SYNC_TABLE: syncTable.tableName,
        SYNC_QUEUE_URL: queue.queueUrl,
        ...budgetVariables(config),
        ...(config.events && listsOf(config.events)),
      },
      config,
      encryption,
    });
    this.checkHealth.allow(['dynamodb:GetItem'], syncTable.tableArn);
    this.checkHealth.allow(['sqs:GetQueueAttributes'], queue.queueArn);
    this.checkHealth.allow(['lambda:GetEventSourceMapping'], changeFeed.mappingArn);
    this.checkHealth.allow(['dynamodb:DescribeTable'], userTable.tableArn);
    this.checkHealth.allowKey('readTable');

    const role = scheduleRole(
      this,
      'ScheduleRole',
      scheduleGroup,
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [this.checkHealth.functionArn],
      }),
    );
    new Schedule(this, 'Schedule', {
      scheduleGroup,
      description: 'Measures whether changes reach the CRM',
      schedule: EVERY_FIVE_MINUTES,
      // CDK's LambdaInvoke would allow the schedule to invoke every version of the function.
      target: {
        bind: () => ({
          arn: this.checkHealth.functionArn,
          role,
          retryPolicy: { maximumRetryAttempts: SCHEDULE_RETRIES.healthCheck },
        }),
      },
    });
  }
}

function listsOf({ resources }: EventSettings): Record<string, string> {
  const { polls, listings } = polledLists(resources);
  return {
    EVENT_POLLS: polls.join(),
    ...(listings.length > 0 && { EVENT_LISTINGS: listings.join() }),
  };
}
