import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** Most messages of one ReceiveMessage and of one DeleteMessageBatch (Amazon SQS API reference). */
const MAX_ENTRIES = 10;

/** Receives messages with all that is known of them; waits for the first for as many seconds as told. */
export async function receiveMessages(
  sqs: SQSClient,
  queueUrl: string,
  count: number,
  waitSeconds: number,
  abortSignal: AbortSignal,
): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: Math.min(MAX_ENTRIES, count),
    WaitTimeSeconds: waitSeconds,
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  });
  const { Messages = [] } = await sqs.send(command, { abortSignal });
  return Messages;
}

/** Deletes messages for good. */
export async function deleteMessages(
  sqs: SQSClient,
  queueUrl: string,
  messages: readonly { receiptHandle: string }[],
): Promise<void> {
  for (let from = 0; from < messages.length; from += MAX_ENTRIES) {
    const entries = messages.slice(from, from + MAX_ENTRIES).map(({ receiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle: receiptHandle,
    }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
  }
}

/** Messages that are not deleted yet: visible, delayed and in flight. */
export async function queueBacklog(sqs: SQSClient, queueUrl: string): Promise<number> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queueUrl,
    AttributeNames: [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesDelayed',
      'ApproximateNumberOfMessagesNotVisible',
    ],
  });
  const { Attributes = {} } = await sqs.send(command);
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}
