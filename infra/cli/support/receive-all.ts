import {
  ChangeMessageVisibilityCommand,
  type Message,
  MessageNotInflight,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  type SQSClient,
  SQSServiceException,
} from '@aws-sdk/client-sqs';
import { countMessages } from '../../../shared/queue/count-messages.ts';

/** Visibility timeout while a command works on messages, in seconds. If the command dies, they become visible after it. */
export const VISIBILITY_SECONDS = 120;
const PER_RECEIVE = 10;
/**
 * A short poll asks only some of SQS's servers and can miss messages; a long one asks all of them (Amazon SQS developer guide,
 * "Short and long polling"). The queue counts as empty after two polls without a new message and a count of 0 visible messages. That
 * count lags, and includes messages of a FIFO group behind one in flight, so polling ends after four in any case.
 */
const LONG_POLL_SECONDS = 2;
const EMPTY_POLLS = 2;
const MAX_EMPTY_POLLS = 4;

/**
 * Receives all visible messages of a queue, and hides them for `VISIBILITY_SECONDS`.
 *
 * @yields batches. A message whose visibility timeout ended comes again, with a new receipt handle.
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
        VisibilityTimeout: VISIBILITY_SECONDS,
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

/** Makes received messages visible again. */
export async function release(
  sqs: SQSClient,
  QueueUrl: string,
  receiptHandles: Iterable<string>,
): Promise<void> {
  for (const ReceiptHandle of receiptHandles) {
    try {
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    } catch (error) {
      // Its visibility timeout has ended: it is visible already.
      if (!isExpiredHandle(error)) throw error;
    }
  }
}

/**
 * Whether the visibility timeout of a message has ended, so that its receipt handle is invalid. A FIFO queue answers
 * `InvalidParameterValue`: "… Reason: The receipt handle has expired." (https://repost.aws/knowledge-center/sqs-receipt-handle-error)
 */
export const isExpiredHandle = (error: unknown): boolean =>
  error instanceof MessageNotInflight ||
  error instanceof ReceiptHandleIsInvalid ||
  (error instanceof SQSServiceException && error.message.includes('receipt handle has expired'));
