import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { plain, properties, readable, resources, templateWith } from '../support/template-with.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const STREAM = `${TABLE}/stream/2026-01-01T00:00:00.000`;
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12';

/** X-Ray supports no resource-level permissions (Service Authorization Reference, "AWS X-Ray"). */
const TRACE = ['*', 'xray:PutTraceSegments', 'xray:PutTelemetryRecords'];
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents'];

describe('permissions', () => {
  const template = templateWith();

  it('allow diff-user to read the stream and send messages', () => {
    expect(permissions(template, 'ChangeFeedDiffUser')).toEqual([
      ['ChangeFeedDiffUserLogs.Arn', ...LOG],
      ['ContactSyncQueue.Arn', 'sqs:SendMessage'],
      ['ChangeFeedFailureQueue.Arn', 'sqs:SendMessage'],
      ['UsersTable.StreamArn', 'dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
      ['UsersTable.Arn/stream/*', 'dynamodb:ListStreams'],
    ]);
  });

  it('allow sync-contact to read and update users, and to receive and send messages', () => {
    expect(permissions(template, 'ContactSyncSyncContact')).toEqual([
      ['ContactSyncSyncContactLogs.Arn', ...LOG],
      ['UsersTable.Arn', 'dynamodb:BatchGetItem', 'dynamodb:Scan', 'dynamodb:UpdateItem'],
      [
        'SyncTable.Arn',
        'dynamodb:GetItem',
        'dynamodb:BatchGetItem',
        'dynamodb:PutItem',
        'dynamodb:DeleteItem',
      ],
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

  it('with events: allow sync-contact to publish, its schedules to send messages, and send-callback to deliver', () => {
    const withEvents = templateWith({ events: { callback: { url: 'https://app.example.com/events' } } });
    expect(permissions(withEvents, 'ContactSyncSyncContact')).toContainEqual([
      'CrmEventsBus.Arn',
      'events:PutEvents',
    ]);
    expect(permissions(withEvents, 'CrmEventsScheduleRole', 'DefaultPolicy')).toEqual([
      ['ContactSyncQueue.Arn', 'sqs:SendMessage'],
    ]);
    expect(permissions(withEvents, 'CrmEventsCallbackSendCallback')).toEqual([
      ['CrmEventsCallbackSendCallbackLogs.Arn', ...LOG],
      [
        'CrmEventsCallbackQueue.Arn',
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:ChangeMessageVisibility',
      ],
      ['CrmEventsCallbackSecret', 'secretsmanager:GetSecretValue'],
    ]);
  });

  it('allow the backfill to read users, take its lock, send messages and start an execution, but not to read or count messages', () => {
    const EXECUTIONS = 'arn:AWS::Partition:states:AWS::Region:AWS::AccountId';
    expect(permissions(template, 'BackfillFunction')).toEqual([
      ['BackfillFunctionLogs.Arn', ...LOG],
      ['UsersTable.Arn', 'dynamodb:Scan', 'dynamodb:BatchGetItem', 'dynamodb:DescribeTable'],
      [
        'SyncTable.Arn',
        'dynamodb:GetItem',
        'dynamodb:BatchGetItem',
        'dynamodb:PutItem',
        'dynamodb:DeleteItem',
      ],
      ['ContactSyncQueue.Arn', 'sqs:SendMessage'],
      [`${EXECUTIONS}:stateMachine:user-sync-backfill`, 'states:StartExecution'],
      [`${EXECUTIONS}:execution:user-sync-backfill:*`, 'states:DescribeExecution'],
    ]);
  });

  it('allow check-health to read the sync table, describe the change feed and count messages, and its schedule to invoke it', () => {
    expect(permissions(template, 'HealthCheckCheckHealth')).toEqual([
      ['HealthCheckCheckHealthLogs.Arn', ...LOG],
      ['SyncTable.Arn', 'dynamodb:GetItem'],
      ['ContactSyncQueue.Arn', 'sqs:GetQueueAttributes'],
      [
        'arn:AWS::Partition:lambda:AWS::Region:AWS::AccountId:event-source-mapping:ChangeFeedStream',
        'lambda:GetEventSourceMapping',
      ],
      ['UsersTable.Arn', 'dynamodb:DescribeTable'],
    ]);
    expect(permissions(template, 'HealthCheckScheduleRole', 'DefaultPolicy')).toEqual([
      ['HealthCheckCheckHealth.Arn', 'lambda:InvokeFunction'],
    ]);
  });

  it('allow rotate-token to renew the CRM’s secret', () => {
    expect(permissions(template, 'CrmRotationRotateToken')).toEqual([
      ['CrmRotationRotateTokenLogs.Arn', ...LOG],
      [
        'CrmSecret',
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
        'secretsmanager:PutSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
      ],
    ]);
  });

  it.each([
    'ChangeFeedDiffUser',
    'ContactSyncSyncContact',
    'BackfillFunction',
    'HealthCheckCheckHealth',
    'CrmRotationRotateToken',
  ])('allow %s to send traces if tracing is on', (id) => {
    expect(permissions(templateWith({ tracing: true }), id, 'RoleTrace')).toEqual([TRACE]);
  });

  it('allow the state machine to invoke its function, and to write logs and traces', () => {
    expect(permissions(template, 'BackfillStateMachine')).toEqual([
      ['BackfillFunction.Arn', 'lambda:InvokeFunction'],
    ]);
    expect(permissions(template, 'BackfillStateMachine', 'RoleLogAndTrace')).toEqual([
      [
        '*',
        'logs:CreateLogDelivery',
        'logs:GetLogDelivery',
        'logs:UpdateLogDelivery',
        'logs:DeleteLogDelivery',
        'logs:ListLogDeliveries',
        'logs:PutResourcePolicy',
        'logs:DescribeResourcePolicies',
        'logs:DescribeLogGroups',
      ],
      [...TRACE, 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
    ]);
  });

  it('allow the schedule to start the state machine', () => {
    expect(permissions(template, 'SchedulerRoleForTargetd94964', 'DefaultPolicy')).toEqual([
      ['BackfillStateMachine', 'states:StartExecution'],
    ]);
  });

  it('allow only alarms of this stack to publish to the topic', () => {
    const { PolicyDocument } = properties(template, 'AWS::SNS::TopicPolicy', 'AlarmsTopicPolicy');
    const { Statement } = plain(PolicyDocument) as { Statement: unknown[] };
    const alarms = Object.keys(resources(template, 'AWS::CloudWatch::Alarm'));
    expect(alarms.length).toBeGreaterThan(0);
    expect(Statement).toEqual([
      expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      {
        Sid: 'AllowAlarmsOfThisStack',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: 'AlarmsTopic',
        Condition: { ArnEquals: { 'aws:SourceArn': alarms.map((id) => `${id}.Arn`) } },
      },
    ]);
  });

  it('are assumed only by AWS services on behalf of this stack', () => {
    const ACCOUNT = { 'aws:SourceAccount': 'AWS::AccountId' };
    const ARN = (service: string) => `arn:AWS::Partition:${service}:AWS::Region:AWS::AccountId`;
    const trusted = Object.entries(resources(template, 'AWS::IAM::Role')).map(([id, { Properties }]) => {
      const { AssumeRolePolicyDocument } = plain(Properties) as {
        AssumeRolePolicyDocument: { Statement: Record<string, unknown>[] };
      };
      const [{ Principal, Condition } = {}, ...others] = AssumeRolePolicyDocument.Statement;
      expect(others).toEqual([]);
      return [id.replace(/ForTarget.*/, ''), Principal, ...(Condition ? [Condition] : [])];
    });
    const lambda = { Service: 'lambda.amazonaws.com' };
    const schedules = [
      { Service: 'scheduler.amazonaws.com' },
      { StringEquals: { ...ACCOUNT, 'aws:SourceArn': 'Schedules.Arn' } },
    ];
    expect(trusted).toEqual([
      ['CrmRotationRotateTokenRole', lambda],
      ['ContactSyncSyncContactRole', lambda],
      ['ChangeFeedDiffUserRole', lambda],
      ['BackfillFunctionRole', lambda],
      [
        'BackfillStateMachineRole',
        { Service: 'states.amazonaws.com' },
        {
          StringEquals: ACCOUNT,
          ArnEquals: { 'aws:SourceArn': `${ARN('states')}:stateMachine:user-sync-backfill` },
        },
      ],
      ['SchedulerRole', ...schedules],
      ['HealthCheckCheckHealthRole', lambda],
      ['HealthCheckScheduleRole', ...schedules],
    ]);
  });

  it('name an existing table and secret', () => {
    const existing = templateWith({
      userTable: { arn: TABLE, streamArn: STREAM },
      crm: { existingSecretArn: SECRET },
    });
    const diffUser = permissions(existing, 'ChangeFeedDiffUser').map(([resource]) => resource);
    const checkHealth = permissions(existing, 'HealthCheckCheckHealth').map(([resource]) => resource);
    const syncContact = permissions(existing, 'ContactSyncSyncContact').map(([resource]) => resource);
    expect(diffUser).toContain(STREAM);
    expect(diffUser).toContain(`${TABLE}/stream/*`);
    expect(checkHealth).toContain(TABLE);
    expect(syncContact).toContain(TABLE);
    expect(syncContact).toContain(SECRET);
  });

  it('come from the policies above, and from no managed policy', () => {
    expect(Object.keys(resources(template, 'AWS::IAM::Policy'))).toHaveLength(9);
    for (const { Properties } of Object.values(resources(template, 'AWS::IAM::Role')))
      expect(Object.keys(Properties as object)).toEqual(['AssumeRolePolicyDocument']);
  });
});

/** The statements of a role's policy: the resource of each, followed by its actions. */
function permissions(template: Template, owner: string, policy = 'RoleDefaultPolicy'): string[][] {
  const { PolicyDocument } = properties(template, 'AWS::IAM::Policy', `${owner}${policy}`);
  const { Statement } = PolicyDocument as { Statement: Record<string, unknown>[] };
  return Statement.map(({ Action, Resource, Effect, ...rest }) => {
    expect(Effect).toBe('Allow');
    expect(rest).toEqual({});
    return [readable(Resource), ...[Action].flat().map(String)];
  });
}
