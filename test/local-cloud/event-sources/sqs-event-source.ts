import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import type { QueueDescription } from '../cloud-services.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import { failedItems } from './batch-item-failures.ts';
import type { EventFilter } from './event-pattern.ts';
import { type EventSource, newStatistics } from './event-source.ts';
import { Gate } from './gate.ts';
import { interruptibleSleep } from './interruptible-sleep.ts';
import { deleteMessages, queueBacklog, receiveMessages } from './polled-queue.ts';
import { type SqsRecord, toSqsRecord } from './sqs-record.ts';

export interface SqsEventSourceSettings {
  sqs: SQSClient;
  queue: QueueDescription;
  region: string;
  target: Pick<LambdaFunction, 'invoke'>;
  batchSize: number;
  batchingWindowSeconds: number;
  maximumConcurrency: number | undefined;
  reportBatchItemFailures: boolean;
  passes: EventFilter;
}

/** How long a receive waits for messages; it returns at once when one comes. A pause takes this long at most. */
const LONG_POLL_SECONDS = 1;
const RETRY_RECEIVE_MS = 500;

/** Without a maximum, Lambda begins with five batches at once and adds up to 300 a minute, up to 1,250 (developer guide). */
const INITIAL_CONCURRENCY = 5;
const ADDED_CONCURRENCY_PER_SECOND = 5;
const MAX_CONCURRENCY = 1250;

/**
 * Polls a queue and invokes a function with batches, as Lambda's event source mapping does: what succeeded is deleted,
 * what failed or was throttled comes back when its visibility time-out is over.
 */
export class SqsEventSource implements EventSource {
  readonly statistics = newStatistics();
  readonly #settings: SqsEventSourceSettings;
  readonly #gate = new Gate();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #polling: Promise<void> | undefined;
  #startedAt = 0;

  constructor(settings: SqsEventSourceSettings) {
    this.#settings = settings;
  }

  start(): void {
    this.#gate.open();
    this.#startedAt ||= Date.now();
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
      while (this.#inFlight.size >= this.#concurrency()) await Promise.race(this.#inFlight);
      const messages = await this.#receiveBatch().catch((error: unknown) => this.#receiveFailed(error));
      if (messages.length === 0) continue;
      const run = this.#process(messages).finally(() => this.#inFlight.delete(run));
      this.#inFlight.add(run);
    }
  }

  #concurrency(): number {
    const { maximumConcurrency } = this.#settings;
    const seconds = Math.floor((Date.now() - this.#startedAt) / 1000);
    return (
      maximumConcurrency ??
      Math.min(MAX_CONCURRENCY, INITIAL_CONCURRENCY + ADDED_CONCURRENCY_PER_SECOND * seconds)
    );
  }

  async #receiveBatch(): Promise<Message[]> {
    const { sqs, queue, batchSize, batchingWindowSeconds } = this.#settings;
    const receive = (count: number) =>
      receiveMessages(sqs, queue.url, count, LONG_POLL_SECONDS, this.#stopping.signal);
    const messages = await receive(batchSize);
    const deadline = Date.now() + batchingWindowSeconds * 1000;
    while (messages.length > 0 && messages.length < batchSize && Date.now() < deadline) {
      messages.push(...(await receive(batchSize - messages.length)));
    }
    return messages;
  }

  async #receiveFailed(error: unknown): Promise<Message[]> {
    if (this.#stopping.signal.aborted) return [];
    process.stderr.write(`Receiving from ${this.#settings.queue.arn} failed: ${error}\n`);
    await interruptibleSleep(RETRY_RECEIVE_MS, this.#stopping.signal);
    return [];
  }

  async #process(messages: readonly Message[]): Promise<void> {
    const { sqs, queue, region, passes } = this.#settings;
    const all = messages.map((message) => toSqsRecord(message, queue.arn, region));
    const records = all.filter((record) => passes({ ...record, body: parsedBody(record.body) }));
    const failed = records.length === 0 ? new Set<string>() : await this.#invoke(records);
    this.statistics.failures += failed.size;
    const done = all.filter(({ messageId }) => !failed.has(messageId));
    await deleteMessages(sqs, queue.url, done).catch((error: unknown) => {
      if (!this.#stopping.signal.aborted)
        process.stderr.write(`Deleting from ${queue.arn} failed: ${error}\n`);
    });
  }

  /** @returns ids of the messages that failed. The function itself has reported why. */
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

function parsedBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
