import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { type ConfigInput, parseConfig } from '../../infra/config.ts';
import { UserSyncStack } from '../../infra/user-sync-stack.ts';
import { paceFor } from '../../shared/quota/pace.ts';

/** The template without bundled functions: bundling says nothing about it and costs seconds. */
function templateOf(settings: ConfigInput = {}): Template {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
  return Template.fromStack(new UserSyncStack(app, 'UserSync', { config: parseConfig(settings) }));
}

const template = templateOf();

interface Statement {
  Action: string | string[];
  Resource: unknown;
  Effect: string;
}
const statements = (of: Template) =>
  Object.values(of.findResources('AWS::IAM::Policy')).flatMap(
    (policy): Statement[] => policy['Properties'].PolicyDocument.Statement,
  );
const functionNamed = (folder: string) => ({
  Properties: { Environment: { Variables: { POWERTOOLS_SERVICE_NAME: folder } } },
});
const soleProperties = (of: Template, type: string, match: unknown) => {
  const found = Object.values(of.findResources(type, match));
  expect(found).toHaveLength(1);
  return found[0]?.['Properties'];
};

describe('the pace', () => {
  it.each([
    [25, 400],
    [25, 1350],
    [10, 400],
    [4, 400],
    [100, 300],
  ])(
    'of %d requests a second at %d ms sets both kinds of concurrency and the share',
    (requestsPerSecond, latencyP95Ms) => {
      const pace = paceFor({ requestsPerSecond, latencyP95Ms, windowSlackMs: 50 });
      const paced = templateOf({ crm: { requestsPerSecond, latencyP95Ms } });
      const syncContact = soleProperties(paced, 'AWS::Lambda::Function', functionNamed('sync-contact'));
      expect(syncContact.ReservedConcurrentExecutions).toBe(pace.environments);
      expect(syncContact.Environment.Variables).toMatchObject({
        REQUESTS_PER_WINDOW: String(pace.requestsPerWindow),
        WINDOW_MS: '1050',
      });
      paced.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
        BatchSize: 10,
        ScalingConfig: { MaximumConcurrency: pace.environments },
        FunctionResponseTypes: ['ReportBatchItemFailures'],
      });
    },
  );
});

describe('the queue', () => {
  it('is FIFO with high throughput, keeps messages for 14 days, and hides them for six time-outs', () => {
    const timeout = soleProperties(template, 'AWS::Lambda::Function', functionNamed('sync-contact')).Timeout;
    template.hasResourceProperties('AWS::SQS::Queue', {
      FifoQueue: true,
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
      MessageRetentionPeriod: 14 * 24 * 3600,
      VisibilityTimeout: 6 * timeout,
      RedrivePolicy: { maxReceiveCount: 100, deadLetterTargetArn: Match.anyValue() },
    });
  });

  it('and all others are encrypted and taken by TLS only', () => {
    const queues = template.findResources('AWS::SQS::Queue');
    expect(Object.keys(queues)).toHaveLength(3);
    template.allResourcesProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
    template.resourcePropertiesCountIs(
      'AWS::SQS::QueuePolicy',
      {
        PolicyDocument: {
          Statement: [
            { Action: 'sqs:*', Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
          ],
        },
      },
      3,
    );
  });
});

describe('the change feed', () => {
  it('reads the stream from its oldest record, bisects, retries within bounds, and keeps what failed', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 100,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 10,
      MaximumRecordAgeInSeconds: 6 * 3600,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
      FilterCriteria: { Filters: [{ Pattern: '{"dynamodb":{"Keys":{"userId":{"S":[{"exists":true}]}}}}' }] },
    });
  });
});

