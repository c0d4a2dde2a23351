import { describe, expect, it } from 'vitest';
import { properties, readable, resources, templateWith } from './template-with.ts';

describe('the stack', () => {
  const template = templateWith();

  it('has outputs for whoever runs it', () => {
    const outputs = Object.entries(template.findOutputs('*')).map(([name, { Value }]) => [
      name,
      readable(Value),
    ]);
    expect(Object.fromEntries(outputs)).toEqual({
      UserTableName: 'UsersTable',
      SyncTableName: 'SyncTable',
      CrmUrl: 'https://api.infusionsoft.com',
      QuotaSettings: JSON.stringify({
        limits: { second: 25, minute: 1500, day: 125_000, month: 3_750_000 },
        liveReserve: 0.2,
        tagBatch: 100,
      }),
      QueueUrl: 'ContactSyncQueue',
      DeadLetterQueueUrl: 'ContactSyncDeadLetterQueue',
      StreamFailureQueueUrl: 'ChangeFeedFailureQueue',
      Mapping: 'shared/user/mapping.ts',
      DeletionPolicy: 'mark',
      SecretArn: 'CrmSecret',
      AlarmTopicArn: 'AlarmsTopic',
      DashboardName: 'user-sync',
      LogGroupNames: '["ChangeFeedDiffUserLogs","ContactSyncSyncContactLogs"]',
      BackfillStateMachineArn: 'BackfillStateMachine',
      DiffUserFunctionName: 'ChangeFeedDiffUser',
      SyncContactFunctionName: 'ContactSyncSyncContact',
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
    const existing = templateWith({ crm: { existingSecretArn } });
    expect(resources(existing, 'AWS::SecretsManager::Secret')).toEqual({});
    expect(existing.findOutputs('SecretArn')['SecretArn']).toEqual({ Value: existingSecretArn });
  });

  it('keeps tables and secret when it goes, unless told otherwise', () => {
    const kept = [
      ['AWS::DynamoDB::Table', 'UsersTable'],
      ['AWS::DynamoDB::Table', 'SyncTable'],
      ['AWS::SecretsManager::Secret', 'CrmSecret'],
    ] as const;
    const sandbox = templateWith({ removalPolicy: 'destroy' });
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

  it('puts no credentials into the environment of a function', () => {
    for (const { Properties } of Object.values(resources(template, 'AWS::Lambda::Function'))) {
      const { Environment } = Properties as { Environment: { Variables: object } };
      const suspects = Object.keys(Environment.Variables).filter((name) => /KEY|TOKEN|PASSWORD/.test(name));
      expect(suspects).toEqual([]);
    }
  });
});
