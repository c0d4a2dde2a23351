/**
 * A process of its own: runs the code of diff-user over records of a stream, with SQS that takes everything, and tells
 * records for each second of a processor: of all threads, so that collecting garbage counts, and other programs on the machine do not.
 */
import type * as Sqs from '@aws-sdk/client-sqs';
import type { Context, DynamoDBStreamEvent } from 'aws-lambda';
import { streamRecords } from './stream-records.ts';

/** Files of the function's code, and of the client of SQS that it loads. */
const [file = '', sqs = ''] = process.argv.slice(2);
/** Distinct ones: as many as fit in memory beside the work without making it slower. */
const RECORDS = 2000;
/** Records of one invocation, as in `infra/change-feed.ts`. */
const BATCH = 100;
const ROUNDS = 50;

const { SendMessageBatchCommand, SQSClient }: typeof Sqs = await import(sqs);
let sent = 0;
SQSClient.prototype.send = async (command: unknown) => {
  if (command instanceof SendMessageBatchCommand) sent += command.input.Entries?.length ?? 0;
  return {};
};
const { handler }: { handler(event: DynamoDBStreamEvent, context: Context): Promise<unknown> } = await import(
  file
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
