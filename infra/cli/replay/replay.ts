import {
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ResourceNotFoundException,
  type _Record as StreamRecord,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import { DeleteMessageCommand, type Message, type SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { messageByKey } from '../../../lambdas/diff-user/message-by-key.ts';
import { type Outgoing, sendInOrder } from '../../../lambdas/diff-user/send-in-order.ts';
import { countMessages } from '../../../shared/queue/count-messages.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { jsonText } from '../../../shared/zod-types.ts';
import { CommandError } from '../support/command-error.ts';
import { receiveAll, release } from '../support/receive-all.ts';

export interface ReplayOptions {
  queueUrl: string;
  failureQueueUrl: string;
  /** The mapping of the stack. */
  mapping: Pick<Mapping, 'marketingConsent'>;
  dryRun?: boolean | undefined;
  /** Deletes positions whose records have left the stream. */
  discardExpired?: boolean | undefined;
}

export interface ReplayReport {
  /** Positions in the stream that were in the failure queue. */
  positions: number;
  /** Users sent to the queue. */
  users: number;
  /** Positions whose records have left the stream (after 24 hours), so their users are unknown. */
  expired: number;
  /** Entries of the failure queue that are not positions. */
  unreadable: number;
  /** Approximate number of entries that another reader has received: a second or interrupted replay. */
  heldElsewhere: number;
}

/** What Lambda sends to a failure destination of a stream (AWS Lambda, "Retaining discarded batches"). */
const positionSchema = z.looseObject({
  DDBStreamBatchInfo: z.looseObject({
    shardId: z.string(),
    startSequenceNumber: z.string().regex(/^\d+$/),
    endSequenceNumber: z.string().regex(/^\d+$/),
    streamArn: z.string(),
  }),
});
type Position = z.infer<typeof positionSchema>['DDBStreamBatchInfo'];

/** Most pages read for one position: a batch has 100 records, and a page has many more. */
const MAX_PAGES = 100;

/**
 * Sends a message for each user whose stream records failed, and then deletes their positions. A message only names a user to sync, so
 * replaying twice is harmless. Positions that were not deleted are visible again at the end.
 *
 * @throws CommandError when SQS rejects messages; their positions are not deleted then.
 */
export async function replay(
  streams: DynamoDBStreamsClient,
  sqs: SQSClient,
  { queueUrl, failureQueueUrl: QueueUrl, mapping, dryRun, discardExpired }: ReplayOptions,
): Promise<ReplayReport> {
  const report: ReplayReport = { positions: 0, users: 0, expired: 0, unreadable: 0, heldElsewhere: 0 };
  /** Receipt handles of entries that were not deleted, by message id. */
  const remaining = new Map<string, string>();
  const replayOne = async ({ MessageId = '', Body = '', ReceiptHandle }: Message): Promise<void> => {
    const position = positionOf(Body);
    if (!position) {
      report.unreadable++;
      return;
    }
    report.positions++;
    const records = await recordsAt(streams, position);
    if (records) {
      const outgoing = records.flatMap((record) => outgoingOf(record, mapping));
      report.users += new Set(outgoing.map(({ message }) => message.userId)).size;
      if (!dryRun && (await sendInOrder(sqs, queueUrl, outgoing)).length > 0)
        throw new CommandError('SQS rejected some messages. Nothing was lost: run this again.');
    } else report.expired++;
    if (dryRun || !(records || discardExpired)) return;
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    remaining.delete(MessageId);
  };
  try {
    for await (const messages of receiveAll(sqs, QueueUrl)) {
      const fresh = messages.filter(({ MessageId = '' }) => !remaining.has(MessageId));
      for (const { MessageId = '', ReceiptHandle = '' } of messages) remaining.set(MessageId, ReceiptHandle);
      for (const message of fresh) await replayOne(message);
    }
    report.heldElsewhere = Math.max(0, (await countMessages(sqs, QueueUrl)).hidden - remaining.size);
    return report;
  } finally {
    await release(sqs, QueueUrl, remaining.values());
  }
}

const bodySchema = z.pipe(jsonText, positionSchema);

const positionOf = (body: string): Position | undefined =>
  bodySchema.safeParse(body).data?.DDBStreamBatchInfo;

/** The records of a position, or undefined when they have left the stream. */
async function recordsAt(
  streams: DynamoDBStreamsClient,
  { streamArn, shardId, startSequenceNumber, endSequenceNumber }: Position,
): Promise<StreamRecord[] | undefined> {
  const records: StreamRecord[] = [];
  let isComplete = false;
  const isWithin = ({ dynamodb }: StreamRecord) =>
    BigInt(dynamodb?.SequenceNumber ?? 0) <= BigInt(endSequenceNumber);
  try {
    let { ShardIterator: iterator } = await streams.send(
      new GetShardIteratorCommand({
        StreamArn: streamArn,
        ShardId: shardId,
        ShardIteratorType: 'AT_SEQUENCE_NUMBER',
        SequenceNumber: startSequenceNumber,
      }),
    );
    for (let page = 0; iterator && !isComplete && page < MAX_PAGES; page++) {
      const { Records = [], NextShardIterator } = await streams.send(
        new GetRecordsCommand({ ShardIterator: iterator }),
      );
      records.push(...Records.filter(isWithin));
      const last = Records.at(-1);
      // The end of a closed shard has no next iterator.
      isComplete =
        NextShardIterator === undefined ||
        (last !== undefined && BigInt(last.dynamodb?.SequenceNumber ?? 0) >= BigInt(endSequenceNumber));
      iterator = NextShardIterator;
    }
  } catch (error) {
    if (error instanceof TrimmedDataAccessException || error instanceof ResourceNotFoundException)
      return undefined;
    if (!(error instanceof ExpiredIteratorException)) throw error;
  }
  if (!isComplete)
    throw new CommandError(
      'A position of the stream was not read to its end. Nothing was lost: run this again.',
    );
  return records;
}

/** The message about the record's user; none if the item is not a user. */
function outgoingOf(
  { eventID = '', eventName, dynamodb = {} }: StreamRecord,
  { marketingConsent }: ReplayOptions['mapping'],
): Outgoing[] {
  const { Keys: keys, OldImage: oldImage, NewImage: newImage } = dynamodb;
  const { ApproximateCreationDateTime, SequenceNumber = '' } = dynamodb;
  const at = (ApproximateCreationDateTime ?? new Date(0)).toISOString();
  const message = messageByKey({ eventName, keys, oldImage, newImage, at }, marketingConsent?.given);
  return message
    ? [{ eventId: `replay-${eventID}`.slice(0, 128), sequenceNumber: SequenceNumber, message }]
    : [];
}
