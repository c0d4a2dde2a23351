import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { QueueDescription } from '../cloud-services.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import { type EventSource, failedItems, Gate, interruptibleSleep, newStatistics } from './event-source.ts';

export interface SqsEventSourceSettings {
  sqs: SQSClient;
  queue: QueueDescription;
  region: string;
  target: Pick<LambdaFunction, 'invoke'>;
  batchSize: number;
  /** Most batches that are processed at the same time. */
  maximumConcurrency: number;
  reportBatchItemFailures: boolean;
}

/** Most entries of one ReceiveMessage or DeleteMessageBatch (Amazon SQS API reference). */
export const MAX_ENTRIES = 10;
/** How long a receive waits for a message. It returns as soon as one arrives; a pause takes up to this long. */
const LONG_POLL_SECONDS = 1;
const RETRY_RECEIVE_MS = 500;

/**
 * Polls a queue and invokes a function with batches, like Lambda's event source mapping: deletes what succeeded; what failed
 * or was throttled becomes visible again after the visibility timeout.
 */
export class SqsEventSource implements EventSource {
  readonly statistics = newStatistics();
  readonly #settings: SqsEventSourceSettings;
  readonly #gate = new Gate();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #polling: Promise<void> | undefined;

  constructor(settings: SqsEventSourceSettings) {
    this.#settings = settings;
  }

  start(): void {
    this.#gate.open();
    this.#polling ??= this.#poll();
  }

  async pause(): Promise<void> {
    this.#gate.close();
    if (this.#polling) await this.#gate.reached;
  }

  async idle(): Promise<boolean> {
    const { sqs, queue } = this.#settings;
    if (this.#inFlight.size > 0) return false;
    const backlog = await queueBacklog(sqs, queue.url);
    return this.#inFlight.size === 0 && backlog === 0;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#gate.open();
    await this.#polling;
    await Promise.all(this.#inFlight);
  }

  async #poll(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#gate.pass();
      while (this.#inFlight.size >= this.#settings.maximumConcurrency) await Promise.race(this.#inFlight);
      const messages = await this.#receive().catch((error: unknown) => this.#receiveFailed(error));
      if (messages.length === 0) continue;
      const run = this.#process(messages).finally(() => this.#inFlight.delete(run));
      this.#inFlight.add(run);
    }
  }

  async #receive(): Promise<Message[]> {
    const { sqs, queue, batchSize } = this.#settings;
    const command = new ReceiveMessageCommand({
      QueueUrl: queue.url,
      MaxNumberOfMessages: batchSize,
      WaitTimeSeconds: LONG_POLL_SECONDS,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    const { Messages = [] } = await sqs.send(command, { abortSignal: this.#stopping.signal });
    return Messages;
  }

  async #receiveFailed(error: unknown): Promise<Message[]> {
    if (this.#stopping.signal.aborted) return [];
    process.stderr.write(`Could not receive from ${this.#settings.queue.arn}: ${error}\n`);
    await interruptibleSleep(RETRY_RECEIVE_MS, this.#stopping.signal);
    return [];
  }

  async #process(messages: readonly Message[]): Promise<void> {
    const { sqs, queue, region } = this.#settings;
    const records = messages.map((message) => toSqsRecord(message, queue.arn, region));
    const failed = await this.#invoke(records);
    this.statistics.failures += failed.size;
    const succeeded = records.filter(({ messageId }) => !failed.has(messageId));
    await deleteMessages(sqs, queue.url, succeeded).catch((error: unknown) => {
      if (!this.#stopping.signal.aborted)
        process.stderr.write(`Could not delete from ${queue.arn}: ${error}\n`);
    });
  }

  /** @returns ids of the failed messages. The function itself has logged the reason. */
  async #invoke(Records: readonly SqsRecord[]): Promise<ReadonlySet<string>> {
    const { target, reportBatchItemFailures } = this.#settings;
    const ids = Records.map(({ messageId }) => messageId);
    this.statistics.batches++;
    this.statistics.records += Records.length;
    return target.invoke({ Records }).then(
      (response) => (reportBatchItemFailures ? failedItems(response, ids) : new Set()),
      () => new Set(ids),
    );
  }
}

export type SqsRecord = ReturnType<typeof toSqsRecord>;

/** The message as Lambda passes it to a function (Lambda developer guide, "Example Amazon SQS message event"). */
function toSqsRecord(message: Message, eventSourceARN: string, awsRegion: string) {
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [
    name,
    {
      ...(value.StringValue !== undefined && { stringValue: value.StringValue }),
      ...(value.BinaryValue !== undefined && {
        binaryValue: Buffer.from(value.BinaryValue).toString('base64'),
      }),
      stringListValues: [],
      binaryListValues: [],
      dataType: value.DataType ?? 'String',
    },
  ]);
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(attributes),
    ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN,
    awsRegion,
  };
}

async function deleteMessages(
  sqs: SQSClient,
  QueueUrl: string,
  records: readonly SqsRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const Entries = records.map(({ receiptHandle }, index) => ({
    Id: String(index),
    ReceiptHandle: receiptHandle,
  }));
  await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
}

/** Messages that are not deleted yet: visible, delayed and in flight. */
async function queueBacklog(sqs: SQSClient, QueueUrl: string): Promise<number> {
  const command = new GetQueueAttributesCommand({
    QueueUrl,
    AttributeNames: [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesDelayed',
      'ApproximateNumberOfMessagesNotVisible',
    ],
  });
  const { Attributes = {} } = await sqs.send(command);
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}
