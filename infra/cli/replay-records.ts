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
import { messageByKey } from '../../lambdas/diff-user/message-by-key.ts';
import { type Outgoing, sendInOrder } from '../../lambdas/diff-user/send-in-order.ts';
import { countMessages } from '../../shared/queue/count-messages.ts';
import { CommandError } from './command-error.ts';
import { receiveAll, release } from './receive-all.ts';

export interface ReplayOptions {
  queueUrl: string;
  failureQueueUrl: string;
  dryRun?: boolean | undefined;
  /** Forgets positions whose records have left the stream. */
  discardExpired?: boolean | undefined;
}

export interface ReplayReport {
  /** Positions in the stream that were in the failure queue. */
  positions: number;
  /** Users who were sent to the queue. */
  users: number;
  /** Positions whose records have left the stream, after 24 hours: they cannot tell their users any more. */
  expired: number;
  /** Entries of the failure queue that are no positions. */
  unreadable: number;
  /** About how many entries another reader holds: a second replay, or one that was interrupted. */
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

/** Pages of one position that are read at most: a batch has 100 records, and a page holds many more. */
const MAX_PAGES = 100;

/**
 * Sends a fresh message for each user whose stream records could not be handled, and deletes their positions after that. The
 * messages say only who should be looked at, so replaying twice does no harm. Positions that stay are visible again at the end.
 *
 * @throws CommandError when SQS does not take the messages; nothing is forgotten then.
 */
export async function replay(
  streams: DynamoDBStreamsClient,
  sqs: SQSClient,
  { queueUrl, failureQueueUrl: QueueUrl, dryRun, discardExpired }: ReplayOptions,
): Promise<ReplayReport> {
  const report: ReplayReport = { positions: 0, users: 0, expired: 0, unreadable: 0, heldElsewhere: 0 };
  /** Receipt handles of what stays, by message id. */
  const staying = new Map<string, string>();
  const replayOne = async ({ MessageId = '', Body = '', ReceiptHandle }: Message): Promise<void> => {
    const position = positionOf(Body);
    if (!position) {
      report.unreadable++;
      return;
    }
    report.positions++;
    const records = await recordsAt(streams, position);
    if (records) {
      const outgoing = records.flatMap(outgoingOf);
      report.users += new Set(outgoing.map(({ message }) => message.userId)).size;
      if (!dryRun && (await sendInOrder(sqs, queueUrl, outgoing)).length > 0)
        throw new CommandError('SQS did not take all messages. Nothing is lost: run it again.');
    } else report.expired++;
    if (dryRun || !(records || discardExpired)) return;
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    staying.delete(MessageId);
  };
  try {
    for await (const messages of receiveAll(sqs, QueueUrl)) {
      const fresh = messages.filter(({ MessageId = '' }) => !staying.has(MessageId));
      for (const { MessageId = '', ReceiptHandle = '' } of messages) staying.set(MessageId, ReceiptHandle);
      for (const message of fresh) await replayOne(message);
    }
    report.heldElsewhere = Math.max(0, (await countMessages(sqs, QueueUrl)).hidden - staying.size);
    return report;
  } finally {
    await release(sqs, QueueUrl, staying.values());
  }
}

function positionOf(body: string): Position | undefined {
  try {
    return positionSchema.safeParse(JSON.parse(body)).data?.DDBStreamBatchInfo;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The records of a position, or undefined where they have left the stream. */
async function recordsAt(
  streams: DynamoDBStreamsClient,
  { streamArn, shardId, startSequenceNumber, endSequenceNumber }: Position,
): Promise<StreamRecord[] | undefined> {
  const records: StreamRecord[] = [];
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
    for (let page = 0; iterator && page < MAX_PAGES; page++) {
      const { Records = [], NextShardIterator } = await streams.send(
        new GetRecordsCommand({ ShardIterator: iterator }),
      );
      records.push(...Records.filter(isWithin));
      const last = Records.at(-1);
      if (last && BigInt(last.dynamodb?.SequenceNumber ?? 0) >= BigInt(endSequenceNumber)) break;
      iterator = NextShardIterator;
    }
    return records;
  } catch (error) {
    const isGone =
      error instanceof TrimmedDataAccessException ||
      error instanceof ResourceNotFoundException ||
      error instanceof ExpiredIteratorException;
    if (isGone) return undefined;
    throw error;
  }
}

/** A fresh message for the record's user; none for an item that is no user. */
function outgoingOf({ eventID = '', eventName, dynamodb = {} }: StreamRecord): Outgoing[] {
  const { Keys: keys, OldImage: oldImage, ApproximateCreationDateTime, SequenceNumber = '' } = dynamodb;
  const at = (ApproximateCreationDateTime ?? new Date(0)).toISOString();
  const message = messageByKey({ eventName, keys, oldImage, at });
  return message
    ? [{ eventId: `replay-${eventID}`.slice(0, 128), sequenceNumber: SequenceNumber, message }]
    : [];
}
