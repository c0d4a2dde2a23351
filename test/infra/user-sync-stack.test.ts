import { describe, expect, it } from 'vitest';
import { properties, readable, resources, templateWith } from '../support/template-with.ts';

interface Kept {
  Type: string;
  DeletionPolicy?: string;
  Properties: Record<string, unknown>;
}
/** Names that the template sets: `Name`, `TableName`, and so on. */
const physicalNames = ({ Properties }: Kept) =>
  Object.entries(Properties).flatMap(([property, value]) => (property.endsWith('Name') ? [value] : []));

describe('the stack', () => {
  const template = templateWith();

  it('has the outputs that the commands read', () => {
    const outputs = Object.entries(template.findOutputs('*')).map(([name, { Value }]) => [
      name,
      readable(Value),
    ]);
    expect(Object.fromEntries(outputs)).toEqual({
      EventSettings: 'off',
      EventBusArn: 'off',
      CallbackQueueUrl: 'off',
      CallbackDeadLetterQueueUrl: 'off',
      CallbackSecretArn: 'off',
      UserTableName: 'UsersTable',
      SyncTableName: 'SyncTable',
      CrmUrl: 'https://api.infusionsoft.com',
      QuotaSettings: JSON.stringify({
        limits: { second: 25, minute: 1500, day: 125_000, month: 3_750_000 },
        liveReserve: 0.2,
        tagBatch: 100,
        windowSlackMs: 45,
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
      ChangeFeedMappingId: 'ChangeFeedStream',
      DiffUserFunctionName: 'ChangeFeedDiffUser',
      SyncContactFunctionName: 'ContactSyncSyncContact',
    });
  });

  it('encrypts every queue and requires TLS', () => {
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

  it('creates a secret that is marked as not filled in', () => {
    expect(properties(template, 'AWS::SecretsManager::Secret', 'CrmSecret')).toMatchObject({
      GenerateSecretString: {
        SecretStringTemplate: '{"kind":"unset"}',
        GenerateStringKey: 'placeholder',
      },
    });
  });

  it('creates no secret if there is one', () => {
    const existingSecretArn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12';
    const existing = templateWith({ crm: { existingSecretArn } });
    expect(resources(existing, 'AWS::SecretsManager::Secret')).toEqual({});
    expect(existing.findOutputs('SecretArn')['SecretArn']).toEqual({ Value: existingSecretArn });
  });

  it('retains tables, secret and key when it is destroyed, unless the settings say otherwise', () => {
    const kept = [
      ['AWS::DynamoDB::Table', 'UsersTable'],
      ['AWS::DynamoDB::Table', 'SyncTable'],
      ['AWS::SecretsManager::Secret', 'CrmSecret'],
      ['AWS::KMS::Key', 'EncryptionKey'],
    ] as const;
    const retaining = templateWith({ encryptionKey: 'create' });
    const sandbox = templateWith({ encryptionKey: 'create', removalPolicy: 'destroy' });
    for (const [type, id] of kept) {
      expect(resources(retaining, type)[id]).toMatchObject({
        DeletionPolicy: expect.stringMatching(/^Retain/),
        UpdateReplacePolicy: 'Retain',
      });
      expect(resources(sandbox, type)[id]).toMatchObject({ DeletionPolicy: 'Delete' });
    }
    const users = (of: typeof template) => properties(of, 'AWS::DynamoDB::Table', 'UsersTable');
    expect(users(template)['DeletionProtectionEnabled']).toBe(true);
    expect(users(sandbox)['DeletionProtectionEnabled']).toBe(false);
  });

  describe.each([[{}], [{ encryptionKey: 'create' }], [{ crm: { secretName: 'user-sync/crm' } }]] as const)(
    'a stack with %j',
    (settings) => {
      const kept = Object.values(templateWith(settings).toJSON()['Resources'] as Record<string, Kept>).filter(
        ({ DeletionPolicy }) => DeletionPolicy?.startsWith('Retain'),
      );

      it('can be deployed again after a failed first deployment', () => {
        // A rollback cannot delete a protected table. Without a physical name it blocks no later deployment.
        const leftBehind = kept.filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain');
        expect(leftBehind.map(({ Type }) => Type)).toEqual(['AWS::DynamoDB::Table']);
        expect(leftBehind.flatMap(physicalNames)).toEqual([]);
        for (const { Properties } of leftBehind) expect(Properties['DeletionProtectionEnabled']).toBe(true);
      });

      it('can be deployed again after it was destroyed, unless the settings name the secret', () => {
        expect(kept.length).toBeGreaterThanOrEqual(3);
        expect(kept.flatMap(physicalNames)).toEqual('crm' in settings ? ['user-sync/crm'] : []);
      });
    },
  );

  it('can restore both tables to a point in time', () => {
    for (const { Properties } of Object.values(resources(template, 'AWS::DynamoDB::Table')))
      expect(Properties).toMatchObject({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
  });

  it('puts no credentials into environment variables', () => {
    for (const { Properties } of Object.values(resources(template, 'AWS::Lambda::Function'))) {
      const { Environment } = Properties as { Environment: { Variables: object } };
      const suspects = Object.keys(Environment.Variables).filter((name) => /KEY|TOKEN|PASSWORD/.test(name));
      expect(suspects).toEqual([]);
    }
  });
});