describe('the user table', () => {
  const existing = {
    arn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/users',
    streamArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/2026-01-01T00:00:00.000',
  };

  it('is a new one unless another is named, kept when the stack goes', () => {
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      Properties: {
        KeySchema: [{ AttributeName: 'userId', KeyType: 'HASH' }],
        StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      },
    });
  });

  it('can be one that is there already', () => {
    const attached = templateOf({ userTable: existing });
    attached.resourceCountIs('AWS::DynamoDB::Table', 1);
    attached.hasResourceProperties('AWS::Lambda::EventSourceMapping', { EventSourceArn: existing.streamArn });
    expect(statements(attached)).toContainEqual({
      Action: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
      Effect: 'Allow',
      Resource: existing.arn,
    });
  });

  it('goes with the stack only where the settings say so', () => {
    const sandbox = templateOf({ removalPolicy: 'destroy' });
    sandbox.allResources('AWS::DynamoDB::Table', { DeletionPolicy: 'Delete' });
  });
});

describe('the functions', () => {
  it('run on Node 24 and ARM, traced, with a log group that forgets', () => {
    template.resourceCountIs('AWS::Lambda::Function', 2);
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogFormat: 'JSON', LogGroup: Match.anyValue() },
    });
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });

  it('may do exactly what they need', () => {
    const actions = statements(template).map(({ Action }) => [Action].flat().join());
    expect(actions.sort()).toEqual(
      [
        'dynamodb:DescribeStream,dynamodb:GetRecords,dynamodb:GetShardIterator',
        'dynamodb:GetItem,dynamodb:PutItem,dynamodb:DeleteItem',
        'dynamodb:GetItem,dynamodb:UpdateItem',
        'dynamodb:ListStreams',
        'logs:CreateLogStream,logs:PutLogEvents',
        'logs:CreateLogStream,logs:PutLogEvents',
        'secretsmanager:GetSecretValue',
        'sqs:ReceiveMessage,sqs:DeleteMessage,sqs:GetQueueAttributes,sqs:ChangeMessageVisibility',
        'sqs:SendMessage',
        'sqs:SendMessage',
        'sqs:SendMessage',
        'xray:PutTraceSegments,xray:PutTelemetryRecords',
        'xray:PutTraceSegments,xray:PutTelemetryRecords',
      ].sort(),
    );
  });

  it('may do it on named resources only, but for tracing, which knows none', () => {
    const everywhere = statements(template).filter(({ Resource }) => Resource === '*');
    expect(everywhere.flatMap(({ Action }) => Action).every((action) => action.startsWith('xray:'))).toBe(
      true,
    );
    for (const role of Object.values(template.findResources('AWS::IAM::Role'))) {
      expect(role['Properties']).not.toHaveProperty('ManagedPolicyArns');
    }
  });

  it('hold no secret in their environment', () => {
    for (const each of Object.values(template.findResources('AWS::Lambda::Function'))) {
      const names = Object.keys(each['Properties'].Environment.Variables);
      expect(names.filter((name) => /KEY|TOKEN|PASSWORD/.test(name))).toEqual([]);
    }
  });
});

describe('the secret', () => {
  it('is made empty, for a person to fill in', () => {
    template.hasResourceProperties('AWS::SecretsManager::Secret', {
      Name: 'user-sync/crm',
      GenerateSecretString: { SecretStringTemplate: '{"kind":"unset"}' },
    });
  });

  it('can be one that is there already', () => {
    const existingSecretArn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCdEf';
    const attached = templateOf({ crm: { existingSecretArn } });
    attached.resourceCountIs('AWS::SecretsManager::Secret', 0);
    expect(statements(attached)).toContainEqual({
      Action: 'secretsmanager:GetSecretValue',
      Effect: 'Allow',
      Resource: existingSecretArn,
    });
  });
});

it('the stack tells where everything is', () => {
  expect(Object.keys(template.findOutputs('*')).sort()).toEqual([
    'DeadLetterQueueUrl',
    'DiffUserFunctionName',
    'QueueUrl',
    'RefreshCatalogCommand',
    'SecretArn',
    'StreamFailureQueueUrl',
    'SyncContactFunctionName',
    'SyncTableName',
    'UserTableName',
  ]);
});
