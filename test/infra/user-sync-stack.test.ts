import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { properties, readable, resources, stackWith } from './stack-with.ts';

describe('the stack', () => {
  const { stack, template } = stackWith();

  it('has outputs for whoever runs it', () => {
    const outputs = Object.entries(template.findOutputs('*')).map(([name, { Value }]) => [
      name,
      readable(Value),
    ]);
    expect(Object.fromEntries(outputs)).toEqual({
      UserTableName: 'UsersTable',
      SyncTableName: 'SyncTable',
      QueueUrl: 'ContactSyncQueue',
      DeadLetterQueueUrl: 'ContactSyncDeadLetterQueue',
      StreamFailureQueueUrl: 'ChangeFeedFailureQueue',
      SecretArn: 'CrmSecret',
      DiffUserFunctionName: 'ChangeFeedDiffUser',
      SyncContactFunctionName: 'ContactSyncSyncContact',
      RefreshCatalogCommand:
        'aws sqs send-message --queue-url ContactSyncQueue --message-group-id catalog ' +
        `--message-deduplication-id "$(date +%s)" --message-body '{"version":1,"kind":"refresh-catalog"}'`,
    });
  });

  it('encrypts every queue, and takes messages over TLS only', () => {
    const queues = resources(template, 'AWS::SQS::Queue');
    expect(Object.keys(queues)).toHaveLength(3);
    for (const { Properties } of Object.values(queues))
      expect(Properties).toMatchObject({ SqsManagedSseEnabled: true });
    const secured = Object.values(resources(template, 'AWS::SQS::QueuePolicy')).map(
      ({ Properties }) => Properties as { PolicyDocument: { Statement: unknown }; Queues: unknown[] },
    );
    for (const { PolicyDocument } of secured)
      expect(PolicyDocument.Statement).toEqual([
        expect.objectContaining({
          Effect: 'Deny',
          Action: 'sqs:*',
          Principal: { AWS: '*' },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      ]);
    expect(secured.flatMap(({ Queues }) => Queues.map(readable)).toSorted()).toEqual(
      Object.keys(queues).toSorted(),
    );
  });

  it('makes a secret that nobody can take for credentials', () => {
    expect(properties(template, 'AWS::SecretsManager::Secret', 'CrmSecret')).toMatchObject({
      Name: 'user-sync/crm',
      GenerateSecretString: {
        SecretStringTemplate: '{"kind":"unset"}',
        GenerateStringKey: 'placeholder',
      },
    });
  });

  it('makes no secret where one is there already', () => {
    const existingSecretArn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12';
    const existing = stackWith({ crm: { existingSecretArn } }).template;
    expect(resources(existing, 'AWS::SecretsManager::Secret')).toEqual({});
    expect(existing.findOutputs('SecretArn')['SecretArn']).toEqual({ Value: existingSecretArn });
  });

  it('keeps tables and secret when it goes, unless told otherwise', () => {
    const kept = [
      ['AWS::DynamoDB::Table', 'UsersTable'],
      ['AWS::DynamoDB::Table', 'SyncTable'],
      ['AWS::SecretsManager::Secret', 'CrmSecret'],
    ] as const;
    const sandbox = stackWith({ removalPolicy: 'destroy' }).template;
    for (const [type, id] of kept) {
      expect(resources(template, type)[id]).toMatchObject({ DeletionPolicy: 'Retain' });
      expect(resources(sandbox, type)[id]).toMatchObject({ DeletionPolicy: 'Delete' });
    }
    const users = (of: typeof template) => properties(of, 'AWS::DynamoDB::Table', 'UsersTable');
    expect(users(template)['DeletionProtectionEnabled']).toBe(true);
    expect(users(sandbox)['DeletionProtectionEnabled']).toBe(false);
  });

  it('can restore both tables to a point in time', () => {
    for (const { Properties } of Object.values(resources(template, 'AWS::DynamoDB::Table')))
      expect(Properties).toMatchObject({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
  });

  it('passes the AWS Solutions and serverless checks of cdk-nag, with these exceptions', () => {
    const exceptions = [
      // X-Ray has no resources to name.
      'AwsSolutions-IAM5[Resource::*] ChangeFeed/DiffUserRole',
      'AwsSolutions-IAM5[Resource::*] ContactSync/SyncContactRole',
      // Streams are listed for a whole table.
      'AwsSolutions-IAM5[Resource::<UsersTable.Arn>/stream/*] ChangeFeed/DiffUserRole',
      // The CRM hands out keys to people, and an API key of it does not expire.
      'AwsSolutions-SMG4 Crm/Secret',
      // The end of the line: it is the dead-letter queue of a stream.
      'AwsSolutions-SQS3 ChangeFeed/FailureQueue',
      'Serverless-SQSRedrivePolicy ChangeFeed/FailureQueue',
      'Serverless-SQSRedrivePolicy ContactSync/DeadLetterQueue',
      // For asynchronous invocations: these functions are invoked by event sources, which have their own.
      'Serverless-LambdaDLQ ChangeFeed/DiffUser',
      'Serverless-LambdaDLQ ContactSync/SyncContact',
      // For streams: a queue has its dead-letter queue instead.
      'Serverless-LambdaEventSourceMappingDestination ContactSync/QueueSource',
    ];
    const found = [new AwsSolutionsChecks(), new ServerlessChecks()]
      .flatMap((checks) => checks.validateScope(stack).violations)
      .flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath = '' }) => {
          const rule = ruleName.replace(/[0-9A-F]{8}\.Arn/, '.Arn');
          return `${rule} ${constructPath.replace(/^UserSync\/|(\/DefaultPolicy)?\/Resource$/g, '')}`;
        }),
      );
    expect(found.toSorted()).toEqual(exceptions.toSorted());
  });
});
