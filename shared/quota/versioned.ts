import { VERSIONED_WRITE } from './retry-policy.ts';

/** A value and the version that it was stored as. */
export interface Versioned<Value> {
  value: Value;
  version: number;
}

/** What came of a write that has a condition: it was stored, or the condition did not hold for what was found in its place. */
export type Written<Stored> = { stored: true } | { stored: false; found: Stored | undefined };

/** Something of which there is one, that several write: each write is over the version that was read. */
export interface VersionedStore<Value> {
  /** The value and the version to write over, or undefined where nothing was stored yet. */
  read(): Promise<Versioned<Value> | undefined>;
  /** Stores a value over the version that was read, unless somebody else was quicker. */
  write(value: Value, over: number | undefined): Promise<Written<Versioned<Value>>>;
}

/** Somebody else was quicker every time. */
export class BusyError extends Error {
  override name = 'BusyError';
}

/**
 * Changes a value by one conditional write, and by another for each time that somebody else was quicker: at first over what was found
 * in its place, then over what is there after a rest, since those who have met twice would meet again.
 *
 * A write whose answer was lost, and that somebody else has written over since, is made again: `change` may be applied twice and has to
 * be safe then. Requests are counted once too often, and request slots are given up.
 *
 * @param known what was read or written last: saves the first read.
 * @returns the value as stored.
 * @throws BusyError after twelve tries.
 */
export async function updateVersioned<Value>(
  store: VersionedStore<Value>,
  change: (value: Value | undefined) => Value,
  known?: Versioned<Value>,
): Promise<Versioned<Value>> {
  let stored = known ?? (await store.read());
  for (let tried = 0; tried < VERSIONED_WRITE.attempts; tried++) {
    const value = change(stored?.value);
    const written = await store.write(value, stored?.version);
    if (written.stored) return { value, version: (stored?.version ?? 0) + 1 };
    stored = tried === 0 ? written.found : await readAfterRest(store);
  }
  throw new BusyError('It could not be stored: others were quicker every time');
}

async function readAfterRest<Value>(store: VersionedStore<Value>): Promise<Versioned<Value> | undefined> {
  await new Promise((rested) => setTimeout(rested, Math.random() * VERSIONED_WRITE.maxRestMs));
  return store.read();
}
