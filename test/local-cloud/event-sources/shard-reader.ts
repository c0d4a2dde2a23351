import {
  type _Record as ApiRecord,
  type AttributeValue,
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type ShardIteratorType,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import type { EventFilter } from './event-pattern.ts';
import { Gate, interruptibleSleep } from './event-source.ts';

export type StartingPosition = 'TRIM_HORIZON' | 'LATEST';

export interface ShardReaderSettings {
  streams: DynamoDBStreamsClient;
  streamArn: string;
  shardId: string;
  region: string;
  position: StartingPosition;
  batchSize: number;
  passes: EventFilter;
  signal: AbortSignal;
  deliver(shardId: string, batch: readonly StreamRecord[]): Promise<void>;
}

/** A little more often than Lambda, which polls each shard four times a second. */
const POLL_MS = 200;
/** Most records of one read (DynamoDB Streams API reference, `GetRecords`, `Limit`). After a full read there may be more. */
const FULL_READ = 1000;
const RETRY_READ_MS = 500;

/** Reads one shard to its end and delivers its records in order, one batch after another. */
export class ShardReader {
  readonly #settings: ShardReaderSettings;
  readonly #gate = new Gate();
  #iterator: string | undefined;
  #lastSequenceNumber: string | undefined;
  #delivering = false;
  #polls = 0;

  constructor(settings: ShardReaderSettings) {
    this.#settings = settings;
  }

  /** Takes the position in the shard. Records written from here on are not missed. */
  async open(): Promise<void> {
    const { position } = this.#settings;
    this.#iterator = await (this.#lastSequenceNumber === undefined
      ? this.#iteratorAt(position)
      : this.#iteratorAt('AFTER_SEQUENCE_NUMBER', this.#lastSequenceNumber));
  }

  start(): void {
    this.#gate.open();
  }

  async pause(): Promise<void> {
    this.#gate.close();
    await this.#gate.reached;
  }

  /** Reads until the shard ends and all its records are delivered or discarded. */
  async run(): Promise<void> {
    const { signal } = this.#settings;
    while (this.#iterator && !signal.aborted) {
      await this.#gate.pass();
      const records = await this.#read();
      await this.#deliver(records);
      if (records.length < FULL_READ) await interruptibleSleep(POLL_MS, signal);
    }
  }

  async idle(): Promise<boolean> {
    const { signal } = this.#settings;
    const last = this.#lastSequenceNumber;
    // The poll that runs now may have missed the newest record. The second poll from now starts later than this call.
    const enough = this.#polls + 2;
    const canPoll = () => this.#gate.isOpen && this.#iterator !== undefined && !signal.aborted;
    while (!this.#delivering && canPoll() && this.#polls < enough)
      await interruptibleSleep(POLL_MS / 4, signal);
    return !this.#delivering && last === this.#lastSequenceNumber;
  }

  async #read(): Promise<ApiRecord[]> {
    const { streams, signal, shardId } = this.#settings;
    try {
      const { Records = [], NextShardIterator } = await streams.send(
        new GetRecordsCommand({ ShardIterator: this.#iterator }),
        { abortSignal: signal },
      );
      this.#delivering = Records.length > 0;
      this.#lastSequenceNumber = Records.at(-1)?.dynamodb?.SequenceNumber ?? this.#lastSequenceNumber;
      this.#iterator = NextShardIterator;
      this.#polls++;
      return Records;
    } catch (error) {
      if (signal.aborted) return [];
      process.stderr.write(`Could not read the shard ${shardId}: ${error}\n`);
      await interruptibleSleep(RETRY_READ_MS, signal);
      if (error instanceof ExpiredIteratorException) await this.open();
      // DynamoDB Local trims a stream by size, not after a day. Like Lambda, continue with the oldest record left.
      if (error instanceof TrimmedDataAccessException)
        this.#iterator = await this.#iteratorAt('TRIM_HORIZON');
      return [];
    }
  }

  async #deliver(changes: readonly ApiRecord[]): Promise<void> {
    const { streamArn, region, passes, batchSize, shardId, signal, deliver } = this.#settings;
    const records = changes.map((change) => toStreamRecord(change, streamArn, region)).filter(passes);
    try {
      for (let from = 0; from < records.length; from += batchSize)
        await deliver(shardId, records.slice(from, from + batchSize));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    this.#delivering = false;
  }

  async #iteratorAt(
    ShardIteratorType: ShardIteratorType,
    SequenceNumber?: string,
  ): Promise<string | undefined> {
    const { streams, streamArn: StreamArn, shardId: ShardId, signal } = this.#settings;
    const position = { ShardIteratorType, ...(SequenceNumber && { SequenceNumber }) };
    const command = new GetShardIteratorCommand({ StreamArn, ShardId, ...position });
    const { ShardIterator } = await streams.send(command, { abortSignal: signal });
    return ShardIterator;
  }
}

export type StreamRecord = ReturnType<typeof toStreamRecord>;

type Item = Record<string, AttributeValue> | undefined;

/** Change as Lambda passes it to a function: times in epoch seconds, binary values in base64 (Lambda developer guide, "Example event"). */
export function toStreamRecord(record: ApiRecord, eventSourceARN: string, awsRegion: string) {
  const { Keys, NewImage, OldImage, ApproximateCreationDateTime, ...change } = record.dynamodb ?? {};
  return {
    eventID: record.eventID ?? '',
    eventName: record.eventName ?? '',
    eventVersion: record.eventVersion ?? '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion,
    dynamodb: {
      ApproximateCreationDateTime: Math.floor((ApproximateCreationDateTime ?? new Date()).getTime() / 1000),
      ...images({ Keys, NewImage, OldImage }),
      SequenceNumber: change.SequenceNumber ?? '',
      SizeBytes: change.SizeBytes ?? 0,
      StreamViewType: change.StreamViewType ?? '',
    },
    ...(record.userIdentity && {
      userIdentity: { principalId: record.userIdentity.PrincipalId, type: record.userIdentity.Type },
    }),
    eventSourceARN,
  };
}

function images(items: Record<string, Item>): Record<string, unknown> {
  const present = Object.entries(items).filter(([, item]) => item !== undefined);
  return Object.fromEntries(present.map(([name, item = {}]) => [name, mapValues(item)]));
}

function mapValues(item: Record<string, AttributeValue>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, toJson(value)]));
}

function toJson(value: AttributeValue): unknown {
  if (value.B) return { B: base64(value.B) };
  if (value.BS) return { BS: value.BS.map(base64) };
  if (value.L) return { L: value.L.map(toJson) };
  if (value.M) return { M: mapValues(value.M) };
  return value;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
