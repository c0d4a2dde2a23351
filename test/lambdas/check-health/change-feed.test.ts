import {
  DescribeTableCommand,
  DynamoDBClient,
  ResourceNotFoundException as NoTableError,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import {
  type EventSourceMappingConfiguration,
  GetEventSourceMappingCommand,
  LambdaClient,
  ResourceNotFoundException as NoMappingError,
} from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { changeFeedProblem } from '../../../lambdas/check-health/change-feed.ts';

const STREAM = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/2026-01-01T00:00:00.000';
const NEW_STREAM = STREAM.replace('2026-01', '2026-06');
const region = 'eu-west-1';
const lambda = mockClient(LambdaClient);
const dynamodb = mockClient(DynamoDBClient);
const missing = { message: 'not found', $metadata: {} };

function given(mapping: EventSourceMappingConfiguration, table: TableDescription = {}): void {
  lambda.on(GetEventSourceMappingCommand, { UUID: 'mapping' }).resolves({
    State: 'Enabled',
    EventSourceArn: STREAM,
    LastProcessingResult: 'OK',
    ...mapping,
  });
  const StreamSpecification = { StreamEnabled: true };
  dynamodb
    .on(DescribeTableCommand, { TableName: 'users' })
    .resolves({ Table: { StreamSpecification, LatestStreamArn: STREAM, ...table } });
}
const problem = () =>
  changeFeedProblem(
    { lambda: new LambdaClient({ region }), dynamodb: new DynamoDBClient({ region }) },
    { mappingId: 'mapping', userTable: 'users' },
  );

beforeEach(() => {
  lambda.reset();
  dynamodb.reset();
});

describe('the change feed', () => {
  it.each<EventSourceMappingConfiguration>([
    { State: 'Enabled', LastProcessingResult: 'OK' },
    { State: 'Creating', LastProcessingResult: undefined },
    { State: 'Enabling', LastProcessingResult: 'No records processed' },
    { State: 'Updating' },
  ])('runs: %j', async (mapping) => {
    given(mapping);
    expect(await problem()).toBeUndefined();
  });

  it.each<[string, EventSourceMappingConfiguration, TableDescription]>([
    ['its event source is Disabled', { State: 'Disabled' }, {}],
    ['its event source is Disabling', { State: 'Disabling' }, {}],
    ['its event source is Deleting', { State: 'Deleting' }, {}],
    [
      'its event source reports: PROBLEM: Function call failed',
      { LastProcessingResult: 'PROBLEM: Function call failed' },
      {},
    ],
    ['the user table has no stream', {}, { StreamSpecification: { StreamEnabled: false } }],
    // DynamoDB leaves the property out if a table has no stream.
    ['the user table has no stream', {}, { StreamSpecification: undefined }],
    [
      `its event source reads ${STREAM}, but the stream of the user table is ${NEW_STREAM}`,
      {},
      { LatestStreamArn: NEW_STREAM },
    ],
  ])('is stopped, %s', async (expected, mapping, table) => {
    given(mapping, table);
    expect(await problem()).toBe(expected);
  });

  it('is stopped without its event source or table', async () => {
    given({});
    dynamodb.on(DescribeTableCommand).rejects(new NoTableError(missing));
    expect(await problem()).toBe('the user table does not exist');
    lambda.on(GetEventSourceMappingCommand).rejects(new NoMappingError({ ...missing, Type: 'User' }));
    expect(await problem()).toBe('its event source does not exist');
  });

  it('is unknown if AWS does not answer', async () => {
    given({});
    lambda.on(GetEventSourceMappingCommand).rejects(new Error('throttled'));
    await expect(problem()).rejects.toThrow('throttled');
    given({});
    dynamodb.on(DescribeTableCommand).rejects(new Error('throttled'));
    await expect(problem()).rejects.toThrow('throttled');
  });
});
