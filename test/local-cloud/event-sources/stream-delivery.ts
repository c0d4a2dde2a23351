import { randomUUID } from 'node:crypto';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type LambdaFunction, ThrottledError } from '../lambda/lambda-function.ts';
import { type EventSourceStatistics, failedItems, interruptibleSleep } from './event-source.ts';
import type { StreamRecord } from './shard-reader.ts';

export interface DeliverySettings {
  target: Pick<LambdaFunction, 'invoke' | 'arn'>;
  reportBatchItemFailures: boolean;
  bisectBatchOnFunctionError: boolean;
  /** -1: no limit. */
  maximumRetryAttempts: number;
  /** -1: no limit. */
  maximumRecordAgeSeconds: number;
  onFailure: FailureDestination | undefined;
  statistics: EventSourceStatistics;
  signal: AbortSignal;
}

/** Why records are discarded. */
type DiscardReason = 'RetryAttemptsExhausted' | 'RecordAgeExpired';

export interface DiscardedBatch {
  records: readonly StreamRecord[];
  reason: DiscardReason;
  shardId: string;
  functionArn: string;
  invocations: number;
  /** Whether the function threw, rather than reported single records. */
  functionError: boolean;
}

/** Receives the description of discarded records. */
export type FailureDestination = (batch: DiscardedBatch) => Promise<void>;

type Outcome = 'succeeded' | 'throttled' | { firstFailed: number; functionError: boolean };

/** Lambda does not document how long it waits between retries. Short delays keep runs short. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 2000;

/**
 * Invokes the function with a batch until all records succeed or are discarded, like Lambda: retries from the lowest failed
 * record, bisects the batch after a function error (which uses no attempt), and retries throttled batches until the records
 * are too old.
 *
 * @param invocations earlier invocations with some of these records.
 * @param attempts retries that these records have used.
 * @throws the reason of the signal when it is aborted.
 */
export async function deliver(
  settings: DeliverySettings,
  shardId: string,
  batch: readonly StreamRecord[],
  { invocations = 0, attempts = 0 } = {},
): Promise<void> {
  const { target, statistics, signal } = settings;
  let rest = batch;
  const counts = { invocations, attempts };
  const discard = async (records: readonly StreamRecord[], reason: DiscardReason, functionError: boolean) => {
    statistics.discarded += records.length;
    const discarded = { records, reason, shardId, functionArn: target.arn, functionError };
    await settings.onFailure?.({ ...discarded, invocations: counts.invocations });
  };
  for (let round = 0; ; round++) {
    signal.throwIfAborted();
    const expired = rest.filter((record) => isExpired(record, settings.maximumRecordAgeSeconds));
    if (expired.length > 0) await discard(expired, 'RecordAgeExpired', false);
    rest = rest.slice(expired.length);
    if (rest.length === 0) return;

    const outcome = await invoke(settings, rest);
    if (outcome === 'succeeded') return;
    if (outcome !== 'throttled') {
      const { firstFailed, functionError } = outcome;
      counts.invocations++;
      rest = rest.slice(firstFailed);
      statistics.failures += rest.length;
      if (functionError && settings.bisectBatchOnFunctionError && rest.length > 1) {
        const middle = Math.ceil(rest.length / 2);
        await deliver(settings, shardId, rest.slice(0, middle), counts);
        return deliver(settings, shardId, rest.slice(middle), counts);
      }
      counts.attempts++;
      const { maximumRetryAttempts } = settings;
      if (maximumRetryAttempts >= 0 && counts.attempts > maximumRetryAttempts)
        return discard(rest, 'RetryAttemptsExhausted', functionError);
    }
    await interruptibleSleep(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** round), signal);
  }
}

async function invoke(settings: DeliverySettings, Records: readonly StreamRecord[]): Promise<Outcome> {
  const { target, statistics, reportBatchItemFailures } = settings;
  const ids = Records.map(({ dynamodb }) => dynamodb.SequenceNumber);
  try {
    const response = await target.invoke({ Records });
    count();
    const failed = reportBatchItemFailures ? failedItems(response, ids) : new Set<string>();
    const firstFailed = ids.findIndex((id) => failed.has(id));
    return firstFailed < 0 ? 'succeeded' : { firstFailed, functionError: false };
  } catch (error) {
    if (error instanceof ThrottledError) return 'throttled';
    count();
    return { firstFailed: 0, functionError: true };
  }

  function count() {
    statistics.batches++;
    statistics.records += Records.length;
  }
}

function isExpired({ dynamodb }: StreamRecord, maximumAgeSeconds: number): boolean {
  return (
    maximumAgeSeconds >= 0 && Date.now() / 1000 - dynamodb.ApproximateCreationDateTime > maximumAgeSeconds
  );
}

/**
 * Sends what Lambda sends: the position of the records in the stream, not the records (Lambda developer guide, "Retain discarded records
 * for a DynamoDB event source").
 */
export function sqsFailureDestination(sqs: SQSClient, queueUrl: string): FailureDestination {
  return async (batch) => {
    await sqs.send(
      new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(describe(batch)) }),
    );
  };
}

function describe({ records, reason, shardId, functionArn, invocations, functionError }: DiscardedBatch) {
  const first = records.at(0);
  const last = records.at(-1);
  return {
    requestContext: {
      requestId: randomUUID(),
      functionArn,
      condition: reason,
      approximateInvokeCount: invocations,
    },
    responseContext: {
      statusCode: 200,
      executedVersion: '$LATEST',
      functionError: functionError ? 'Unhandled' : null,
    },
    version: '1.0',
    timestamp: new Date().toISOString(),
    DDBStreamBatchInfo: {
      shardId,
      startSequenceNumber: first?.dynamodb.SequenceNumber,
      endSequenceNumber: last?.dynamodb.SequenceNumber,
      approximateArrivalOfFirstRecord: arrival(first),
      approximateArrivalOfLastRecord: arrival(last),
      batchSize: records.length,
      streamArn: first?.eventSourceARN,
    },
  };
}

function arrival(record: StreamRecord | undefined): string | undefined {
  return record && new Date(record.dynamodb.ApproximateCreationDateTime * 1000).toISOString();
}
