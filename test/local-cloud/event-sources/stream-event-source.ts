import { DescribeStreamCommand, type Shard } from '@aws-sdk/client-dynamodb-streams';
import { type EventSource, interruptibleSleep, newStatistics } from './event-source.ts';
import { ShardReader, type ShardReaderSettings, type StartingPosition } from './shard-reader.ts';
import { type DeliverySettings, deliver } from './stream-delivery.ts';

export type StreamEventSourceSettings = Omit<ShardReaderSettings, 'shardId' | 'signal' | 'deliver'> &
  Omit<DeliverySettings, 'statistics' | 'signal'>;

/** How often new shards are listed. */
const SHARDS_POLL_MS = 2000;

/** Reads a table's stream and invokes a function with batches of changes, like Lambda's event source mapping. */
export class StreamEventSource implements EventSource {
  readonly statistics = newStatistics();
  readonly #settings: StreamEventSourceSettings;
  readonly #stopping = new AbortController();
  readonly #readers = new Map<string, ShardReader>();
  readonly #running = new Map<string, Promise<void>>();
  /** Shards that were read to their end, or that ended before the starting position. */
  readonly #finished = new Set<string>();
  #following: Promise<void> | undefined;
  #started = false;

  constructor(settings: StreamEventSourceSettings) {
    this.#settings = settings;
  }

  /** Takes the starting position in each existing shard. */
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
        if (!signal.aborted) process.stderr.write(`Could not list the shards: ${error}\n`);
      }
    }
  }

  /** Starts reading the shards whose parents were read to their end. */
  async #adopt(shards: readonly Shard[], position: StartingPosition): Promise<void> {
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

  #newReader(shardId: string, position: StartingPosition): ShardReader {
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
