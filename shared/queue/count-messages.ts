import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';

/** Number of messages in a queue. Amazon SQS counts approximately, and up to a minute late. */
export interface MessageCounts {
  /** Messages that can be received, and those behind them in their group. */
  visible: number;
  /** Messages that were received and not deleted: in work, or postponed. */
  hidden: number;
  delayed: number;
}

/** Counts the messages of a queue. */
export async function countMessages(sqs: SQSClient, QueueUrl: string): Promise<MessageCounts> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    }),
  );
  return {
    visible: Number(Attributes['ApproximateNumberOfMessages'] ?? 0),
    hidden: Number(Attributes['ApproximateNumberOfMessagesNotVisible'] ?? 0),
    delayed: Number(Attributes['ApproximateNumberOfMessagesDelayed'] ?? 0),
  };
}
