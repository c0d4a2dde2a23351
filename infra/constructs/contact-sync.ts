import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { DeduplicationScope, FifoThroughputLimit, Queue, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { BATCH_SIZE, paceFor } from '../../shared/quota/pace.ts';
import {
  INVOCATION_MS,
  MAX_RECEIVE_COUNT,
  MESSAGE_RETENTION_MS,
  VISIBILITY_MS,
} from '../../shared/quota/retry-policy.ts';
import type { ConstructContext } from './construct-context.ts';
import type { CrmSecret } from './crm-secret.ts';
import { budgetVariables, NodeFunction } from './node-function.ts';
import type { SyncTable, UserTable } from './tables.ts';

export interface ContactSyncProps extends ConstructContext {
  userTable: UserTable;
  syncTable: SyncTable;
  secret: CrmSecret;
}

/**
 * Memory in MB, which also sets the CPU share: 1,769 MB are one vCPU (AWS Lambda developer guide, "Configure Lambda function memory"). The
 * function mostly waits for the CRM, so less memory costs less. But requests must start within milliseconds of their slot, and an
 * environment that has used up its CPU share is paused until the next period of 20 ms. With 512 MB,
 * one run of `npm run bench -- --only memory` used less of the quota than with one vCPU, and another one as much.
 */
export const SYNC_CONTACT_MEMORY_MB = 768;

/** Messages in the queue → sync-contact, at the pace of the CRM → contacts and tags. */
export class ContactSync extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;
  readonly syncContact: NodeFunction;

  constructor(scope: Construct, id: string, props: ContactSyncProps) {
    super(scope, id);
    const { config, encryption, userTable, syncTable, secret } = props;
    const { environments, ...schedule } = paceFor(config.crm);
    this.deadLetterQueue = fifoQueue(this, 'DeadLetterQueue', encryption.ofQueue);
    this.queue = fifoQueue(this, 'Queue', {
      ...encryption.ofQueue,
      visibilityTimeout: Duration.millis(VISIBILITY_MS),
      // EventBridge Scheduler sends no deduplication ids ("Templated targets", SQS). All others do.
      ...(config.events && { contentBasedDeduplication: true }),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: MAX_RECEIVE_COUNT },
    });
    this.syncContact = new NodeFunction(this, 'SyncContact', {
      folder: 'sync-contact',
      description: 'Syncs the users in the queue to their contacts and tags in the CRM',
      timeout: Duration.millis(INVOCATION_MS),
      memorySize: SYNC_CONTACT_MEMORY_MB,
      reservedConcurrentExecutions: environments,
      environment: {
        USER_TABLE: userTable.tableName,
        SYNC_TABLE: syncTable.tableName,
        SYNC_QUEUE_URL: this.queue.queueUrl,
        DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
        CRM_URL: config.crm.url,
        CRM_SECRET_ID: secret.secretArn,
        SLOT_SCHEDULE: JSON.stringify(schedule),
        ...budgetVariables(config),
        TAG_BATCH: String(config.crm.tagBatch),
        DELETION_POLICY: config.deletionPolicy,
        FORGET_POLICY: config.forgetPolicy,
      },
      config,
      encryption,
    });
    this.syncContact.allow(
      ['dynamodb:BatchGetItem', 'dynamodb:Scan', 'dynamodb:UpdateItem'],
      userTable.tableArn,
    );
    this.syncContact.allow(
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
      syncTable.tableArn,
    );
    this.syncContact.allow(
      [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:ChangeMessageVisibility',
        'sqs:SendMessage',
      ],
      this.queue.queueArn,
    );
    this.syncContact.allow(['sqs:SendMessage'], this.deadLetterQueue.queueArn);
    this.syncContact.allow(['secretsmanager:GetSecretValue'], secret.secretArn);
    this.syncContact.allowKey('readTable', 'writeTable', 'receiveMessages', 'sendMessages', 'readSecret');

    const source = new EventSourceMapping(this, 'QueueSource', {
      target: this.syncContact,
      eventSourceArn: this.queue.queueArn,
      batchSize: BATCH_SIZE,
      // As many as the reserved concurrency: throttled polls would move good messages to the dead-letter queue.
      maxConcurrency: environments,
      reportBatchItemFailures: true,
    });
    source.node.addDependency(this.syncContact);
  }
}

function fifoQueue(scope: Construct, id: string, props: QueueProps): Queue {
  return new Queue(scope, id, {
    fifo: true,
    deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
    fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
    enforceSSL: true,
    retentionPeriod: Duration.millis(MESSAGE_RETENTION_MS),
    ...props,
  });
}
