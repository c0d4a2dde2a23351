import { randomUUID } from 'node:crypto';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { StreamRecord } from './stream-record.ts';

/** Why records are given up. */
export type DiscardReason = 'RetryAttemptsExhausted' | 'RecordAgeExpired';

export interface DiscardedBatch {
  records: readonly StreamRecord[];
  reason: DiscardReason;
  shardId: string;
  functionArn: string;
  invocations: number;
  /** Whether the function failed as a whole, rather than reported single records. */
  functionError: boolean;
}

/** Where the description of records that were given up goes. */
export type FailureDestination = (batch: DiscardedBatch) => Promise<void>;

/** Sends what Lambda sends: which records, but not the records (Lambda developer guide, "Retain discarded records for a DynamoDB event source"). */
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
