import type { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import { plain, templateWith } from '../support/template-with.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const HERE = 'AWS::Region:AWS::AccountId';

/** The wildcards that AWS requires, with the reason. Any other fails the test. */
const REQUIRED_WILDCARDS: Readonly<Record<string, string>> = {
  'xray:PutTraceSegments on *': 'X-Ray supports no resource-level permissions',
  'xray:PutTelemetryRecords on *': 'X-Ray supports no resource-level permissions',
  'xray:GetSamplingRules on *': 'sampling rules belong to the account',
  'xray:GetSamplingTargets on *': 'sampling rules belong to the account',
  'logs:CreateLogDelivery on *': 'log deliveries support no resource-level permissions',
  'logs:GetLogDelivery on *': 'log deliveries support no resource-level permissions',
  'logs:UpdateLogDelivery on *': 'log deliveries support no resource-level permissions',
  'logs:DeleteLogDelivery on *': 'log deliveries support no resource-level permissions',
  'logs:ListLogDeliveries on *': 'log deliveries support no resource-level permissions',
  'logs:PutResourcePolicy on *': 'resource policies belong to the account',
  'logs:DescribeResourcePolicies on *': 'resource policies belong to the account',
  'logs:DescribeLogGroups on *': 'Step Functions searches the log groups of the account',
  'dynamodb:ListStreams on UsersTable.Arn/stream/*': 'ListStreams applies to all streams of a table',
  [`dynamodb:ListStreams on ${TABLE}/stream/*`]: 'ListStreams applies to all streams of a table',
  [`states:DescribeExecution on arn:AWS::Partition:states:${HERE}:execution:user-sync-backfill:*`]:
    'the name of an execution is known only when it runs',
  'Key: kms:* on *': 'in a key policy, * is the key; without the account nobody could change the policy',
  ...Object.fromEntries(
    [
      'kms:Decrypt',
      'kms:DescribeKey',
      'kms:Encrypt',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
      'kms:GenerateDataKey',
      'kms:GenerateDataKeyWithoutPlaintext',
    ].map((action) => [`Key: ${action} on *`, 'in a key policy, * is the key']),
  ),
};

const SETTINGS = [
  {},
  { encryptionKey: 'create' },
  { tracing: true },
  { events: { callback: { url: 'https://app.example.com/events' } } },
  { userTable: { arn: TABLE, streamArn: `${TABLE}/stream/2026-01-01T00:00:00.000` } },
];

it.each(SETTINGS)('no policy has a wildcard that AWS does not require: %j', (settings) => {
  const found = allowed(templateWith(settings)).filter((each) => each.includes('*'));
  expect(found.filter((each) => !(each in REQUIRED_WILDCARDS))).toEqual([]);
});

it('every exception is in use', () => {
  const found = new Set(SETTINGS.flatMap((settings) => allowed(templateWith(settings))));
  expect(Object.keys(REQUIRED_WILDCARDS).filter((each) => !found.has(each))).toEqual([]);
});

it('no Allow statement has a wildcard principal', () => {
  for (const settings of SETTINGS) {
    const principals = statements(templateWith(settings)).map(({ Principal }) =>
      JSON.stringify(Principal ?? ''),
    );
    expect(principals.filter((principal) => principal.includes('*'))).toEqual([]);
  }
});

interface Statement {
  /** Type of the resource that contains the statement. */
  of: string;
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource?: string | string[];
  Principal?: unknown;
}

/** Every allowed action with its resource, such as `sqs:SendMessage on Queue.Arn`. Those of a key policy begin with `Key: `. */
function allowed(template: Template): string[] {
  return statements(template).flatMap(({ of, Action, Resource = 'the role itself' }) =>
    [Action]
      .flat()
      .flatMap((action) =>
        [Resource]
          .flat()
          .map((resource) => `${of === 'AWS::KMS::Key' ? 'Key: ' : ''}${action} on ${resource}`),
      ),
  );
}

/** The Allow statements of all resources of the template. */
function statements(template: Template): Statement[] {
  const { Resources } = template.toJSON() as { Resources: Record<string, { Type: string }> };
  const found = Object.values(Resources).flatMap((resource) =>
    statementsIn(resource).map((statement) => ({ ...statement, of: resource.Type }) as Statement),
  );
  for (const statement of found)
    for (const negation of ['NotAction', 'NotResource', 'NotPrincipal'])
      expect(statement).not.toHaveProperty(negation);
  const allowing = found.filter(({ Effect }) => Effect === 'Allow');
  expect(allowing.length).toBeGreaterThan(0);
  return allowing;
}

/** The statements of all policies in a value, at any depth. */
function statementsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('Statement' in value) return plain(value.Statement) as object[];
  return Object.values(value).flatMap(statementsIn);
}
