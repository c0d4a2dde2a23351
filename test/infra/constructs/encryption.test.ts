import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { plain, properties, resources, templateWith } from '../../support/template-with.ts';

const ARN = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const SECURITY = readFileSync(new URL('../../../docs/security.md', import.meta.url), 'utf8');

/** The key of each type of resource that stores data. */
const KEY_OF: Readonly<Record<string, (given: Record<string, unknown>) => unknown>> = {
  'AWS::SQS::Queue': ({ KmsMasterKeyId }) => KmsMasterKeyId,
  'AWS::DynamoDB::Table': ({ SSESpecification }) =>
    (SSESpecification as Record<string, unknown> | undefined)?.['KMSMasterKeyId'],
  'AWS::SecretsManager::Secret': ({ KmsKeyId }) => KmsKeyId,
  'AWS::Logs::LogGroup': ({ KmsKeyId }) => KmsKeyId,
  'AWS::SNS::Topic': ({ KmsMasterKeyId }) => KmsMasterKeyId,
};

/** The resources that store data, with their keys. */
function keysUsed(template: Template): Record<string, unknown> {
  const used = Object.entries(KEY_OF).flatMap(([type, keyOf]) =>
    Object.entries(resources(template, type)).map(([id, { Properties = {} }]) => [
      id,
      plain(keyOf(Properties as Record<string, unknown>)),
    ]),
  );
  return Object.fromEntries(used);
}

/** The actions on a key that each role is allowed. */
function keyPermissions(template: Template): Record<string, unknown> {
  const policies = Object.entries(resources(template, 'AWS::IAM::Policy')).flatMap(([id, { Properties }]) => {
    const { PolicyDocument } = plain(Properties) as {
      PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] };
    };
    return PolicyDocument.Statement.filter(({ Action }) => /kms:/.test(String(Action))).map(
      ({ Action, Resource }) => [id.replace('RoleDefaultPolicy', ''), [Resource, ...[Action].flat()]],
    );
  });
  return Object.fromEntries(policies);
}

const DATA_STORES = [
  'AlarmsTopic',
  'BackfillFeederLogs',
  'BackfillLogs',
  'ChangeFeedDiffUserLogs',
  'ChangeFeedFailureQueue',
  'ContactSyncDeadLetterQueue',
  'ContactSyncQueue',
  'ContactSyncSyncContactLogs',
  'CrmRotationRotateTokenLogs',
  'CrmSecret',
  'HealthCheckCheckHealthLogs',
  'SyncTable',
  'UsersTable',
];

describe.each([
  ['a key that the stack creates', 'create', 'EncryptionKey.Arn'],
  ['an existing key', ARN, ARN],
])('with %s', (_, encryptionKey, key) => {
  const template = templateWith({ encryptionKey });

  it('encrypts all stored data with it', () => {
    const used = keysUsed(template);
    expect(Object.keys(used).toSorted()).toEqual(DATA_STORES);
    for (const [id, value] of Object.entries(used)) expect(value, id).toBe(key);
  });

  it('allows each function the actions that it needs, and no other role', () => {
    const WRITE = [
      'kms:Encrypt',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
      'kms:GenerateDataKey',
      'kms:GenerateDataKeyWithoutPlaintext',
    ];
    expect(keyPermissions(template)).toEqual({
      ChangeFeedDiffUser: [key, 'kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey'],
      ContactSyncSyncContact: [key, 'kms:Decrypt', 'kms:DescribeKey', ...WRITE],
      BackfillFeeder: [key, 'kms:Decrypt', 'kms:DescribeKey', ...WRITE],
      HealthCheckCheckHealth: [key, 'kms:Decrypt', 'kms:DescribeKey'],
      CrmRotationRotateToken: [key, 'kms:Decrypt', 'kms:GenerateDataKey'],
    });
  });
});

describe('a key that the stack creates', () => {
  const template = templateWith({ encryptionKey: 'create' });

  it('is rotated, has an alias, and is retained with the data', () => {
    expect(properties(template, 'AWS::KMS::Key', 'EncryptionKey')['EnableKeyRotation']).toBe(true);
    expect(properties(template, 'AWS::KMS::Alias', 'EncryptionKeyAlias')['AliasName']).toBe(
      'alias/user-sync',
    );
    expect(resources(template, 'AWS::KMS::Key')['EncryptionKey']).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
    });
    const sandbox = templateWith({ encryptionKey: 'create', removalPolicy: 'destroy' });
    expect(resources(sandbox, 'AWS::KMS::Key')['EncryptionKey']).toMatchObject({ DeletionPolicy: 'Delete' });
  });

  it('has the policy that docs/security.md requires of an existing key', () => {
    const [, json = ''] = /```json\n([\s\S]+?)\n```/.exec(SECURITY) ?? [];
    const documented = z.object({ Statement: z.array(z.unknown()) }).parse(JSON.parse(json));
    const { KeyPolicy } = properties(template, 'AWS::KMS::Key', 'EncryptionKey');
    const made = JSON.stringify(plain(KeyPolicy))
      .replaceAll('AWS::Partition', 'aws')
      .replaceAll('AWS::Region', 'REGION')
      .replaceAll('AWS::AccountId', 'ACCOUNT')
      .replaceAll('AWS::URLSuffix', 'amazonaws.com');
    expect(JSON.parse(made)).toEqual({ Version: '2012-10-17', ...documented });
  });
});

describe('without a customer managed key', () => {
  const template = templateWith();

  it('each service uses its own key, and no role needs permissions', () => {
    expect(Object.keys(keysUsed(template)).toSorted()).toEqual(DATA_STORES);
    for (const [id, value] of Object.entries(keysUsed(template))) expect(value, id).toBeUndefined();
    for (const { Properties } of Object.values(resources(template, 'AWS::SQS::Queue')))
      expect(Properties).toMatchObject({ SqsManagedSseEnabled: true });
    expect(keyPermissions(template)).toEqual({});
    expect(resources(template, 'AWS::KMS::Key')).toEqual({});
  });
});
