import { expect, it } from 'vitest';
import type { LocalSystem } from '../demo/local-system.ts';
import { metricsIn, readMeters, usedBetween, workBetween } from './meter.ts';

const METRIC_LINE =
  'sync {"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"x","Dimensions":[["service"]],"Metrics":[{"Name":"Lag"},{"Name":"Paused"}]}]},"service":"sync-contact","Lag":5}';

it('reads the usage of functions, pollers, calls, transitions with retries, and logs', () => {
  const history = [
    'TaskStateEntered',
    'TaskScheduled',
    'TaskScheduled',
    'WaitStateEntered',
    'WaitStateExited',
  ];
  const system = {
    logs: ['stack-ContactSyncSyncContactAB {"é":1}'],
    cloud: {
      outputs: { QueueUrl: 'http://127.0.0.1/0/Queue.fifo', UserTableName: 'Users' },
      statistics: () => ({
        functions: {
          'stack-ContactSyncSyncContactAB': { invocations: 3, gbSeconds: 1.5 },
          'stack-ChangeFeedDiffUserCD': { invocations: 1, gbSeconds: 0.5 },
        },
        eventSources: {
          ContactSyncQueueSource: { batches: 2 },
          ChangeFeedStream: { batches: 9 },
          CrmEventsCallbackSource: { batches: 3 },
        },
      }),
      executions: () => [{ history: history.map((type) => ({ type })) }],
    },
  } as unknown as LocalSystem;
  const counted = new Map([
    ['DynamoDB UpdateItem Users', { calls: 2, readUnits: 0, writeUnits: 4 }],
    ['SQS SendMessageBatch Queue.fifo', { calls: 1, readUnits: 0, writeUnits: 0 }],
  ]);
  const reading = readMeters(system, {
    counts: () => counted,
    between: async () => ({}),
    stop: async () => {},
  });
  const { usage, calls, functions, polls } = reading;
  expect(usage).toEqual({
    lambdaRequests: 4,
    lambdaGbSeconds: 2,
    sqsFifoRequests: 1 + 2 * 2,
    sqsRequests: 2 * 3,
    dynamodbReadUnits: 0,
    dynamodbWriteUnits: 4,
    stateTransitions: 3,
    logGigabytes: (8 + 26 + 4 * 700) / 1e9,
    secretCalls: 0,
  });
  expect(functions).toEqual({
    'sync-contact': { invocations: 3, gbSeconds: 1.5, logBytes: 8 + 26 + 3 * 700 },
    'diff-user': { invocations: 1, gbSeconds: 0.5, logBytes: 700 },
  });
  expect(polls).toBe(4);
  expect(calls).toEqual({
    'DynamoDB UpdateItem user table': { calls: 2, readUnits: 0, writeUnits: 4 },
    'SQS SendMessageBatch queue': { calls: 1, readUnits: 0, writeUnits: 0 },
  });
  const later = { ...reading, at: reading.at + 2500, calls: {}, polls: 6 };
  expect(
    workBetween({ ...later, functions: {} }, { ...later, at: later.at + 2500, functions, calls }),
  ).toMatchObject({
    seconds: 2.5,
    functions,
    calls,
    polls: 0,
  });
  expect(workBetween(reading, later)).toMatchObject({ functions: {}, calls: {}, polls: 2 });
  expect(usedBetween({ ...usage, lambdaRequests: 1, dynamodbWriteUnits: 3.7 }, usage)).toEqual({
    lambdaRequests: 3,
    dynamodbWriteUnits: 0.3,
  });
});

it('counts each metric once per function', () => {
  expect([...metricsIn([METRIC_LINE, METRIC_LINE, 'sync {"level":"INFO"}'])]).toEqual([
    'sync-contact Lag',
    'sync-contact Paused',
  ]);
});
