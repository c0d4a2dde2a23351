/** Highest number of entries in one call: SendMessageBatch (Amazon SQS quotas) and PutEvents (Amazon EventBridge quotas). */
export const MAX_ENTRIES = 10;

/** Most bytes in one call: within the 256 KB of PutEvents, with room for what an entry has besides its body. SendMessageBatch allows more. */
const MAX_BYTES = 200_000;

/** Splits entries, in order, into batches for one call each. */
export function batchesOf<Entry>(entries: readonly Entry[], bytesOf: (entry: Entry) => number): Entry[][] {
  const batches: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = bytesOf(entry);
    const last = batches.at(-1);
    if (last && last.length < MAX_ENTRIES && bytes + size <= MAX_BYTES) {
      last.push(entry);
      bytes += size;
    } else {
      batches.push([entry]);
      bytes = size;
    }
  }
  return batches;
}
