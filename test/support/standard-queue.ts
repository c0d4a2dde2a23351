import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';

interface Message {
  id: string;
  body: string;
  /** The retention period starts at this time, also in the dead-letter queue (Amazon SQS developer guide, "Dead-letter queues"). */
  sentAt: number;
  receives: number;
  visibleAt: number;
}

export interface QueueSettings {
  visibilityMs: number;
  retentionMs: number;
  /** The queue to which a message moves after so many receives. */
  deadLetters?: { queue: StandardQueue; maxReceiveCount: number };
}

/** A standard queue of SQS on a simulated clock. Times in epoch milliseconds. */
export class StandardQueue {
  readonly #settings: QueueSettings;
  readonly #messages = new Map<string, Message>();
  #sent = 0;

  constructor(settings: QueueSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** When the next message can be received. */
  get nextAt(): number {
    return Math.min(...[...this.#messages.values()].map(({ visibleAt }) => visibleAt));
  }

  send(body: string, now: number, sentAt = now): void {
    const id = `m${++this.#sent}`;
    this.#messages.set(id, { id, body, sentAt, receives: 0, visibleAt: now });
  }

  receive(now: number, max: number, visibilityMs = this.#settings.visibilityMs): SQSRecord[] {
    const { retentionMs, deadLetters } = this.#settings;
    const taken: SQSRecord[] = [];
    for (const message of [...this.#messages.values()]) {
      const { id, body, sentAt } = message;
      if (now - sentAt >= retentionMs) this.#messages.delete(id);
      else if (message.visibleAt <= now && taken.length < max) {
        if (deadLetters && message.receives >= deadLetters.maxReceiveCount) {
          this.#messages.delete(id);
          deadLetters.queue.send(body, now, sentAt);
          continue;
        }
        message.receives++;
        message.visibleAt = now + visibilityMs;
        const attributes = { ApproximateReceiveCount: String(message.receives) };
        taken.push({ messageId: id, receiptHandle: id, body, attributes } as SQSRecord);
      }
    }
    return taken;
  }

  hide(id: string, untilMs: number): void {
    const message = this.#messages.get(id);
    if (message) message.visibleAt = untilMs;
  }

  delete(id: string): void {
    this.#messages.delete(id);
  }

  /** Messages that can be received. */
  visible(now: number): number {
    return [...this.#messages.values()].filter(({ visibleAt }) => visibleAt <= now).length;
  }
}

/** A client whose requests go to these queues, by their URL. */
export function clientOf(queues: Readonly<Record<string, StandardQueue>>, now: () => number): SQSClient {
  const client = new SQSClient({ region: 'eu-west-1' });
  const queueOf = (url: string | undefined): StandardQueue => {
    const queue = queues[url ?? ''];
    if (!queue) throw new Error(`There is no queue ${url}`);
    return queue;
  };
  const mock = mockClient(client);
  mock.on(ReceiveMessageCommand).callsFake(({ QueueUrl, MaxNumberOfMessages, VisibilityTimeout }) => ({
    Messages: queueOf(QueueUrl)
      .receive(now(), MaxNumberOfMessages, VisibilityTimeout * 1000)
      .map(({ messageId, receiptHandle, body }) => ({
        MessageId: messageId,
        ReceiptHandle: receiptHandle,
        Body: body,
      })),
  }));
  mock
    .on(SendMessageCommand)
    .callsFake(({ QueueUrl, MessageBody }) => queueOf(QueueUrl).send(MessageBody, now()));
  mock
    .on(DeleteMessageCommand)
    .callsFake(({ QueueUrl, ReceiptHandle }) => queueOf(QueueUrl).delete(ReceiptHandle));
  mock.on(GetQueueAttributesCommand).callsFake(({ QueueUrl }) => ({
    Attributes: { ApproximateNumberOfMessages: String(queueOf(QueueUrl).visible(now())) },
  }));
  return client;
}
