import {
  ChangeMessageVisibilityCommand,
  type Message,
  MessageNotInflight,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { countMessages } from '../../shared/queue/count-messages.ts';

/** How long messages are hidden while a command works with them, in seconds. They come back by themselves if it dies. */
export const HOLD_SECONDS = 120;
const PER_RECEIVE = 10;
/**
 * A short poll asks only some of SQS's servers and can miss messages; a long one asks all of them (Amazon SQS developer guide,
 * "Short and long polling"). Two in a row that find nothing new are believed when the count of visible messages is 0 too. That
 * count lags, and includes messages of a FIFO group behind one in flight, so it keeps the command waiting only so long.
 */
const LONG_POLL_SECONDS = 2;
const EMPTY_POLLS = 2;
const MAX_EMPTY_POLLS = 4;

/**
 * Receives all messages of a queue that can be seen, and hides them for `HOLD_SECONDS`.
 *
 * @yields batches. A message comes again, with a new receipt handle, when it was held for too long.
 */
export async function* receiveAll(
  sqs: SQSClient,
  QueueUrl: string,
  names: Pick<ReceiveMessageCommandInput, 'MessageAttributeNames' | 'MessageSystemAttributeNames'> = {},
): AsyncGenerator<Message[]> {
  const seen = new Set<string>();
  for (let emptyPolls = 0; emptyPolls < MAX_EMPTY_POLLS; ) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: PER_RECEIVE,
        VisibilityTimeout: HOLD_SECONDS,
        WaitTimeSeconds: LONG_POLL_SECONDS,
        ...names,
      }),
    );
    const known = seen.size;
    for (const { MessageId = '' } of Messages) seen.add(MessageId);
    yield Messages;
    emptyPolls = seen.size > known ? 0 : emptyPolls + 1;
    if (emptyPolls >= EMPTY_POLLS && (await countMessages(sqs, QueueUrl)).visible === 0) return;
  }
}

/** Makes held messages visible again. */
export async function release(
  sqs: SQSClient,
  QueueUrl: string,
  receiptHandles: Iterable<string>,
): Promise<void> {
  for (const ReceiptHandle of receiptHandles) {
    try {
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    } catch (error) {
      // It was held for too long, and is visible already.
      if (!(error instanceof MessageNotInflight)) throw error;
    }
  }
}
