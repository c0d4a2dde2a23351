import { ArnFormat, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { TableEncryption, type TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';

const READ = ['kms:Decrypt'];
const READ_AND_WRITE = [...READ, 'kms:GenerateDataKey'];
const READ_TABLE = [...READ, 'kms:DescribeKey'];
const FULL_USE = [
  ...READ_TABLE,
  'kms:Encrypt',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
];

/** Actions on the key that each use of an encrypted resource requires, with the source in AWS's documentation. */
const ACTIONS = {
  /** Amazon DynamoDB, "DynamoDB encryption at rest: How it works"; the same as CDK's grants. */
  readTable: READ_TABLE,
  writeTable: FULL_USE,
  /** Amazon SQS, "Key management", "Configure AWS KMS permissions". */
  receiveMessages: READ,
  sendMessages: READ_AND_WRITE,
  /** AWS Secrets Manager, "Secret encryption and decryption", "Permissions for the KMS key". */
  readSecret: READ,
  writeSecret: READ_AND_WRITE,
};
export type KeyUse = keyof typeof ACTIONS;

/** @returns the actions on the key that these uses require, without duplicates. */
export const keyActions = (uses: readonly KeyUse[]): string[] => [
  ...new Set(uses.flatMap((use) => ACTIONS[use])),
];

/**
 * Encryption of data at rest: by each service's own key, by a key that the stack creates, or by an existing key. The policy of an existing
 * key is not changed: its owner adds the statements of {@link serviceStatements}.
 */
export class Encryption extends Construct {
  /** Undefined if each service uses its own key. */
  readonly key: IKey | undefined;

  /** @param removalPolicy of the key that the stack creates. */
  constructor(
    scope: Construct,
    id: string,
    { config, removalPolicy }: { config: Config; removalPolicy: RemovalPolicy },
  ) {
    super(scope, id);
    const { encryptionKey, stackName } = config;
    if (encryptionKey === 'aws') return;
    const hasCallback = config.events?.callback !== undefined;
    const arn =
      encryptionKey === 'create' ? this.create(stackName, hasCallback, removalPolicy).keyArn : encryptionKey;
    // Referenced by its ARN, because CDK's constructs would add broader statements than necessary to a key of the stack.
    this.key = Key.fromKeyArn(this, 'Used', arn);
  }

  get ofQueue(): Pick<QueueProps, 'encryption' | 'encryptionMasterKey'> {
    return this.key
      ? { encryption: QueueEncryption.KMS, encryptionMasterKey: this.key }
      : { encryption: QueueEncryption.SQS_MANAGED };
  }

  get ofTable(): Pick<TableProps, 'encryption' | 'encryptionKey'> {
    return this.key
      ? { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: this.key }
      : { encryption: TableEncryption.DEFAULT };
  }

  get ofLogsOrSecret(): { encryptionKey?: IKey } {
    return this.key ? { encryptionKey: this.key } : {};
  }

  get ofTopic(): { masterKey?: IKey } {
    return this.key ? { masterKey: this.key } : {};
  }

  private create(stackName: string, hasCallback: boolean, removalPolicy: RemovalPolicy): Key {
    const key = new Key(this, 'Key', {
      alias: `alias/${stackName}`,
      description: 'Encrypts the data at rest of the sync between the app and Infusionsoft',
      enableKeyRotation: true,
      removalPolicy,
    });
    for (const statement of serviceStatements(this, stackName)) key.addToResourcePolicy(statement);
    if (hasCallback) key.addToResourcePolicy(eventsStatement());
    return key;
  }
}

/**
 * Name of the state machine's log group. Step Functions can write to groups with this prefix without a resource policy for each
 * (AWS Step Functions, "Using CloudWatch Logs to log execution history").
 */
export const backfillLogGroupName = (stackName: string) => `/aws/vendedlogs/states/${stackName}-backfill`;

/**
 * Statements that the key's policy needs besides the default one for the account: for services that use the key without a role.
 *
 * - CloudWatch Logs, "Encrypt log data using AWS KMS": for the stack's log groups.
 * - Amazon SNS, "Key management", "Enable compatibility between event sources from AWS services and encrypted topics": for the stack's
 *   alarms.
 */
function serviceStatements(scope: Construct, stackName: string): PolicyStatement[] {
  const stack = Stack.of(scope);
  const arnOf = (service: string, resource: string, resourceName: string) =>
    stack.formatArn({ service, resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  // In a key policy, `*` means this key.
  const resources = ['*'];
  return [
    new PolicyStatement({
      sid: 'LogGroups',
      principals: [new ServicePrincipal(`logs.${stack.region}.${stack.urlSuffix}`)],
      actions: FULL_USE,
      resources,
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': [
            arnOf('logs', 'log-group', `${stackName}-*`),
            arnOf('logs', 'log-group', backfillLogGroupName(stackName)),
          ],
        },
      },
    }),
    new PolicyStatement({
      sid: 'Alarms',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: READ_AND_WRITE,
      resources,
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnLike: { 'aws:SourceArn': arnOf('cloudwatch', 'alarm', `${stackName}-*`) },
      },
    }),
  ];
}

/**
 * The statement that the rule of the callback needs to send to its encrypted queue. It has no condition, because EventBridge does not tell
 * KMS the rule (Amazon EventBridge, "Amazon SQS permissions"; the same as CDK's target).
 */
const eventsStatement = (): PolicyStatement =>
  new PolicyStatement({
    sid: 'Events',
    principals: [new ServicePrincipal('events.amazonaws.com')],
    actions: READ_AND_WRITE,
    resources: ['*'],
  });
