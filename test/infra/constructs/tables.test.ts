import { describe, expect, it } from 'vitest';
import { properties, readable, resources, templateWith } from '../../support/template-with.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const STREAM = `${TABLE}/stream/2026-01-01T00:00:00.000`;

describe('a new user table', () => {
  it('has the key and the stream that the sync needs', () => {
    expect(properties(templateWith(), 'AWS::DynamoDB::Table', 'UsersTable')).toMatchObject({
      KeySchema: [{ AttributeName: 'userId', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'userId', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });
});

describe('an existing user table', () => {
  const template = templateWith({ userTable: { arn: TABLE, streamArn: STREAM } });

  it('is not created', () => {
    expect(Object.keys(resources(template, 'AWS::DynamoDB::Table'))).toEqual(['SyncTable']);
  });

  it('is read from its own stream', () => {
    const source = properties(template, 'AWS::Lambda::EventSourceMapping', 'ChangeFeedStream');
    expect(source['EventSourceArn']).toBe(STREAM);
  });

  it('is read by sync-contact and named by the outputs', () => {
    const { Environment } = properties(template, 'AWS::Lambda::Function', 'ContactSyncSyncContact');
    const { Variables } = Environment as { Variables: Record<string, unknown> };
    expect(readable(Variables['USER_TABLE'])).toBe('users');
    expect(template.findOutputs('UserTableName')['UserTableName']).toEqual({ Value: 'users' });
  });
});
