import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../infra/config.ts';
import { SYNC_CONTACT_MEMORY_MB } from '../../../infra/constructs/contact-sync.ts';
import { readSettings } from '../../../lambdas/sync-contact/settings.ts';
import { BATCH_SIZE, paceFor } from '../../../shared/quota/pace.ts';
import { backoffMs, INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import { CloudError, RetryableError } from '../../../shared/sync/errors.ts';
import { properties, readable, templateWith } from '../../support/template-with.ts';

describe('the pace of the CRM', () => {
  it.each([
    { latencyP95Ms: 400 },
    { latencyP95Ms: 4_000 },
    { limits: { second: 2, minute: 120, day: 30_000 }, latencyP95Ms: 100 },
    { limits: { second: 10.5, minute: 1500, day: 30_000 }, windowSlackMs: 20 },
    { limits: 'service-account-key' },
  ] as const)('limits the concurrency of the function and its event source: %j', (crm) => {
    const template = templateWith({ crm });
    const parsed = parseConfig({ crm }).crm;
    const pace = paceFor(parsed);
    const source = properties(template, 'AWS::Lambda::EventSourceMapping', 'ContactSyncQueueSource');
    const { ReservedConcurrentExecutions } = properties(
      template,
      'AWS::Lambda::Function',
      'ContactSyncSyncContact',
    );
    const variables = variablesOf(template);

    expect(ReservedConcurrentExecutions).toBe(pace.environments);
    expect(source['ScalingConfig']).toEqual({ MaximumConcurrency: pace.environments });
    const { environments: _, ...schedule } = pace;
    expect(JSON.parse(variables['SLOT_SCHEDULE'] ?? '')).toEqual(schedule);
    expect(pace.requestsPerWindow).toBeLessThanOrEqual(parsed.limits.second);
    expect(pace.requestsPerWindow * 60).toBeLessThanOrEqual(parsed.limits.minute);
  });

  it('has a function with enough CPU to start requests on time', () => {
    const { MemorySize } = properties(templateWith(), 'AWS::Lambda::Function', 'ContactSyncSyncContact');
    expect(MemorySize).toBe(SYNC_CONTACT_MEMORY_MB);
    expect(MemorySize).toBeGreaterThanOrEqual(768);
  });
});

describe('the queue', () => {
  const template = templateWith();
  const queue = properties(template, 'AWS::SQS::Queue', 'ContactSyncQueue');
  const deadLetterQueue = properties(template, 'AWS::SQS::Queue', 'ContactSyncDeadLetterQueue');
  const syncContact = properties(template, 'AWS::Lambda::Function', 'ContactSyncSyncContact');

  it.each([
    ['queue', queue],
    ['dead-letter queue', deadLetterQueue],
  ])('is FIFO with high throughput, and keeps messages for 14 days: %s', (_, fifo) => {
    expect(fifo).toMatchObject({
      FifoQueue: true,
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
      MessageRetentionPeriod: 14 * 24 * 60 * 60,
    });
    expect(fifo['ContentBasedDeduplication'] ?? false).toBe(false);
  });

  it('has a visibility timeout of at least six function timeouts, as AWS recommends', () => {
    expect(syncContact['Timeout']).toBe(INVOCATION_MS / 1000);
    expect(queue['VisibilityTimeout']).toBeGreaterThanOrEqual(6 * Number(syncContact['Timeout']));
  });

  it('redelivers the users of a dead environment within 150 s', () => {
    expect(queue['VisibilityTimeout']).toBeLessThanOrEqual(150);
  });

  it('gives up on no message before it is 14 days old, however often a pause or an outage brings it back', () => {
    const { deadLetterTargetArn, maxReceiveCount } = queue['RedrivePolicy'] as Record<string, unknown>;
    expect(readable(deadLetterTargetArn)).toBe('ContactSyncDeadLetterQueue.Arn');
    const paused = new RetryableError('', { afterMs: Number.POSITIVE_INFINITY });
    for (const error of [paused, new RetryableError(''), new CloudError('')]) {
      const waits = Array.from({ length: Number(maxReceiveCount) }, (_, index) =>
        backoffMs(index + 1, error, 0),
      );
      const total = waits.reduce((sum, wait) => sum + wait, 0);
      expect(total).toBeGreaterThan(14 * 24 * 3_600_000);
    }
  });

  it('delivers full batches without waiting, and accepts partial failures', () => {
    const source = properties(template, 'AWS::Lambda::EventSourceMapping', 'ContactSyncQueueSource');
    expect(readable(source['EventSourceArn'])).toBe('ContactSyncQueue.Arn');
    expect(source).toMatchObject({
      BatchSize: BATCH_SIZE,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    // FIFO queues have no batching window (AWS Lambda, "Using Lambda with Amazon SQS").
    expect(source).not.toHaveProperty('MaximumBatchingWindowInSeconds');
  });
});

describe('sync-contact', () => {
  it('reads the environment variables that the stack sets', () => {
    const template = templateWith({ crm: { url: 'http://127.0.0.1:80' }, deletionPolicy: 'untag' });
    const variables = variablesOf(template);
    expect(variables).toMatchObject({
      USER_TABLE: 'UsersTable',
      SYNC_TABLE: 'SyncTable',
      SYNC_QUEUE_URL: 'ContactSyncQueue',
      DEAD_LETTER_QUEUE_URL: 'ContactSyncDeadLetterQueue',
      CRM_SECRET_ID: 'CrmSecret',
    });
    const url = (id: string | undefined) => `https://sqs.eu-west-1.amazonaws.com/123456789012/${id}.fifo`;
    const settings = readSettings({
      ...variables,
      SYNC_QUEUE_URL: url(variables['SYNC_QUEUE_URL']),
      DEAD_LETTER_QUEUE_URL: url(variables['DEAD_LETTER_QUEUE_URL']),
    });
    expect(settings).toMatchObject({
      CRM_URL: 'http://127.0.0.1:80',
      DELETION_POLICY: 'untag',
      SLOT_SCHEDULE: { requestsPerWindow: 25, windowMs: 1045, burst: 13 },
      LIMITS: { second: 25, minute: 1500, day: 125_000, month: 3_750_000 },
      LIVE_RESERVE: 0.2,
    });
  });

  it('reports an invalid environment variable', () => {
    expect(() => readSettings({})).toThrow(/expected string, received undefined/);
  });
});

function variablesOf(template: Template): Record<string, string> {
  const { Environment } = properties(template, 'AWS::Lambda::Function', 'ContactSyncSyncContact');
  const { Variables } = Environment as { Variables: Record<string, unknown> };
  return Object.fromEntries(Object.entries(Variables).map(([name, value]) => [name, readable(value)]));
}
