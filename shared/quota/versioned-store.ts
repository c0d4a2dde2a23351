import { VERSIONED_WRITE } from './retry-policy.ts';

/** A value and its version in the store. */
export interface Versioned<Value> {
  value: Value;
  version: number;
}

/** Result of a conditional write: stored, or the condition failed on what was found. */
export type Written<Stored> = { stored: true } | { stored: false; found: Stored | undefined };

/** A single value with several writers, who use optimistic locking: a write succeeds only over the version that was read. */
export interface VersionedStore<Value> {
  /** The value and its version, or undefined before the first write. */
  read(): Promise<Versioned<Value> | undefined>;
  /** Stores a value over a version (undefined: over none), unless another writer was faster. */
  write(value: Value, over: number | undefined): Promise<Written<Versioned<Value>>>;
}

/** Every attempt to write lost against another writer. */
export class BusyError extends Error {
  override name = 'BusyError';
}

/**
 * Applies a change by a conditional write, and retries it while other writers are faster: the first time over the value that was found,
 * then after a random rest, since two writers that have met twice would meet again.
 *
 * A write whose answer was lost, and that another writer has overwritten since, is repeated. So `change` may be applied twice and must be
 * safe then: requests are counted once too often, and request slots stay unused.
 *
 * @param known what was last read or written: saves the first read.
 * @returns the value as stored.
 * @throws BusyError after the last attempt.
 */
export async function updateVersioned<Value>(
  store: VersionedStore<Value>,
  change: (value: Value | undefined) => Value,
  known?: Versioned<Value>,
): Promise<Versioned<Value>> {
  let stored = known ?? (await store.read());
  for (let attempt = 0; attempt < VERSIONED_WRITE.attempts; attempt++) {
    const value = change(stored?.value);
    const written = await store.write(value, stored?.version);
    if (written.stored) return { value, version: (stored?.version ?? 0) + 1 };
    stored = attempt === 0 ? written.found : await readAfterRest(store);
  }
  throw new BusyError(`Not stored: other writers were faster ${VERSIONED_WRITE.attempts} times`);
}

async function readAfterRest<Value>(store: VersionedStore<Value>): Promise<Versioned<Value> | undefined> {
  await new Promise((rested) => setTimeout(rested, Math.random() * VERSIONED_WRITE.maxRestMs));
  return store.read();
}
