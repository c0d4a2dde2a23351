import { expect, it } from 'vitest';
import type { LocalSystem } from '../demo/local-system.ts';
import { metricsIn, readMeters, usedBetween } from './meter.ts';

const METRIC_LINE =
  'sync {"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"x","Dimensions":[["service"]],"Metrics":[{"Name":"Lag"},{"Name":"Paused"}]}]},"service":"sync-contact","Lag":5}';

it('the meters add up functions, pollers, calls, transitions with their retries, and logs', () => {
  const history = [
    'TaskStateEntered',
    'TaskScheduled',
    'TaskScheduled',
    'WaitStateEntered',
    'WaitStateExited',
  ];
  const system = {
    logs: ['sync {"é":1}'],
    cloud: {
      outputs: { QueueUrl: 'http://127.0.0.1/0/Queue.fifo', UserTableName: 'Users' },
      statistics: () => ({
        functions: { a: { invocations: 3, gbSeconds: 1.5 }, b: { invocations: 1, gbSeconds: 0.5 } },
        eventSources: { ContactSyncQueueSource: { batches: 2 }, ChangeFeedStream: { batches: 9 } },
      }),
      executions: () => [{ history: history.map((type) => ({ type })) }],
    },
  } as unknown as LocalSystem;
  const counted = new Map([
    ['DynamoDB UpdateItem Users', { calls: 2, readUnits: 0, writeUnits: 4 }],
    ['SQS SendMessageBatch Queue.fifo', { calls: 1, readUnits: 0, writeUnits: 0 }],
  ]);
  const { usage, calls } = readMeters(system, {
    counts: () => counted,
    between: async () => ({}),
    stop: () => undefined,
  });
  expect(usage).toEqual({
    lambdaRequests: 4,
    lambdaGbSeconds: 2,
    sqsFifoRequests: 1 + 2 * 2,
    dynamodbReadUnits: 0,
    dynamodbWriteUnits: 4,
    stateTransitions: 3,
    logGigabytes: (8 + 26 + 4 * 700) / 1e9,
    traces: 4,
    secretCalls: 0,
  });
  expect(Object.fromEntries(calls)).toEqual({
    'DynamoDB UpdateItem user table': 2,
    'SQS SendMessageBatch queue': 1,
  });
  expect(usedBetween({ ...usage, lambdaRequests: 1, dynamodbWriteUnits: 3.7 }, usage)).toEqual({
    lambdaRequests: 3,
    dynamodbWriteUnits: 0.3,
  });
});

it('metrics are counted once each, by the function that writes them', () => {
  expect([...metricsIn([METRIC_LINE, METRIC_LINE, 'sync {"level":"INFO"}'])]).toEqual([
    'sync-contact Lag',
    'sync-contact Paused',
  ]);
});
