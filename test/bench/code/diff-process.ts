/**
 * A process of its own: runs diff-user over records of a stream, with an SQS client that accepts everything, and sends its parent the
 * records handled per second of processor time. That is the time of all threads, so garbage collection counts and other programs
 * on the machine do not.
 */
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Context, DynamoDBStreamEvent } from 'aws-lambda';
import { streamRecords } from './stream-records.ts';

/** Distinct ones: as many as fit in memory beside the work without making it slower. */
const RECORDS = 2000;
/** Records of one invocation, as in `infra/constructs/change-feed.ts`. */
const BATCH = 100;
const ROUNDS = 50;

let sent = 0;
SQSClient.prototype.send = async (command: unknown) => {
  if (command instanceof SendMessageBatchCommand) sent += command.input.Entries?.length ?? 0;
  return {};
};
// Loaded after the client was replaced.
const { handler }: { handler(event: DynamoDBStreamEvent, context: Context): Promise<unknown> } = await import('../../../lambdas/diff-user/handler.ts'
);

const records = streamRecords(RECORDS);
const events = Array.from({ length: RECORDS / BATCH }, (_, index) => ({
  Records: records.slice(index * BATCH, (index + 1) * BATCH),
}));
const context = { awsRequestId: 'bench', functionName: 'diff-user' } as Context;
const rates: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const before = process.cpuUsage();
  for (const event of events) await handler(event, context);
  const { user, system } = process.cpuUsage(before);
  rates.push((1e6 * RECORDS) / (user + system));
}
const { heapUsed, external, rss } = process.memoryUsage();
process.send?.({ rates, sentPart: sent / (ROUNDS * RECORDS), heapBytes: heapUsed + external, rssBytes: rss });
process.disconnect?.();
