import { describe, expect, it } from 'vitest';
import { properties, readable, templateWith } from '../../support/template-with.ts';

describe('the change feed', () => {
  const template = templateWith();
  const source = properties(template, 'AWS::Lambda::EventSourceMapping', 'ChangeFeedStream');

  it('reads the stream of the user table from its oldest record', () => {
    expect(readable(source['EventSourceArn'])).toBe('UsersTable.StreamArn');
    expect(readable(source['FunctionName'])).toBe('ChangeFeedDiffUser');
    expect(source['StartingPosition']).toBe('TRIM_HORIZON');
  });

  it('invokes diff-user for changes of users only, immediately and in order', () => {
    expect(source['FilterCriteria']).toEqual({
      Filters: [{ Pattern: '{"dynamodb":{"Keys":{"userId":{"S":[{"exists":true}]}}}}' }],
    });
    expect(source['MaximumBatchingWindowInSeconds'] ?? 0).toBe(0);
    expect(source['ParallelizationFactor'] ?? 1).toBe(1);
  });

  it('isolates a failing record, and sends its position to the failure queue', () => {
    expect(source).toMatchObject({
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    const { OnFailure } = source['DestinationConfig'] as { OnFailure: { Destination: unknown } };
    expect(readable(OnFailure.Destination)).toBe('ChangeFeedFailureQueue.Arn');
  });

  it('retries for as long as the stream keeps a record', () => {
    const streamRetentionSeconds = 24 * 60 * 60;
    expect(source['MaximumRecordAgeInSeconds']).toBe(streamRetentionSeconds);
    expect(source['MaximumRetryAttempts'] ?? -1).toBe(-1);
  });

  it('raises the iterator age alarm long before records expire', () => {
    const { Threshold } = properties(template, 'AWS::CloudWatch::Alarm', 'AlarmsIteratorAge');
    expect(Threshold).toBeLessThanOrEqual((Number(source['MaximumRecordAgeInSeconds']) * 1000) / 2);
  });

  it('has a standard queue that keeps failures for 14 days', () => {
    const queue = properties(template, 'AWS::SQS::Queue', 'ChangeFeedFailureQueue');
    expect(queue).not.toHaveProperty('FifoQueue');
    expect(queue['MessageRetentionPeriod']).toBe(14 * 24 * 60 * 60);
  });

  it('passes the queue to diff-user', () => {
    const { Environment } = properties(template, 'AWS::Lambda::Function', 'ChangeFeedDiffUser');
    const { Variables } = Environment as { Variables: Record<string, unknown> };
    expect(readable(Variables['SYNC_QUEUE_URL'])).toBe('ContactSyncQueue');
  });
});
