import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { properties, readable, resources, templateWith } from './template-with.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const STREAM = `${TABLE}/stream/2026-01-01T00:00:00.000`;
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12';

/** X-Ray has no resources to name (Service Authorization Reference, "AWS X-Ray"). */
const TRACE = ['*', 'xray:PutTraceSegments', 'xray:PutTelemetryRecords'];
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents'];

describe('permissions', () => {
  const template = templateWith();

  it('let diff-user read the stream and send', () => {
    expect(permissions(template, 'ChangeFeedDiffUser')).toEqual([
      ['ChangeFeedDiffUserLogs.Arn', ...LOG],
      TRACE,
      ['ContactSyncQueue.Arn', 'sqs:SendMessage'],
      ['ChangeFeedFailureQueue.Arn', 'sqs:SendMessage'],
      ['UsersTable.StreamArn', 'dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
      ['UsersTable.Arn/stream/*', 'dynamodb:ListStreams'],
    ]);
  });

  it('let sync-contact read users, write back, and handle its messages', () => {
    expect(permissions(template, 'ContactSyncSyncContact')).toEqual([
      ['ContactSyncSyncContactLogs.Arn', ...LOG],
      TRACE,
      ['UsersTable.Arn', 'dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:UpdateItem'],
      ['SyncTable.Arn', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
      [
        'ContactSyncQueue.Arn',
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:ChangeMessageVisibility',
        'sqs:SendMessage',
      ],
      ['ContactSyncDeadLetterQueue.Arn', 'sqs:SendMessage'],
      ['CrmSecret', 'secretsmanager:GetSecretValue'],
    ]);
  });

  it('let the backfill scan users, keep its place, fill the queue, and go on as a new execution', () => {
    const EXECUTIONS = 'arn:AWS::Partition:states:AWS::Region:AWS::AccountId';
    expect(permissions(template, 'BackfillFeeder')).toEqual([
      ['BackfillFeederLogs.Arn', ...LOG],
      TRACE,
      ['UsersTable.Arn', 'dynamodb:Scan', 'dynamodb:DescribeTable'],
      ['SyncTable.Arn', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
      ['ContactSyncQueue.Arn', 'sqs:SendMessage', 'sqs:GetQueueAttributes'],
      [`${EXECUTIONS}:stateMachine:user-sync-backfill`, 'states:StartExecution'],
      [`${EXECUTIONS}:execution:user-sync-backfill:*`, 'states:DescribeExecution'],
    ]);
  });

  it('let rotate-token renew the one secret', () => {
    expect(permissions(template, 'CrmRotationRotateToken')).toEqual([
      ['CrmRotationRotateTokenLogs.Arn', ...LOG],
      TRACE,
      [
        'CrmSecret',
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
        'secretsmanager:PutSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
      ],
    ]);
  });

  it('name a table and a secret that are there already', () => {
    const existing = templateWith({
      userTable: { arn: TABLE, streamArn: STREAM },
      crm: { existingSecretArn: SECRET },
    });
    const diffUser = permissions(existing, 'ChangeFeedDiffUser').map(([resource]) => resource);
    const syncContact = permissions(existing, 'ContactSyncSyncContact').map(([resource]) => resource);
    expect(diffUser).toContain(STREAM);
    expect(diffUser).toContain(`${TABLE}/stream/*`);
    expect(syncContact).toContain(TABLE);
    expect(syncContact).toContain(SECRET);
  });

  it('come from one policy of each role, and from nothing managed by AWS', () => {
    expect(Object.keys(resources(template, 'AWS::IAM::Policy'))).toHaveLength(6);
    for (const { Properties } of Object.values(resources(template, 'AWS::IAM::Role')))
      expect(Object.keys(Properties as object)).toEqual(['AssumeRolePolicyDocument']);
  });
});

/** What a function may do: for each statement the resource, and then the actions. */
function permissions(template: Template, functionId: string): string[][] {
  const { PolicyDocument } = properties(template, 'AWS::IAM::Policy', `${functionId}RoleDefaultPolicy`);
  const { Statement } = PolicyDocument as { Statement: Record<string, unknown>[] };
  return Statement.map(({ Action, Resource, Effect, ...rest }) => {
    expect(Effect).toBe('Allow');
    expect(rest).toEqual({});
    return [readable(Resource), ...[Action].flat().map(String)];
  });
}
