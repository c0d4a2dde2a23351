import { DescribeStreamCommand, type Shard } from '@aws-sdk/client-dynamodb-streams';
import { type EventSource, newStatistics } from './event-source.ts';
import { interruptibleSleep } from './interruptible-sleep.ts';
import { ShardReader, type ShardReaderSettings } from './shard-reader.ts';
import { type DeliverySettings, deliver } from './stream-delivery.ts';

export type StreamEventSourceSettings = Omit<ShardReaderSettings, 'shardId' | 'signal' | 'deliver'> &
  Omit<DeliverySettings, 'statistics' | 'signal'>;

/** How often to look for new shards. */
const SHARDS_POLL_MS = 2000;

/** Reads a table's stream and invokes a function with batches of changes, as Lambda's event source mapping does. */
export class StreamEventSource implements EventSource {
  readonly statistics = newStatistics();
  readonly #settings: StreamEventSourceSettings;
  readonly #stopping = new AbortController();
  readonly #readers = new Map<string, ShardReader>();
  readonly #running = new Map<string, Promise<void>>();
  /** Shards that are read to their end, or that ended before the starting position. */
  readonly #finished = new Set<string>();
  #following: Promise<void> | undefined;
  #started = false;

  constructor(settings: StreamEventSourceSettings) {
    this.#settings = settings;
  }

  /** Takes the starting position in each shard that there is. */
  async open(): Promise<void> {
    const shards = await this.#shards();
    if (this.#settings.position === 'LATEST')
      for (const { ShardId = '', SequenceNumberRange } of shards)
        if (SequenceNumberRange?.EndingSequenceNumber) this.#finished.add(ShardId);
    await this.#adopt(shards, this.#settings.position);
  }

  start(): void {
    this.#started = true;
    for (const reader of this.#readers.values()) reader.start();
    this.#following ??= this.#follow();
  }

  async pause(): Promise<void> {
    this.#started = false;
    await Promise.all([...this.#readers.values()].map((reader) => reader.pause()));
  }

  async idle(): Promise<boolean> {
    const idle = await Promise.all([...this.#readers.values()].map((reader) => reader.idle()));
    return idle.every(Boolean);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.start();
    await Promise.all([this.#following, ...this.#running.values()]);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await Promise.race([interruptibleSleep(SHARDS_POLL_MS, signal), ...this.#running.values()]);
      if (signal.aborted) return;
      try {
        await this.#adopt(await this.#shards(), 'TRIM_HORIZON');
      } catch (error) {
        if (!signal.aborted) process.stderr.write(`Listing the shards failed: ${error}\n`);
      }
    }
  }

  /** Begins to read the shards whose parents are read to the end. */
  async #adopt(shards: readonly Shard[], position: 'TRIM_HORIZON' | 'LATEST'): Promise<void> {
    const listed = new Set(shards.map(({ ShardId }) => ShardId));
    for (const { ShardId = '', ParentShardId } of shards) {
      const parentIsDone = !ParentShardId || !listed.has(ParentShardId) || this.#finished.has(ParentShardId);
      if (this.#finished.has(ShardId) || this.#readers.has(ShardId) || !parentIsDone) continue;
      const reader = this.#newReader(ShardId, position);
      await reader.open();
      this.#readers.set(ShardId, reader);
      if (this.#started) reader.start();
      const run = reader.run().finally(() => {
        this.#readers.delete(ShardId);
        this.#running.delete(ShardId);
        this.#finished.add(ShardId);
      });
      this.#running.set(ShardId, run);
    }
  }

  #newReader(shardId: string, position: 'TRIM_HORIZON' | 'LATEST'): ShardReader {
    const { signal } = this.#stopping;
    const delivery: DeliverySettings = { ...this.#settings, statistics: this.statistics, signal };
    return new ShardReader({
      ...this.#settings,
      shardId,
      position,
      signal,
      deliver: (shard, batch) => deliver(delivery, shard, batch),
    });
  }

  async #shards(): Promise<Shard[]> {
    const { streams, streamArn: StreamArn } = this.#settings;
    const shards: Shard[] = [];
    let from: string | undefined;
    do {
      const { StreamDescription } = await streams.send(
        new DescribeStreamCommand({ StreamArn, ...(from && { ExclusiveStartShardId: from }) }),
        { abortSignal: this.#stopping.signal },
      );
      shards.push(...(StreamDescription?.Shards ?? []));
      from = StreamDescription?.LastEvaluatedShardId;
    } while (from);
    return shards;
  }
}
