import type { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import { plain, templateWith } from '../support/template-with.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const HERE = 'AWS::Region:AWS::AccountId';

/** Wildcards that AWS lets nobody narrow: what they are in, and why. Any other fails. */
const NOT_TO_BE_NARROWED: Readonly<Record<string, string>> = {
  'xray:PutTraceSegments on *': 'X-Ray has no resources for traces',
  'xray:PutTelemetryRecords on *': 'X-Ray has no resources for traces',
  'xray:GetSamplingRules on *': 'Step Functions reads the rules of the account',
  'xray:GetSamplingTargets on *': 'Step Functions reads the rules of the account',
  'logs:CreateLogDelivery on *': 'a log delivery has no resource',
  'logs:GetLogDelivery on *': 'a log delivery has no resource',
  'logs:UpdateLogDelivery on *': 'a log delivery has no resource',
  'logs:DeleteLogDelivery on *': 'a log delivery has no resource',
  'logs:ListLogDeliveries on *': 'a log delivery has no resource',
  'logs:PutResourcePolicy on *': 'resource policies are of the account',
  'logs:DescribeResourcePolicies on *': 'resource policies are of the account',
  'logs:DescribeLogGroups on *': 'Step Functions looks for the group among those of the account',
  'dynamodb:ListStreams on UsersTable.Arn/stream/*': 'a list of streams names none of them',
  [`dynamodb:ListStreams on ${TABLE}/stream/*`]: 'a list of streams names none of them',
  [`states:DescribeExecution on arn:AWS::Partition:states:${HERE}:execution:user-sync-backfill:*`]:
    'an execution has a name only when it runs',
  'Key: kms:* on *': 'a key’s policy speaks of the key alone; without the account in it nobody could mend it',
  ...Object.fromEntries(
    [
      'kms:Decrypt',
      'kms:DescribeKey',
      'kms:Encrypt',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
      'kms:GenerateDataKey',
      'kms:GenerateDataKeyWithoutPlaintext',
    ].map((action) => [`Key: ${action} on *`, 'a key’s policy speaks of the key alone']),
  ),
};

const SETTINGS = [
  {},
  { encryptionKey: 'create' },
  { tracing: true },
  { userTable: { arn: TABLE, streamArn: `${TABLE}/stream/2026-01-01T00:00:00.000` } },
];

it.each(SETTINGS)('no policy allows more than it names, but where AWS knows no names: %j', (settings) => {
  const found = allowed(templateWith(settings)).filter((each) => each.includes('*'));
  expect(found.filter((each) => !(each in NOT_TO_BE_NARROWED))).toEqual([]);
});

it('every exception is still needed', () => {
  const found = new Set(SETTINGS.flatMap((settings) => allowed(templateWith(settings))));
  expect(Object.keys(NOT_TO_BE_NARROWED).filter((each) => !found.has(each))).toEqual([]);
});

it('nobody is anybody: a statement that allows names who', () => {
  for (const settings of SETTINGS) {
    const principals = statements(templateWith(settings)).map(({ Principal }) =>
      JSON.stringify(Principal ?? ''),
    );
    expect(principals.filter((principal) => principal.includes('*'))).toEqual([]);
  }
});

interface Statement {
  /** Type of the resource that it is in. */
  of: string;
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource?: string | string[];
  Principal?: unknown;
}

/** Each action that is allowed, on each resource. Those of a key's own policy begin with `Key: `. */
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

/** All statements that allow something, in whatever resource of the template they are. */
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

/** Statements of the policies in a value, however deep. */
function statementsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('Statement' in value) return plain(value.Statement) as object[];
  return Object.values(value).flatMap(statementsIn);
}
