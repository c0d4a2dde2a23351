/**
 * Runs diff-user on stream records in a separate process, with an SQS client that accepts everything, and sends the records handled per
 * second of processor time. Processor time covers all threads, so it includes garbage collection and excludes other programs.
 */
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Context, DynamoDBStreamEvent } from 'aws-lambda';
import { streamRecords } from './stream-records.ts';

/** Distinct records: as many as fit in memory without slowing the work down. */
const RECORDS = 2000;
/** Records per invocation, as in `infra/constructs/change-feed.ts`. */
const BATCH = 100;
const ROUNDS = 50;

let sent = 0;
SQSClient.prototype.send = async (command: unknown) => {
  if (command instanceof SendMessageBatchCommand) sent += command.input.Entries?.length ?? 0;
  return {};
};
// Imported after the client was replaced.
const { handler }: { handler(event: DynamoDBStreamEvent, context: Context): Promise<unknown> } = await import(
  '../../../lambdas/diff-user/handler.ts'
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
process.send?.({ rates, sentShare: sent / (ROUNDS * RECORDS) });
process.disconnect?.();
