import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Config } from './config.ts';
import { NodeFunction } from './node-function.ts';
import type { UserTable } from './user-table.ts';

export interface ChangeFeedProps {
  config: Config;
  userTable: UserTable;
  /** Where the messages go. */
  queue: IQueue;
}

/** Changes of the user table → diff-user → messages in the queue. */
export class ChangeFeed extends Construct {
  readonly diffUser: NodeFunction;
  /** Positions of stream records that could not be read, however often it was tried. */
  readonly failureQueue: Queue;

  constructor(scope: Construct, id: string, { config, userTable, queue }: ChangeFeedProps) {
    super(scope, id);
    this.failureQueue = new Queue(this, 'FailureQueue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    this.diffUser = new NodeFunction(this, 'DiffUser', {
      folder: 'diff-user',
      description:
        'Compares what the CRM should show before and after a change, and sends who changed and why',
      timeout: Duration.seconds(30),
      memorySize: 512,
      environment: { SYNC_QUEUE_URL: queue.queueUrl },
      config,
    });
    this.diffUser.allow(['sqs:SendMessage'], queue.queueArn);
    this.diffUser.allow(['sqs:SendMessage'], this.failureQueue.queueArn);
    this.diffUser.allow(
      ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
      userTable.streamArn,
    );
    this.diffUser.allow(['dynamodb:ListStreams'], `${userTable.tableArn}/stream/*`);

    const source = new EventSourceMapping(this, 'Stream', {
      target: this.diffUser,
      eventSourceArn: userTable.streamArn,
      // From the oldest record of the day on: nothing that was written before the first poll is lost.
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 100,
      filters: [
        // Items of other kinds, in a table that has them, cost no invocation.
        FilterCriteria.filter({ dynamodb: { Keys: { userId: { S: FilterRule.exists() } } } }),
      ],
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: 10,
      maxRecordAge: Duration.hours(6),
      // CDK's own SqsDlq would let the function do more than send.
      onFailure: { bind: () => ({ destination: this.failureQueue.queueArn }) },
    });
    source.node.addDependency(this.diffUser);
  }
}
