import { ArnFormat, Stack } from 'aws-cdk-lib';
import { TableEncryption, type TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { backfillLogGroupName } from './backfill-log-group-name.ts';
import { removalPolicyOf } from './removal-policy.ts';

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

/** What a function needs of the key for what it does with an encrypted resource, by the manual of the service. */
const ACTIONS = {
  /** Amazon DynamoDB, "DynamoDB encryption at rest: How it works", as CDK's own grants have it. */
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

/** Actions on the key for these uses, each once. */
export const keyActions = (uses: readonly KeyUse[]): string[] => [
  ...new Set(uses.flatMap((use) => ACTIONS[use])),
];

/**
 * What data at rest is encrypted with: each service's own key, a key of the stack's own, or one that is there already. A key that is
 * there is used and not changed: its owner adds what {@link letServicesUse} says.
 */
export class Encryption extends Construct {
  /** For all that the stack makes, unless each service uses its own. */
  readonly key: IKey | undefined;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    const { encryptionKey } = config;
    if (encryptionKey === 'aws') return;
    const arn = encryptionKey === 'create' ? this.create(config).keyArn : encryptionKey;
    // By its ARN: to a key of the stack, CDK's constructs would add statements wider than is needed.
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

  private create(config: Config): Key {
    const key = new Key(this, 'Key', {
      alias: `alias/${config.stackName}`,
      description: 'Data at rest of the sync between the app and Infusionsoft',
      enableKeyRotation: true,
      removalPolicy: removalPolicyOf(config),
    });
    for (const statement of letServicesUse(this, config.stackName)) key.addToResourcePolicy(statement);
    return key;
  }
}

/**
 * Statements of the key's policy beside the usual one for the account, by which policies of roles count: services that act in no role.
 *
 * - CloudWatch Logs, "Encrypt log data using AWS KMS": for the log groups of the stack.
 * - Amazon SNS, "Key management", "Enable compatibility between event sources from AWS services and encrypted topics": for its alarms.
 */
function letServicesUse(scope: Construct, stackName: string): PolicyStatement[] {
  const stack = Stack.of(scope);
  const arnOf = (service: string, resource: string, resourceName: string) =>
    stack.formatArn({ service, resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  // In a key's policy, all resources are the key.
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
