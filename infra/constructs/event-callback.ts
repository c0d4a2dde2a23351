import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  CALLBACK_FUNCTION_MS,
  CALLBACK_RETRY,
  CALLBACK_VISIBILITY_MS,
  MESSAGE_RETENTION_MS,
} from '../../shared/quota/retry-policy.ts';
import type { EventSettings } from '../config.ts';
import type { ConstructContext } from './construct-context.ts';
import { suppressRule } from './nag-suppressions.ts';
import { NodeFunction } from './node-function.ts';

export interface EventCallbackProps extends ConstructContext {
  callback: NonNullable<EventSettings['callback']>;
}

/** Most batches at the same time: the minimum that Lambda allows. With ten events in a batch, this is 20 events. */
const CONCURRENCY = 2;

/** All characters besides letters and digits that AWS Secrets Manager would use. */
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/** Events in a queue → send-callback → the callback of the app, with retries over a day. */
export class EventCallback extends Construct {
  readonly queue: Queue;
  /** Events that the callback did not accept for a day. */
  readonly deadLetterQueue: Queue;
  readonly sendCallback: NodeFunction;
  readonly secretArn: string;

  constructor(
    scope: Construct,
    id: string,
    { config, encryption, removalPolicy, callback }: EventCallbackProps,
  ) {
    super(scope, id);
    const common = {
      ...encryption.ofQueue,
      enforceSSL: true,
      retentionPeriod: Duration.millis(MESSAGE_RETENTION_MS),
    };
    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', common);
    this.queue = new Queue(this, 'Queue', {
      ...common,
      visibilityTimeout: Duration.millis(CALLBACK_VISIBILITY_MS),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: CALLBACK_RETRY.delaysMs.length + 1 },
    });
    const secret = callback.existingSecretArn
      ? Secret.fromSecretCompleteArn(this, 'Secret', callback.existingSecretArn)
      : new Secret(this, 'Secret', {
          ...encryption.ofLogsOrSecret,
          description: `Signing secret of the callback of the stack ${config.stackName}, in base64`,
          // 44 letters and digits are the base64 of 33 bytes.
          generateSecretString: { passwordLength: 44, excludeCharacters: PUNCTUATION },
          removalPolicy,
        });
    suppressRule(secret, 'rotation', 'The receiver has to know a new secret first, so a person changes it');
    this.secretArn = secret.secretArn;
    this.sendCallback = new NodeFunction(this, 'SendCallback', {
      folder: 'send-callback',
      description: 'Sends events about changes in the CRM to the callback of the app',
      timeout: Duration.millis(CALLBACK_FUNCTION_MS),
      memorySize: 256,
      environment: {
        CALLBACK_URL: callback.url,
        CALLBACK_SECRET_ID: this.secretArn,
        CALLBACK_QUEUE_URL: this.queue.queueUrl,
      },
      config,
      encryption,
    });
    this.sendCallback.allow(
      ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ChangeMessageVisibility'],
      this.queue.queueArn,
    );
    this.sendCallback.allow(['secretsmanager:GetSecretValue'], this.secretArn);
    this.sendCallback.allowKey('receiveMessages', 'readSecret');
    const source = new EventSourceMapping(this, 'QueueSource', {
      target: this.sendCallback,
      eventSourceArn: this.queue.queueArn,
      maxConcurrency: CONCURRENCY,
      reportBatchItemFailures: true,
    });
    source.node.addDependency(this.sendCallback);
  }
}
