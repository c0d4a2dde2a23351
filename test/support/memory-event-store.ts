import type { EventStore } from '../../shared/store/event-store.ts';

/** The event store in memory, with the same rules: values are copied on their way in and out. */
export function memoryEventStore(): EventStore {
  const values = new Map<string, string>();
  const read = async <Value>(key: string): Promise<Value | undefined> => {
    const text = values.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as Value);
  };
  const write = async (key: string, value: unknown): Promise<void> => {
    values.set(key, JSON.stringify(value));
  };
  const readNumbered = async <Value>(
    prefix: string,
    numbers: readonly number[],
  ): Promise<Map<number, Value>> => {
    const found = new Map<number, Value>();
    for (const number of numbers) {
      const value = await read<Value>(`${prefix} ${number}`);
      if (value !== undefined) found.set(number, value);
    }
    return found;
  };
  const writeNumbered = async (prefix: string, all: ReadonlyMap<number, unknown>): Promise<void> => {
    for (const [number, value] of all) await write(`${prefix} ${number}`, value);
  };
  return {
    readPoll: (resource) => read(`poll ${resource}`),
    writePoll: (resource, poll) => write(`poll ${resource}`, poll),
    readListing: async () => (await read('listing')) ?? {},
    writeListing: (listing) => write('listing', listing),
    readRanges: async () => (await read('ranges')) ?? [],
    writeRanges: (ranges) => write('ranges', ranges),
    readBuckets: (buckets) => readNumbered('bucket', buckets),
    writeBuckets: (buckets) => writeNumbered('bucket', buckets),
    readItemRanges: async (resource) => (await read(`ranges ${resource}`)) ?? [],
    writeItemRanges: (resource, ranges) => write(`ranges ${resource}`, ranges),
    readItems: (resource, buckets) => readNumbered(`items ${resource}`, buckets),
    writeItems: (resource, buckets) => writeNumbered(`items ${resource}`, buckets),
    readOptOutListing: async () => (await read('opt-outs')) ?? { generation: 'a', pages: 0 },
    writeOptOutListing: (listing) => write('opt-outs', listing),
    readOptOuts: async (generation, from, end) => {
      const numbers = Array.from({ length: Math.max(0, end - from) }, (_, index) => from + index);
      const found = await readNumbered<Awaited<ReturnType<EventStore['readOptOuts']>>>(generation, numbers);
      return Object.assign({}, ...found.values());
    },
    writeOptOuts: (generation, page, addresses) => write(`${generation} ${page}`, addresses),
    readLog: async () => (await read('log')) ?? { counts: {}, recent: [] },
    writeLog: (log) => write('log', log),
  };
}
