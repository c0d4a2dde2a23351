import { createHash } from 'node:crypto';
import {
  type _Record as ApiRecord,
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type ShardIteratorType,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import type { EventFilter } from './event-pattern.ts';
import { Gate } from './gate.ts';
import { interruptibleSleep } from './interruptible-sleep.ts';
import { StreamLane } from './stream-lane.ts';
import { type StreamRecord, toStreamRecord } from './stream-record.ts';

export interface ShardReaderSettings {
  streams: DynamoDBStreamsClient;
  streamArn: string;
  shardId: string;
  region: string;
  /** Where to begin. */
  position: 'TRIM_HORIZON' | 'LATEST';
  parallelizationFactor: number;
  batchSize: number;
  batchingWindowSeconds: number;
  passes: EventFilter;
  signal: AbortSignal;
  deliver(shardId: string, batch: readonly StreamRecord[]): Promise<void>;
}

/** Lambda polls shards four times a second; ten keep a live run quick, and cost the emulator little. */
const POLL_MS = 100;
/** Records that one read gives at most (DynamoDB Streams API reference, `GetRecords`, `Limit`): then there may be more. */
const FULL_READ = 1000;
const RETRY_READ_MS = 500;

/** Follows one shard to its end, and hands its records to lanes by key. */
export class ShardReader {
  readonly #settings: ShardReaderSettings;
  readonly #lanes: StreamLane[];
  readonly #gate = new Gate();
  #iterator: string | undefined;
  #lastSequenceNumber: string | undefined;
  #polls = 0;

  constructor(settings: ShardReaderSettings) {
    this.#settings = settings;
    const deliver = (batch: readonly StreamRecord[]) => settings.deliver(settings.shardId, batch);
    this.#lanes = Array.from(
      { length: settings.parallelizationFactor },
      () => new StreamLane({ ...settings, deliver }),
    );
  }

  /** Takes its position in the shard: from here on nothing is missed. */
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

  /** Reads until the shard ends and all of its records are done with. */
  async run(): Promise<void> {
    const { signal } = this.#settings;
    while (this.#iterator && !signal.aborted) {
      await this.#gate.pass();
      const count = this.#lanes.some((lane) => lane.full) ? 0 : await this.#read();
      if (count < FULL_READ) await interruptibleSleep(POLL_MS, signal);
    }
    await Promise.all(this.#lanes.map((lane) => lane.drained()));
  }

  async idle(): Promise<boolean> {
    const allIdle = () => this.#lanes.every((lane) => lane.idle);
    const { signal } = this.#settings;
    const last = this.#lastSequenceNumber;
    // A poll that began after this call: the second to end from now on.
    const enough = this.#polls + 2;
    while (allIdle() && this.#gate.isOpen && this.#iterator && !signal.aborted && this.#polls < enough)
      await interruptibleSleep(POLL_MS / 4, signal);
    return allIdle() && last === this.#lastSequenceNumber;
  }

  async #read(): Promise<number> {
    const { streams, signal } = this.#settings;
    try {
      const { Records = [], NextShardIterator } = await streams.send(
        new GetRecordsCommand({ ShardIterator: this.#iterator }),
        { abortSignal: signal },
      );
      this.#hand(Records);
      this.#iterator = NextShardIterator;
      this.#polls++;
      return Records.length;
    } catch (error) {
      if (signal.aborted) return 0;
      process.stderr.write(`Reading the shard ${this.#settings.shardId} failed: ${error}\n`);
      await interruptibleSleep(RETRY_READ_MS, signal);
      if (error instanceof ExpiredIteratorException) await this.open();
      // The emulator trims a stream by its size, and not after a day: what is left is read from its beginning, as by Lambda.
      if (error instanceof TrimmedDataAccessException)
        this.#iterator = await this.#iteratorAt('TRIM_HORIZON');
      return 0;
    }
  }

  #hand(records: readonly ApiRecord[]): void {
    const { streamArn, region, passes } = this.#settings;
    const all = records.map((record) => toStreamRecord(record, streamArn, region));
    const lanes = Map.groupBy(all.filter(passes), (record) => this.#laneOf(record));
    for (const [index, laneRecords] of lanes) this.#lanes[index]?.push(laneRecords);
    this.#lastSequenceNumber = all.at(-1)?.dynamodb.SequenceNumber ?? this.#lastSequenceNumber;
  }

  #laneOf({ dynamodb }: StreamRecord): number {
    if (this.#lanes.length === 1) return 0;
    const keys = 'Keys' in dynamodb ? dynamodb.Keys : undefined;
    return createHash('md5').update(JSON.stringify(keys)).digest().readUInt32BE() % this.#lanes.length;
  }

  async #iteratorAt(
    ShardIteratorType: ShardIteratorType,
    SequenceNumber?: string,
  ): Promise<string | undefined> {
    const { streams, streamArn: StreamArn, shardId: ShardId, signal } = this.#settings;
    const position = { ShardIteratorType, ...(SequenceNumber && { SequenceNumber }) };
    const { ShardIterator } = await streams.send(
      new GetShardIteratorCommand({ StreamArn, ShardId, ...position }),
      {
        abortSignal: signal,
      },
    );
    return ShardIterator;
  }
}
