import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { type IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { MESSAGE_RETENTION_MS, STREAM_RETENTION_MS } from '../../shared/quota/retry-policy.ts';
import type { ConstructContext } from './construct-context.ts';
import { suppressRule } from './nag-suppressions.ts';
import { NodeFunction } from './node-function.ts';
import type { UserTable } from './tables.ts';

export interface ChangeFeedProps extends ConstructContext {
  userTable: UserTable;
  /** Receives the messages. */
  queue: IQueue;
}

/** Changes of the user table → diff-user → messages in the queue. */
export class ChangeFeed extends Construct {
  readonly diffUser: NodeFunction;
  /** Positions of stream records that could not be handled within {@link STREAM_RETENTION_MS}. */
  readonly failureQueue: Queue;
  /** The event source mapping of diff-user. */
  readonly mappingId: string;
  readonly mappingArn: string;

  constructor(scope: Construct, id: string, { config, encryption, userTable, queue }: ChangeFeedProps) {
    super(scope, id);
    this.failureQueue = new Queue(this, 'FailureQueue', {
      ...encryption.ofQueue,
      enforceSSL: true,
      retentionPeriod: Duration.millis(MESSAGE_RETENTION_MS),
    });
    suppressRule(
      this.failureQueue,
      'a dead-letter queue',
      'It is the failure destination of the event source. Only the replay command reads it, and deletes what it has processed',
    );
    this.diffUser = new NodeFunction(this, 'DiffUser', {
      folder: 'diff-user',
      description:
        'Compares the desired state of a user before and after a change, and sends a message if it differs',
      timeout: Duration.seconds(30),
      memorySize: 512,
      environment: { SYNC_QUEUE_URL: queue.queueUrl },
      config,
      encryption,
    });
    this.diffUser.allow(['sqs:SendMessage'], queue.queueArn);
    this.diffUser.allow(['sqs:SendMessage'], this.failureQueue.queueArn);
    this.diffUser.allow(
      ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
      userTable.streamArn,
    );
    this.diffUser.allowAny(
      ['dynamodb:ListStreams'],
      `${userTable.tableArn}/stream/*`,
      'ListStreams applies to all streams of a table (AWS SAM, "DynamoDBStreamReadPolicy")',
    );

    this.diffUser.allowKey('readTable', 'sendMessages');

    const source = new EventSourceMapping(this, 'Stream', {
      target: this.diffUser,
      eventSourceArn: userTable.streamArn,
      // From the oldest record on, so that no change before the first poll is lost.
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 100,
      filters: [
        // Other items of a shared table cause no invocations.
        FilterCriteria.filter({ dynamodb: { Keys: { userId: { S: FilterRule.exists() } } } }),
      ],
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      // No limit of retries: what fails here (SQS, the function as a whole) affects all records, and time or a deploy fixes it. The
      // failure queue would rarely help, since it is mostly SQS that fails. No single record can block its shard: see `messageOf` of
      // diff-user.
      maxRecordAge: Duration.millis(STREAM_RETENTION_MS),
      // CDK's SqsDlq would grant the function more than sqs:SendMessage.
      onFailure: { bind: () => ({ destination: this.failureQueue.queueArn }) },
    });
    source.node.addDependency(this.diffUser);
    this.mappingId = source.eventSourceMappingId;
    this.mappingArn = source.eventSourceMappingArn;
  }
}
